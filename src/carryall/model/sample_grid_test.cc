#include "carryall/model/sample_grid.h"

#include <gtest/gtest.h>

#include <random>

namespace carryall {
namespace {

TEST(SampleGrid, CountsFromGpsZeroInBothDirections) {
  const SampleRate rate = SampleRate::Make(16).ValueOrDie();
  EXPECT_EQ(FirstSampleAt(rate, GpsTime::FromSeconds(10)), 160);
  EXPECT_EQ(FirstSampleAt(rate, GpsTime::FromNs(1)), 1);
  EXPECT_EQ(FirstSampleAt(rate, GpsTime::FromNs(-1)), 0);
  EXPECT_EQ(FirstSampleAt(rate, GpsTime::FromSeconds(-1)), -16);
  EXPECT_EQ(TimeOfSample(rate, -1).ns(), -62'500'000);
}

TEST(SampleGrid, TimesOfSamplesLeadBackToThem) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const auto rate = SampleRate::Make(1 + random() % 1'000'000'000).ValueOrDie();
    const auto sample = static_cast<int64_t>(random() % 1'000'000'000'000'000) *
                        (random() % 2 == 0 ? 1 : -1) / rate.hz();
    const GpsTime time = TimeOfSample(rate, sample);
    ASSERT_EQ(FirstSampleAt(rate, time), sample) << rate.hz();
    ASSERT_EQ(SampleNear(rate, time), sample) << rate.hz();
    const int64_t length = 1 + random() % 1'000'000;
    ASSERT_EQ(rate.SamplesIn(SpanOfSamples(rate, length)), length) << rate.hz();
  }
}

TEST(SampleGrid, AcceptsTimesRoundedUpAndRefusesTimesBetweenSamples) {
  const SampleRate rate = SampleRate::Make(16384).ValueOrDie();
  EXPECT_EQ(SampleNear(rate, GpsTime::FromNs(61035)), 1);
  EXPECT_EQ(SampleNear(rate, GpsTime::FromNs(61036)), 1);
  EXPECT_FALSE(SampleNear(rate, GpsTime::FromNs(61037)).has_value());
  EXPECT_FALSE(SampleNear(rate, GpsTime::FromNs(61034)).has_value());
}

}  // namespace
}  // namespace carryall
