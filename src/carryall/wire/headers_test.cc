#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/wire/accept.h"
#include "carryall/wire/request_id.h"

namespace carryall::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(AcceptTest, AbsentOrEmptyIsStock) {
  EXPECT_EQ(*ParseAccept(""), Accept{});
  EXPECT_EQ(*ParseAccept(" ; ;"), Accept{});
}

TEST(AcceptTest, PartsComeInAnyOrderAndUnknownOnesAreIgnored) {
  const Accept expected{16, Accept::Form::kRow, Accept::Codec::kZstd};
  EXPECT_EQ(*ParseAccept("rows=16; form=row; codec=zstd"), expected);
  EXPECT_EQ(*ParseAccept("codec = zstd;new=1;flag;\tform=row ;rows=16;"), expected);
}

TEST(AcceptTest, RowsAreCapped) {
  EXPECT_EQ(ParseAccept("rows=1000000")->rows, kMaxAcceptRows);
  EXPECT_EQ(ParseAccept("rows=99999999999999999999999")->rows, kMaxAcceptRows);
}

TEST(AcceptTest, WhatIsNoValueIsNamed) {
  for (std::string bad : {"rows=0",
                          "bytes=0",
                          "bytes=many",
                          "rows=-1",
                          "rows=",
                          "rows=1x",
                          "rows",
                          "form=both",
                          "form=",
                          "order=",
                          "order=name",
                          "codec=gzip",
                          "describe=1",
                          "codec=lz4 zstd",
                          "latency=",
                          "latency=0.009",
                          "latency=86400.1",
                          "latency=-1",
                          "latency=now",
                          "heartbeat=0",
                          "heartbeat=soon",
                          "rows=99999999999999999999999x"}) {
    const Result<Accept> parsed = ParseAccept(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kInvalidArgument);
    EXPECT_THAT(parsed.status().message(), HasSubstr(std::string(kAcceptHeader)));
  }
  EXPECT_FALSE(ParseAccept(std::string(100'000, ';')).ok());
}

TEST(AcceptTest, SpansAreSeconds) {
  const Accept accept = *ParseAccept("latency=0.25; heartbeat=5");
  EXPECT_EQ(accept.latency, Duration::FromMs(250));
  EXPECT_EQ(accept.heartbeat, Duration::FromSeconds(5));
  EXPECT_EQ(ParseAccept("latency=0.01")->latency, kLeastLatency);
  EXPECT_EQ(ParseAccept("latency=86400")->latency, kLargestLatency);
  EXPECT_EQ(ParseAccept("heartbeat=0.001")->heartbeat, kLeastHeartbeat);
  EXPECT_THAT(ParseAccept("latency=0.009").status().message(), HasSubstr("0.009 s"));
}

TEST(AcceptTest, WhatIsWrittenReadsBack) {
  for (Accept::Form form : {Accept::Form::kColumn, Accept::Form::kRow}) {
    for (Accept::Codec codec :
         {Accept::Codec::kNone, Accept::Codec::kLz4, Accept::Codec::kZstd}) {
      const Accept accept{64, form, codec};
      EXPECT_EQ(*ParseAccept(FormatAccept(accept)), accept) << FormatAccept(accept);
      const Accept describe{1, form, codec, true};
      EXPECT_EQ(*ParseAccept(FormatAccept(describe)), describe);
      const Accept live{1,
                        form,
                        codec,
                        false,
                        Duration::FromNs(62'500'000),
                        Duration::FromNs(10'000'000'001),
                        Accept::Order::kChannel,
                        1 << 20};
      EXPECT_EQ(*ParseAccept(FormatAccept(live)), live) << FormatAccept(live);
    }
  }
}

TEST(RequestIdTest, E8HeadersAreReducedAndCut) {
  EXPECT_EQ(RequestId("my id/1$2_." + std::string(40, 'x')),
            "myid12_." + std::string(24, 'x'));
  EXPECT_EQ(RequestIdSuffix("a-1"), " [request: a-1]");
}

TEST(RequestIdTest, NothingLeftMakesARandomId) {
  EXPECT_THAT(RequestId(""), MatchesRegex("[0-9a-f]{8}"));
  EXPECT_THAT(RequestId("/ $\n\xff"), MatchesRegex("[0-9a-f]{8}"));
  EXPECT_NE(RequestId("") + RequestId(""), RequestId("") + RequestId(""));
}

}  // namespace
}  // namespace carryall::wire
