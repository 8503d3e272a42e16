#include "carryall/backend/kafka/metadata_records.h"

#include <gtest/gtest.h>

namespace carryall::backend::kafka {
namespace {

using carryall::catalogue::PublisherConfig;

Channel Fixed(std::string name, uint32_t index) {
  Channel out;
  out.name = std::move(name);
  out.data_type = DataType::kFloat32;
  out.sample_rate = *SampleRate::Make(64);
  out.publisher = "FIX";
  out.partition_id = "FIX_FIX_Y8EMG0";
  out.partition_index = index;
  out.stride = Duration::FromNs(62'500'000);
  out.max_latency = Duration::FromSeconds(1);
  return out;
}

// Records that a stock server wrote for two channels of a file.
constexpr std::string_view kStockChannel =
    R"({"name": "H1:FIX-A", "data_type": "float32", "sample_rate": 64, "time": null, )"
    R"("publisher": "FIX", "partition_id": "FIX_FIX_Y8EMG0", "partition_index": 0, )"
    R"("stride": 62500000, "max_latency": 1000000000, "replay_id": null})";
constexpr std::string_view kStockPublisher =
    R"({"publisher_id": "FIX", "stride": 62500000, "max_latency": 1000000000, )"
    R"("dynamic": false, "replay_id": null})";
constexpr std::string_view kStockDigest =
    R"({"version": 1, "digest": )"
    R"("355eb3568e833c369dc6e95f99614e18d06125d98f88750ed07347b8c9b3feea", "count": 2})";

TEST(MetadataRecordsTest, AreThoseOfAStockServer) {
  const Channel a = Fixed("H1:FIX-A", 0), b = Fixed("H1:FIX-B", 1);
  PublisherConfig publisher;
  publisher.publisher_id = "FIX";
  publisher.stride = *a.stride;
  publisher.max_latency = *a.max_latency;
  EXPECT_EQ(ChannelRecord(a), kStockChannel);
  EXPECT_EQ(PublisherRecord(publisher), kStockPublisher);
  EXPECT_EQ(DigestRecord(DigestOf({&b, &a})), kStockDigest);
}

TEST(MetadataRecordsTest, AreReadBackEqual) {
  Channel channel = Fixed("H1:FIX-\xc3\xa9\"", 4'000'000'000);
  EXPECT_EQ(*ParseChannelRecord(channel.name, ChannelRecord(channel)), channel);
  channel.replay_id = "RUN1";
  channel.partition_id.reset();
  channel.partition_index.reset();
  channel.stride.reset();
  channel.max_latency.reset();
  channel.publisher.reset();
  EXPECT_EQ(*ParseChannelRecord(channel.name, ChannelRecord(channel)), channel);

  PublisherConfig publisher;
  publisher.publisher_id = "FIX";
  publisher.stride = Duration::FromSeconds(1);
  publisher.max_latency = Duration::FromSeconds(2);
  publisher.dynamic = true;
  publisher.replay_id = "RUN1";
  const auto read = *ParsePublisherRecord(PublisherRecord(publisher));
  EXPECT_EQ(PublisherRecord(read), PublisherRecord(publisher));

  const ChannelDigest digest = DigestOf({&channel});
  EXPECT_EQ(*ParseDigestRecord(DigestRecord(digest)), digest);
}

TEST(MetadataRecordsTest, TheDigestTellsEveryFieldApart) {
  const Channel base = Fixed("H1:FIX-A", 0);
  std::vector<Channel> others(8, base);
  others[0].name = "H1:FIX-B";
  others[1].replay_id = "R";
  others[2].data_type = DataType::kFloat64;
  others[3].sample_rate = *SampleRate::Make(65);
  others[4].partition_id = "FIX_FIX_Y8EMG1";
  others[5].partition_index = 1;
  others[6].stride = Duration::FromSeconds(1);
  others[7].max_latency.reset();
  for (const Channel& other : others) {
    EXPECT_NE(DigestOf({&base}), DigestOf({&other}));
  }
}

TEST(MetadataRecordsTest, RatesMayBeWrittenAsFractions) {
  std::string text(kStockChannel);
  text.replace(text.find("64,"), 3, "64.0,");
  EXPECT_EQ(*ParseChannelRecord("H1:FIX-A", text), Fixed("H1:FIX-A", 0));
}

TEST(MetadataRecordsTest, WhatIsNoneIsRefused) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text(kStockChannel);
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::string> wrong = {
      "",
      "{",
      "[]",
      "null",
      "\xff",
      std::string(60'000, '['),
      std::string(30'000, '[') + std::string(30'000, ']'),
      with("H1:FIX-A", "H1:FIX-B"),
      with("float32", "float33"),
      with("64", "0"),
      with("64", "-64"),
      with("64", "64.5"),
      with("64", "1e300"),
      with("64", "\"64\""),
      with("64", "99999999999999999999"),
      with("\"partition_index\": 0", "\"partition_index\": 4294967296"),
      with("\"partition_index\": 0", "\"partition_index\": -1"),
      with("\"FIX\"", "5"),
      with("62500000", "[]"),
      with("\"time\"", "\"time" + std::string(100'000, 'x') + "\""),
  };
  for (const std::string& text : wrong) {
    const auto parsed = ParseChannelRecord("H1:FIX-A", text);
    ASSERT_FALSE(parsed.ok()) << text.substr(0, 200);
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kCorrupt);
  }
  EXPECT_FALSE(ParseChannelRecord("noname", with("H1:FIX-A", "noname")).ok());
  EXPECT_FALSE(ParsePublisherRecord("{}").ok());
  EXPECT_FALSE(ParsePublisherRecord(
                   R"({"publisher_id": "a/b", "stride": 62500000, "max_latency": 1e9})")
                   .ok());
  EXPECT_FALSE(ParseDigestRecord("{}").ok());
  EXPECT_FALSE(ParseDigestRecord(R"({"version": 2, "digest": "", "count": 0})").ok());
}

}  // namespace
}  // namespace carryall::backend::kafka
