#include "carryall/kernels/envelope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace carryall::kernels {
namespace {

template <typename T>
std::vector<std::pair<double, double>> Of(const std::vector<T>& samples, int64_t bins,
                                          const std::vector<uint8_t>& validity = {},
                                          int64_t offset = 0) {
  std::vector<uint8_t> bytes(samples.size() * sizeof(T) + 1);  // at an odd address
  if (!samples.empty()) {
    std::memcpy(bytes.data() + 1, samples.data(), samples.size() * sizeof(T));
  }
  std::vector<double> low(static_cast<size_t>(bins)), high(low);
  Envelope<T>(bytes.data() + 1, validity.empty() ? nullptr : validity.data(), offset,
              static_cast<int64_t>(samples.size()), bins, low.data(), high.data());
  std::vector<std::pair<double, double>> out;
  for (size_t i = 0; i < low.size(); ++i) out.emplace_back(low[i], high[i]);
  return out;
}

using Pairs = std::vector<std::pair<double, double>>;

TEST(Envelope, LowestAndHighestOfEachPart) {
  EXPECT_EQ(Of<int16_t>({3, -1, 4, 1, -5, 9}, 3), (Pairs{{-1, 3}, {1, 4}, {-5, 9}}));
  EXPECT_EQ(Of<double>({1, 2, 3, 4, 5}, 2), (Pairs{{1, 2}, {3, 5}}));
  EXPECT_EQ(Of<uint64_t>({uint64_t{1} << 63}, 1), (Pairs{{0x1p63, 0x1p63}}));
}

TEST(Envelope, WhatIsNotThereDoesNotCount) {
  // Present: samples 1 and 4 (bits 4 and 7).
  const auto found = Of<float>({-9, 2, -9, 9, 5, 9}, 3, {0b1001'0000, 0}, 3);
  EXPECT_EQ(found[0], (std::pair<double, double>{2, 2}));
  EXPECT_TRUE(std::isnan(found[1].first) && std::isnan(found[1].second));
  EXPECT_EQ(found[2], (std::pair<double, double>{5, 5}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Of<double>({nan, 1, nan}, 1), (Pairs{{1, 1}}));
  EXPECT_TRUE(std::isnan(Of<double>({nan, nan}, 1)[0].first));
}

TEST(Envelope, MorePartsThanSamples) {
  const auto found = Of<int32_t>({7, 8}, 4);
  int there = 0;
  for (const auto& [low, high] : found) there += !std::isnan(low);
  EXPECT_EQ(there, 2);
  EXPECT_TRUE(Of<int32_t>({}, 0).empty());
  EXPECT_TRUE(std::isnan(Of<int32_t>({}, 1)[0].first));
}

}  // namespace
}  // namespace carryall::kernels
