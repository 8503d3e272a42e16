#include "carryall/base/pieces.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace carryall {
namespace {

TEST(Pieces, CoverEverythingOnce) {
  for (const size_t count : {0, 1, 7, 1000}) {
    for (size_t pieces = 1; pieces <= 5; ++pieces) {
      std::vector<std::atomic<int>> touched(count);
      EXPECT_TRUE(InPieces(count, pieces, [&](size_t, size_t begin, size_t end) {
                    for (size_t i = begin; i < end; ++i) ++touched[i];
                    return Status::OK();
                  }).ok());
      for (const auto& times : touched) EXPECT_EQ(times, 1);
    }
  }
}

TEST(Pieces, TheErrorIsTheFirstPartsAndAllAreDone) {
  std::atomic<int> done = 0;
  const Status status = InPieces(30, 3, [&](size_t piece, size_t, size_t) -> Status {
    ++done;
    if (piece == 0) return Status::OK();
    return Error(ErrorKind::kInvalidArgument, "part {}", piece);
  });
  EXPECT_EQ(done, 3);
  EXPECT_NE(status.message().find("part 1"), std::string::npos) << status.ToString();
}

TEST(Pieces, AreNotWorthItForAFew) {
  EXPECT_EQ(PieceCount(0, 100), 1U);
  EXPECT_EQ(PieceCount(199, 100), 1U);
  EXPECT_LE(PieceCount(1'000'000, 1), 4U);
}

}  // namespace
}  // namespace carryall
