#include "carryall/base/time.h"

#include <gtest/gtest.h>

namespace carryall {
namespace {

TEST(GpsTime, FloorsAndCeilsOnMultiplesCountedFromGpsZero) {
  const Duration stride = Duration::FromNs(62'500'000);
  EXPECT_EQ(GpsTime::FromNs(62'500'001).Floor(stride).ns(), 62'500'000);
  EXPECT_EQ(GpsTime::FromNs(62'500'001).Ceil(stride).ns(), 125'000'000);
  EXPECT_EQ(GpsTime::FromNs(62'500'000).Ceil(stride).ns(), 62'500'000);
  EXPECT_EQ(GpsTime::FromNs(-1).Floor(stride).ns(), -62'500'000);
}

TEST(GpsTime, SaturatesInsteadOfWrapping) {
  EXPECT_EQ(GpsTime::Max() + Duration::FromNs(1), GpsTime::Max());
  EXPECT_EQ((GpsTime::Max() - GpsTime::Min()).ns(), INT64_MAX);
}

TEST(GpsTime, SecondsAreRoundedOnce) {
  EXPECT_EQ(GpsTime::FromNs(1'000'000'000'125'000'000).seconds(), 1000000000.125);
  EXPECT_EQ(GpsTime::FromNs(-1'000'000'000'125'000'000).seconds(), -1000000000.125);
  for (int64_t k = 0; k < 64; ++k) {
    const GpsTime time = GpsTime::FromNs(1'234'567'890'000'000'000 + k * 15'625'000);
    EXPECT_EQ(time.seconds(), 1234567890 + static_cast<double>(k) / 64);
  }
  EXPECT_EQ(GpsTime::FromNs(100'000'000).seconds(), 0.1);
}

// Instants published by the IERS and in the GPS signal specification.
TEST(GpsTime, ConvertsUtcWithLeapSeconds) {
  EXPECT_EQ(GpsFromUnix(315964800'000000000).ns(), 0);
  EXPECT_EQ(GpsFromUnix(1315964785'000000000).ns(), 1'000'000'000'000'000'000);
  EXPECT_EQ(UnixFromGps(GpsTime::FromSeconds(1'000'000'000)), 1315964785'000000000);
  for (int64_t unix_s : {1483228799, 1483228800, 1483228801, 362793599, 362793600}) {
    EXPECT_EQ(UnixFromGps(GpsFromUnix(unix_s * 1'000'000'000)), unix_s * 1'000'000'000);
  }
}

TEST(ParseGpsTime, KeepsNanosecondsThatADoubleWouldLose) {
  EXPECT_EQ(ParseGpsTime("1187008882.443", {})->ns(), 1187008882443000000);
  EXPECT_EQ(ParseGpsTime("1000000000.000000001", {})->ns(), 1000000000000000001);
}

TEST(ParseGpsTime, AcceptsDatesAndNow) {
  const GpsTime now = GpsTime::FromSeconds(1'400'000'000);
  EXPECT_EQ(ParseGpsTime("2011-09-14T01:46:25", now)->ns(), 1'000'000'000'000'000'000);
  EXPECT_EQ(ParseGpsTime("2011-09-14 01:46:25.5 UTC", now)->ns(),
            1'000'000'000'500'000'000);
  EXPECT_EQ(ParseGpsTime("1980-01-06", now)->ns(), 0);
  EXPECT_EQ(ParseGpsTime("now", now)->ns(), now.ns());
  EXPECT_EQ(ParseGpsTime("now-60", now)->ns(), 1'399'999'940'000'000'000);
}

TEST(ParseGpsTime, NamesWhatItCouldNotRead) {
  for (const char* bad : {"", "abc", "2011-13-01", "1.0000000001", "99999999999999999999",
                          "2011-09-14T25:00", "now-", "1e9"}) {
    const auto result = ParseGpsTime(bad, {});
    ASSERT_FALSE(result.ok()) << bad;
    EXPECT_EQ(KindOf(result.status()), ErrorKind::kInvalidArgument);
    EXPECT_NE(result.status().message().find(bad), std::string::npos);
  }
}

TEST(FormatSeconds, WritesOnlyTheDecimalsThatAreNeeded) {
  EXPECT_EQ(FormatSeconds(1187008882443000000), "1187008882.443");
  EXPECT_EQ(FormatSeconds(-500'000'000), "-0.5");
  EXPECT_EQ(FormatSeconds(INT64_MIN), "-9223372036.854775808");
}

TEST(LeastCommonMultiple, FailsInsteadOfOverflowing) {
  EXPECT_EQ(LeastCommonMultiple(Duration::FromMs(62), Duration::FromMs(1000))->ns(),
            31'000'000'000);
  EXPECT_FALSE(
      LeastCommonMultiple(Duration::FromNs(INT64_MAX), Duration::FromNs(INT64_MAX - 1))
          .ok());
}

TEST(Status, KeepsItsKindThroughContext) {
  const Status status = WithContext(
      Error(ErrorKind::kUnavailable, "channel not available: {}", "X1:A"), "describe");
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_EQ(status.message(), "describe: channel not available: X1:A");
  EXPECT_EQ(KindOf(Status::OutOfMemory("x")), ErrorKind::kResourceExhausted);
}

}  // namespace
}  // namespace carryall
