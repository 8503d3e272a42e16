#include "carryall/flight/backoff.h"

#include <gtest/gtest.h>

namespace carryall::flight {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, PausesDoubleUpToFiveSecondsWithinHalfOfIt) {
  SteadyTime now{};
  Backoff backoff(now, Duration::FromSeconds(3600), 1);
  milliseconds whole{100};
  bool cut = false;
  for (int i = 0; i < 20; ++i) {
    const SteadyTime next = *backoff.Next(now);
    EXPECT_GE(next - now, whole / 2) << i;
    EXPECT_LE(next - now, whole) << i;
    cut |= next - now != whole;
    now = next;
    whole = std::min(whole * 2, milliseconds(5000));
  }
  EXPECT_TRUE(cut);
  EXPECT_EQ(backoff.tries(), 20);
}

TEST(BackoffTest, TheLastAttemptIsAtTheLimit) {
  const SteadyTime begin{};
  Backoff backoff(begin, Duration::FromSeconds(10), 2);
  EXPECT_EQ(backoff.Next(begin + milliseconds(9'999)), begin + milliseconds(10'000));
  EXPECT_FALSE(backoff.Next(begin + milliseconds(10'000)).has_value());
  EXPECT_FALSE(backoff.Next(begin + milliseconds(20'000)).has_value());
}

TEST(BackoffTest, WhoLostTheSameServerComesBackAtAnotherMoment) {
  const SteadyTime now{};
  Backoff one(now, Duration::FromSeconds(10), 3),
      other(now, Duration::FromSeconds(10), 4);
  EXPECT_NE(one.Next(now), other.Next(now));
}

}  // namespace
}  // namespace carryall::flight
