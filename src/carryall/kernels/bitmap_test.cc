#include "carryall/kernels/bitmap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "carryall/kernels/dispatch.h"
#include "carryall/kernels/scalar.h"

namespace carryall::kernels {
namespace {

constexpr uint8_t kGuard = 0xA5;
constexpr int64_t kPad = 80;  // more than any vector store

/// A range of bytes with guards around it. The allocation ends where the range ends, so
/// that the address sanitizer sees a read beyond it.
class Arena {
 public:
  Arena(int64_t bytes, int64_t misalign, std::mt19937_64* random)
      : front_(kPad + misalign),
        all_(static_cast<size_t>(front_ + bytes + (random == nullptr ? kPad : 0)),
             kGuard) {
    if (random == nullptr) return;
    for (int64_t i = 0; i < bytes; ++i) data()[i] = static_cast<uint8_t>((*random)());
  }
  uint8_t* data() { return all_.data() + front_; }
  const std::vector<uint8_t>& all() const { return all_; }
  void FillWithGuards() { std::fill(all_.begin(), all_.end(), kGuard); }

 private:
  int64_t front_;
  std::vector<uint8_t> all_;
};

struct Case {
  int64_t offset, length, misalign;
};

std::vector<Case> Cases(std::mt19937_64* random) {
  std::vector<Case> cases;
  for (int64_t length : {0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000}) {
    for (int64_t offset : {0, 1, 3, 7, 8, 63, 64, 65}) {
      cases.push_back({offset, length, static_cast<int64_t>((*random)() % 64)});
    }
  }
  for (int i = 0; i < 1000; ++i) {
    cases.push_back({static_cast<int64_t>((*random)() % 300),
                     static_cast<int64_t>((*random)() % 2000),
                     static_cast<int64_t>((*random)() % 64)});
  }
  return cases;
}

int64_t BytesFor(int64_t bits) { return (bits + 7) / 8; }

/// Makes bitmaps that are sometimes all set or all cleared over long runs.
void MakeRuns(Arena* arena, int64_t bytes, std::mt19937_64* random) {
  const uint64_t kind = (*random)() % 4;
  if (kind >= 2) return;
  for (int64_t i = 0; i < bytes; ++i) {
    if ((*random)() % 20 != 0) arena->data()[i] = kind == 0 ? 0xFF : 0;
  }
}

class EveryImplementation : public testing::TestWithParam<size_t> {
 protected:
  const Implementation& impl() const { return Implementations()[GetParam()]; }
  std::mt19937_64 random_{20240607};
};

TEST_P(EveryImplementation, MakesTheMaskTheOracleMakes) {
  for (const Case& c : Cases(&random_)) {
    Arena bits(BytesFor(c.offset + c.length), c.misalign, &random_);
    Arena expected(c.length, c.misalign / 2, nullptr);
    Arena actual(c.length, c.misalign / 2, nullptr);
    scalar::MaskFromBitmap(bits.data(), c.offset, c.length, expected.data());
    impl().mask_from_bitmap(bits.data(), c.offset, c.length, actual.data());
    ASSERT_EQ(actual.all(), expected.all())
        << impl().name << " " << c.offset << " " << c.length;
  }
}

TEST_P(EveryImplementation, MakesTheBitmapTheOracleMakes) {
  for (const Case& c : Cases(&random_)) {
    Arena mask(c.length, c.misalign, &random_);
    for (int64_t i = 0; i < c.length; ++i) {
      if (random_() % 2 == 0) mask.data()[i] = 0;
    }
    Arena expected(BytesFor(c.offset + c.length), c.misalign / 2, nullptr);
    Arena actual(BytesFor(c.offset + c.length), c.misalign / 2, nullptr);
    scalar::BitmapFromMask(mask.data(), c.length, expected.data(), c.offset);
    impl().bitmap_from_mask(mask.data(), c.length, actual.data(), c.offset);
    ASSERT_EQ(actual.all(), expected.all())
        << impl().name << " " << c.offset << " " << c.length;
  }
}

TEST_P(EveryImplementation, CountsWhatTheOracleCounts) {
  for (const Case& c : Cases(&random_)) {
    Arena bits(BytesFor(c.offset + c.length), c.misalign, &random_);
    ASSERT_EQ(impl().count_set_bits(bits.data(), c.offset, c.length),
              scalar::CountSetBits(bits.data(), c.offset, c.length))
        << impl().name << " " << c.offset << " " << c.length;
  }
}

TEST_P(EveryImplementation, ZeroesBehindGapsAsTheOracleDoes) {
  for (int width : {1, 2, 4, 8}) {
    for (const Case& c : Cases(&random_)) {
      const int64_t bitmap_bytes = BytesFor(c.offset + c.length);
      Arena bits(bitmap_bytes, c.misalign, &random_);
      MakeRuns(&bits, bitmap_bytes, &random_);
      Arena src(c.length * width, c.misalign, &random_);
      Arena expected(c.length * width, c.misalign / 3, nullptr);
      Arena actual(c.length * width, c.misalign / 3, nullptr);
      scalar::CopyPresent(src.data(), width, bits.data(), c.offset, c.length,
                          expected.data());
      impl().copy_present(src.data(), width, bits.data(), c.offset, c.length,
                          actual.data());
      ASSERT_EQ(actual.all(), expected.all())
          << impl().name << " width " << width << " " << c.offset << " " << c.length;

      scalar::CopyPresent(src.data(), width, bits.data(), c.offset, c.length,
                          expected.data());
      impl().copy_present(src.data(), width, bits.data(), c.offset, c.length, src.data());
      ASSERT_EQ(c.length == 0 || std::memcmp(src.data(), expected.data(),
                                             static_cast<size_t>(c.length * width)) == 0,
                true)
          << "in place, " << impl().name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, EveryImplementation,
                         testing::Range(size_t{0}, Implementations().size()),
                         [](const auto& p) { return Implementations()[p.param].name; });

TEST(Bitmap, CopiesABitRangeBetweenAnyOffsets) {
  std::mt19937_64 random(7);
  for (const Case& c : Cases(&random)) {
    const auto to = static_cast<int64_t>(random() % 130);
    Arena src(BytesFor(c.offset + c.length), c.misalign, &random);
    Arena expected(BytesFor(to + c.length), c.misalign / 2, nullptr);
    Arena actual(BytesFor(to + c.length), c.misalign / 2, nullptr);
    scalar::CopyBits(src.data(), c.offset, c.length, expected.data(), to);
    CopyBits(src.data(), c.offset, c.length, actual.data(), to);
    ASSERT_EQ(actual.all(), expected.all())
        << c.offset << " " << c.length << " to " << to;
  }
}

TEST(Bitmap, SetsARangeAndNothingElse) {
  std::mt19937_64 random(8);
  for (const Case& c : Cases(&random)) {
    for (bool value : {false, true}) {
      Arena expected(BytesFor(c.offset + c.length), c.misalign, nullptr);
      Arena actual(BytesFor(c.offset + c.length), c.misalign, nullptr);
      scalar::SetBits(expected.data(), c.offset, c.length, value);
      SetBits(actual.data(), c.offset, c.length, value);
      ASSERT_EQ(actual.all(), expected.all()) << c.offset << " " << c.length;
    }
  }
}

TEST(Bitmap, PublicFunctionsAcceptNothingAtAll) {
  MaskFromBitmap(nullptr, 0, 0, nullptr);
  BitmapFromMask(nullptr, 0, nullptr, 0);
  CopyBits(nullptr, 0, 0, nullptr, 0);
  SetBits(nullptr, 0, 0, true);
  CopyPresent(nullptr, 8, nullptr, 0, 0, nullptr);
  EXPECT_EQ(CountSetBits(nullptr, 0, 0), 0);
}

TEST(Dispatch, TheFirstVersionRunsAnywhereAndTheLastIsChosen) {
  EXPECT_STREQ(Implementations().front().name, "portable");
  EXPECT_STREQ(Implementations().back().name, Best().name);
}

}  // namespace
}  // namespace carryall::kernels
