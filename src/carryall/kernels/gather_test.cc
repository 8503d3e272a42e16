#include "carryall/kernels/gather.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace carryall::kernels {
namespace {

TEST(Gather, PutsRunsOfAnyLengthSideBySide) {
  std::mt19937_64 random(1);
  std::vector<uint8_t> src(4096);
  for (uint8_t& b : src) b = static_cast<uint8_t>(random());
  for (int round = 0; round < 200; ++round) {
    std::vector<kernels::Run> runs;
    std::vector<uint8_t> expected;
    for (uint64_t i = random() % 50; i > 0; --i) {
      const uint64_t kind = random() % 3;
      const uint64_t bytes = kind == 0 ? 8 : kind == 1 ? 4 : random() % 100;
      const uint64_t at = random() % (src.size() - bytes);
      runs.push_back({src.data() + at, static_cast<int64_t>(bytes)});
      for (uint64_t b = 0; b < bytes; ++b) expected.push_back(src[at + b]);
    }
    std::vector<uint8_t> actual(expected.size() + 16, 0xA5);
    ASSERT_EQ(Gather(runs, actual.data()), static_cast<int64_t>(expected.size()));
    expected.resize(expected.size() + 16, 0xA5);
    ASSERT_EQ(actual, expected);
  }
}

TEST(Fill, RepeatsAValueOfAnyWidth) {
  const uint8_t value[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  for (int64_t width : {1, 2, 3, 4, 8, 13}) {
    for (int64_t count : {0, 1, 2, 3, 64, 1000}) {
      std::vector<uint8_t> dst(static_cast<size_t>(width * count + 8), 0xA5);
      Fill(dst.data(), value, width, count);
      for (int64_t i = 0; i < width * count; ++i) {
        ASSERT_EQ(dst[static_cast<size_t>(i)], value[i % width]) << width << " " << i;
      }
      for (size_t i = static_cast<size_t>(width * count); i < dst.size(); ++i) {
        ASSERT_EQ(dst[i], 0xA5);
      }
    }
  }
}

}  // namespace
}  // namespace carryall::kernels
