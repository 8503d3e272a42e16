#include "carryall/client/time_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carryall::client {
namespace {

using testing::HasSubstr;

GpsTime At(int64_t s) { return GpsTime::FromSeconds(s); }

TEST(TimeSpanTest, FormsOfASpan) {
  StreamOptions options;
  EXPECT_TRUE(ResolveSpan(options)->live());
  options.start = At(10);
  EXPECT_FALSE(ResolveSpan(options)->bounded());
  options.duration = Duration::FromSeconds(5);
  EXPECT_EQ(ResolveSpan(options)->end, At(15));
  EXPECT_FALSE(ResolveSpan(options)->empty());
  options.duration = Duration::FromSeconds(-5);
  EXPECT_TRUE(ResolveSpan(options)->empty());
  options.duration.reset();
  options.end = At(10);
  EXPECT_TRUE(ResolveSpan(options)->empty());
}

TEST(TimeSpanTest, FormsThatAreNone) {
  StreamOptions options;
  options.end = At(10);
  options.duration = Duration::FromSeconds(1);
  EXPECT_EQ(KindOf(ResolveSpan(options).status()), ErrorKind::kInvalidArgument);
  options.end.reset();
  options.duration = Duration::FromSeconds(-1);
  EXPECT_EQ(KindOf(ResolveSpan(options).status()), ErrorKind::kInvalidArgument);
}

TEST(TimeSpanTest, LatencyToleranceAndTimeToReconnectHaveLimits) {
  for (const Duration bad : {Duration(), Duration::FromNs(9'999'999),
                             Duration::FromSeconds(86'400) + Duration::FromNs(1)}) {
    StreamOptions options;
    options.latency_tolerance = bad;
    const Status status = ResolveSpan(options).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(ToString(bad)));
  }
  StreamOptions options;
  options.latency_tolerance = Duration::FromMs(10);
  options.reconnect = Duration::FromNs(1);
  EXPECT_TRUE(ResolveSpan(options).ok());
  options.reconnect = Duration();
  EXPECT_THAT(ResolveSpan(options).status().message(), HasSubstr("reconnect"));
  options.reconnect.reset();
  options.silence_timeout = Duration();
  EXPECT_THAT(ResolveSpan(options).status().message(), HasSubstr("silence"));
}

// Vectors of protocol 4.7: window 1000..1100.
TEST(TimeSpanTest, MetadataTimeOfAnAnonymousReplayLiesInItsWindow) {
  StreamOptions options;
  options.replay_start = At(1000);
  options.replay_end = At(1100);
  const auto archival = [&](int64_t t) {
    return MetadataTime(options, {At(t), std::nullopt, std::nullopt}, At(0))->ns() /
           1'000'000'000;
  };
  EXPECT_EQ(archival(1050), 1050);
  EXPECT_EQ(archival(1150), 1050);
  EXPECT_EQ(archival(1100), 1000);
  EXPECT_EQ(archival(999), 1099);
  EXPECT_EQ(archival(850), 1050);
  const GpsTime now = At(1250) + Duration::FromMs(700);
  EXPECT_EQ(*MetadataTime(options, {}, now), At(1050));
}

TEST(TimeSpanTest, MetadataTimeIsTheStartOtherwise) {
  EXPECT_EQ(MetadataTime({}, {At(7), std::nullopt, std::nullopt}, At(99)), At(7));
  EXPECT_EQ(MetadataTime({}, {}, At(99)), std::nullopt);
}

TEST(TimeSpanTest, ReplaysThatCannotBe) {
  StreamOptions options;
  EXPECT_TRUE(CheckReplay(options).ok());
  options.replay_id = "R";
  EXPECT_TRUE(CheckReplay(options).ok());
  options.replay_start = At(1000);
  EXPECT_EQ(KindOf(CheckReplay(options)), ErrorKind::kInvalidReplay);
  options.replay_end = At(1100);
  EXPECT_EQ(KindOf(CheckReplay(options)), ErrorKind::kInvalidReplay);
  options.replay_id.reset();
  EXPECT_TRUE(CheckReplay(options).ok());
  options.replay_end = At(1000);
  EXPECT_EQ(KindOf(CheckReplay(options)), ErrorKind::kInvalidReplay);
}

TEST(TimeSpanTest, TimesBetweenSamplesAreRefusedNamingTheChannelAndItsNeighbours) {
  Channel fast, slow;
  fast.name = "X1:FAST";
  fast.sample_rate = *SampleRate::Make(16);
  slow.name = "X1:SLOW";
  slow.sample_rate = *SampleRate::Make(4);
  fast.stride = slow.stride = Duration::FromSeconds(1);
  const auto set = *ChannelSet::Make({fast, slow});
  EXPECT_TRUE(CheckOnSample(*set, At(10) + Duration::FromMs(250), "start").ok());
  const Status status = CheckOnSample(*set, At(10) + Duration::FromMs(125), "start");
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("start 10.125"));
  EXPECT_THAT(status.message(), HasSubstr("X1:SLOW"));
  EXPECT_THAT(status.message(), HasSubstr("10 and 10.25"));
}

TEST(TimeSpanTest, SamplesAreCountedWithinTheStrideWhereTheyLastNoWholeNanoseconds) {
  Channel odd;
  odd.name = "X1:ODD";
  odd.sample_rate = *SampleRate::Make(3);
  odd.stride = Duration::FromSeconds(1);
  const auto set = *ChannelSet::Make({odd});
  EXPECT_TRUE(CheckOnSample(*set, At(1'000'000'000), "start").ok());
  EXPECT_FALSE(CheckOnSample(*set, At(10) + Duration::FromMs(333), "end").ok());
}

}  // namespace
}  // namespace carryall::client
