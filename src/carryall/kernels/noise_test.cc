#include "carryall/kernels/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace carryall::kernels {
namespace {

TEST(Noise, EveryVersionGivesTheOraclesBits) {
  std::mt19937_64 random(7);
  for (const auto& version : kNoise) {
    if (!version.usable()) continue;
    for (int round = 0; round < 200; ++round) {
      const NoiseKey key = MakeNoiseKey(random(), "X1:ABC");
      const int64_t first = static_cast<int64_t>(random() >> 8) - (int64_t{1} << 54);
      const int64_t count = static_cast<int64_t>(random() % 200);
      std::vector<float> out(count + 1, 42.0f);
      version.fill(key, first, count, out.data());
      for (int64_t i = 0; i < count; ++i) {
        const float expected = scalar::NoiseAt(key, first + i);
        ASSERT_EQ(std::memcmp(&out[i], &expected, 4), 0)
            << version.name << " sample " << first + i << ": " << out[i] << " "
            << expected;
      }
      ASSERT_EQ(out[count], 42.0f) << version.name << " wrote past the end";
    }
  }
}

TEST(Noise, IsBoxAndMullersTransformOfUniformNumbers) {
  // The first sample of each pair is r cos(a), the second r sin(a): r^2/2 is exponential.
  const NoiseKey key = MakeNoiseKey(1, "X1:ABC");
  double sum = 0;
  constexpr int kGroups = 20000;
  for (int group = 0; group < kGroups; ++group) {
    for (int lane = 0; lane < 16; ++lane) {
      const double c = scalar::NoiseAt(key, group * 32 + lane);
      const double s = scalar::NoiseAt(key, group * 32 + 16 + lane);
      sum += (c * c + s * s) / 2;
    }
  }
  EXPECT_NEAR(sum / (kGroups * 16), 1.0, 5 / std::sqrt(kGroups * 16.0));
}

struct Moments {
  double mean = 0, variance = 0, skew = 0, kurtosis = 0, lag1 = 0, lag16 = 0;
};

Moments MomentsOf(const std::vector<float>& x) {
  Moments m;
  for (float v : x) m.mean += v;
  m.mean /= static_cast<double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = x[i] - m.mean;
    m.variance += d * d, m.skew += d * d * d, m.kurtosis += d * d * d * d;
    if (i >= 1) m.lag1 += d * x[i - 1];
    if (i >= 16) m.lag16 += d * x[i - 16];
  }
  const double n = static_cast<double>(x.size());
  m.variance /= n, m.skew /= n, m.kurtosis /= n, m.lag1 /= n, m.lag16 /= n;
  return m;
}

// Bounds are five standard errors of the estimates for independent normal samples.
TEST(Noise, HasTheMomentsOfAStandardNormal) {
  constexpr int64_t kCount = 1 << 22;
  const double error = 5 / std::sqrt(static_cast<double>(kCount));
  for (uint64_t seed : {0, 1, 12345}) {
    std::vector<float> x(kCount);
    FillNoise(MakeNoiseKey(seed, "H1:LSC-DARM_ERR"), 16384LL * 1'000'000'000, kCount,
              x.data());
    const Moments m = MomentsOf(x);
    EXPECT_NEAR(m.mean, 0, error);
    EXPECT_NEAR(m.variance, 1, error * std::sqrt(2));
    EXPECT_NEAR(m.skew, 0, error * std::sqrt(15));
    EXPECT_NEAR(m.kurtosis, 3, error * std::sqrt(96));
    EXPECT_NEAR(m.lag1, 0, error);
    EXPECT_NEAR(m.lag16, 0, error);
  }
}

TEST(Noise, HasTheTailsOfAStandardNormal) {
  constexpr int64_t kCount = 1 << 24;
  std::vector<float> x(kCount);
  FillNoise(MakeNoiseKey(3, "X1:TAIL"), 0, kCount, x.data());
  for (double sigma : {1.0, 2.0, 3.0, 4.0, 4.5}) {
    const double expected = kCount * std::erfc(sigma / std::sqrt(2.0));
    double seen = 0;
    for (float v : x) seen += std::abs(v) > sigma;
    EXPECT_NEAR(seen, expected, 5 * std::sqrt(expected)) << sigma;
  }
}

TEST(Noise, ChannelsAndSeedsAreIndependent) {
  constexpr int64_t kCount = 1 << 20;
  const auto fill = [](uint64_t seed, const char* name) {
    std::vector<float> x(kCount);
    FillNoise(MakeNoiseKey(seed, name), 1 << 30, kCount, x.data());
    return x;
  };
  const auto a = fill(0, "X1:A_1"), b = fill(0, "X1:A_2"), c = fill(1, "X1:A_1");
  double ab = 0, ac = 0;
  for (int64_t i = 0; i < kCount; ++i) ab += a[i] * b[i], ac += a[i] * c[i];
  EXPECT_NEAR(ab / kCount, 0, 5 / std::sqrt(static_cast<double>(kCount)));
  EXPECT_NEAR(ac / kCount, 0, 5 / std::sqrt(static_cast<double>(kCount)));
}

}  // namespace
}  // namespace carryall::kernels
