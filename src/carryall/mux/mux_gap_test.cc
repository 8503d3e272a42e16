// What is declared a gap and when, and what becomes of it.
#include <gmock/gmock.h>

#include "carryall/mux/mux_testing.h"

namespace carryall::mux {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(MuxKnowledge, ALaterBlockMakesTheMissingOnesGapsAtOnce) {
  MuxDriver driver({{10}}, From(0));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 30, 10, "d");
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[0,10) a", "[10,20) -", "[20,30) -", "[30,40) d"));
}

TEST(MuxKnowledge, DeclareCompleteMakesTheMissingOnesGaps) {
  MuxDriver driver({{10}}, From(0));
  driver.mux().DeclareComplete(0, At(25));
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) -", "[10,20) -"));
  driver.Push(0, 10, 20, "b");
  EXPECT_EQ(driver.mux().drops(0).late, 1);
  EXPECT_EQ(driver.Pull(), "[20,30) b+10");
}

TEST(MuxKnowledge, AShortBlockSaysThatTheRestOfItsStrideIsAGap) {
  MuxDriver driver({{10}}, From(0));
  driver.Push(0, 0, 14, "a");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a", "[10,20) a+10[10,14) -[14,20)"));
}

TEST(MuxDeadline, ASlotIsAGapExactlyWhenItsTimeoutHasPassed) {
  MuxDriver driver({{10, 25}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  EXPECT_EQ(driver.Pull(), "[100,110) a");
  EXPECT_EQ(driver.mux().NextDeadline(), At(110 + 25));
  driver.SetNow(134);
  EXPECT_EQ(driver.Pull(), "");
  driver.SetNow(135);
  EXPECT_EQ(driver.Pull(), "[110,120) -");
  EXPECT_EQ(driver.Pull(), "");
}

TEST(MuxDeadline, AnAwaitedQueueIsNotGivenUpBeforeItHasCaughtUp) {
  MuxDriver driver({{10, 25}, {10, 25}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.Push(1, 100, 10, "b");
  EXPECT_EQ(driver.Pull(), "[100,110) a | b");
  driver.SetNow(120);
  driver.mux().Await(0, At(120), At(1000));
  for (int64_t t = 110; t < 300; t += 10) driver.Push(1, t, 10, "b");
  driver.SetNow(300);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), At(1000));
  // Past data come in their order, up to what was lost for good.
  driver.Push(0, 110, 10, "c");
  driver.Push(0, 130, 10, "e");
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[110,120) c | b", "[120,130) - | b", "[130,140) e | b"));
  // Where it broke off is not yet where it has caught up.
  EXPECT_EQ(driver.Pull(), "");
  driver.Push(0, 140, 140, "f");
  ASSERT_EQ(driver.PullAll().size(), 14u);
  driver.SetNow(305);
  EXPECT_EQ(driver.Pull(), "[280,290) - | b");
  EXPECT_EQ(driver.mux().drops(0).late, 0);
}

TEST(MuxDeadline, AnAwaitedQueueIsGivenUpInTheEnd) {
  MuxDriver driver({{10, 25}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  EXPECT_EQ(driver.Pull(), "[100,110) a");
  driver.mux().Await(0, At(100), At(200));
  driver.SetNow(199);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), At(200));
  driver.SetNow(200);
  EXPECT_EQ(driver.PullAll().size(), 7u);  // all that began 25 ago or earlier
  EXPECT_EQ(driver.mux().NextDeadline(), At(180 + 25));
}

TEST(MuxDeadline, DataOfThePastAreNotGivenUpForHavingBeenAwaited) {
  MuxDriver driver({{10, 25}}, Bounded(0, 40));
  driver.SetNow(1000);
  driver.Push(0, 0, 10, "a");
  EXPECT_EQ(driver.Pull(), "[0,10) a");
  driver.mux().Await(0, At(1000), At(1100));
  driver.SetNow(1200);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_FALSE(driver.mux().done());
}

TEST(MuxDeadline, AQueueThatGaveNothingIsNotAwaited) {
  MuxDriver driver({{10, 25}, {10, 25}}, Live());
  driver.SetNow(100);
  driver.Push(1, 100, 10, "b");
  driver.mux().Await(0, At(100), At(1000));
  EXPECT_EQ(driver.mux().horizon(0), GpsTime::Min());
  EXPECT_EQ(driver.mux().horizon(1), At(110));
  driver.SetNow(125);
  EXPECT_EQ(driver.Pull(), "[100,110) - | b");
}

TEST(MuxDeadline, ABlockBeforeItsDeadlineIsUsed) {
  MuxDriver driver({{10, 25}, {10, 25}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.Push(1, 100, 10, "b");
  driver.Push(0, 110, 10, "a");
  EXPECT_EQ(driver.Pull(), "[100,110) a | b");
  driver.SetNow(134);
  EXPECT_EQ(driver.Pull(), "");
  driver.Push(1, 110, 10, "b");
  EXPECT_EQ(driver.Pull(), "[110,120) a | b");
}

TEST(MuxDeadline, ABlockAfterItsDeadlineIsLate) {
  MuxDriver driver({{10, 25}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.SetNow(135);
  EXPECT_THAT(driver.PullAll(), ElementsAre("[100,110) a", "[110,120) -"));
  driver.Push(0, 110, 10, "late");
  EXPECT_EQ(driver.mux().drops(0).late, 1);
  EXPECT_EQ(driver.Pull(), "");
}

TEST(MuxDeadline, AQueueThatNeverGaveAnythingIsAGapFromTheFirstNowOn) {
  MuxDriver driver({{10, 20}, {10, 20}}, Live());
  driver.SetNow(103);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), At(120));
  driver.SetNow(131);
  EXPECT_THAT(driver.PullAll(), ElementsAre("[100,110) - | -", "[110,120) - | -"));
}

TEST(MuxDeadline, AQueueWithoutTimeoutDoesNotTakeTheOthersAway) {
  MuxDriver driver({{10, 20}, {10, 0}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.Push(1, 100, 10, "b");
  driver.Push(1, 110, 10, "b");
  EXPECT_EQ(driver.Pull(), "[100,110) a | b");
  EXPECT_EQ(driver.mux().NextDeadline(), At(130));
  driver.SetNow(130);
  EXPECT_EQ(driver.Pull(), "[110,120) - | b");
}

TEST(MuxDeadline, OutputWaitsForAQueueWithoutTimeout) {
  MuxDriver driver({{10, 20}, {10, 0}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.Push(1, 100, 10, "b");
  EXPECT_EQ(driver.Pull(), "[100,110) a | b");
  driver.Push(0, 110, 10, "a");
  driver.SetNow(1'000'000);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), std::nullopt);
  driver.Push(1, 120, 10, "b");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[110,120) a | -", "[120,130) - | b"));
}

TEST(MuxDeadline, TheOutputStrideWaitsForTheLatestOfItsDeadlines) {
  MuxDriver driver({{5, 20}, {10, 50}}, WithStride(Live(), 20));
  driver.SetNow(100);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), At(110 + 50));
  driver.Push(1, 100, 20, "b");
  EXPECT_EQ(driver.mux().NextDeadline(), At(115 + 20));
}

TEST(MuxDeadline, AClockThatGoesBackTakesNothingBack) {
  MuxDriver driver({{10, 20}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.SetNow(130);
  EXPECT_EQ(driver.Pull(), "[100,110) a");
  driver.SetNow(0);
  EXPECT_EQ(driver.Pull(), "[110,120) -");
}

TEST(MuxDeadline, DataThatExistedBeforeTheRequestAreNeverGivenUp) {
  MuxDriver driver({{10, 20}}, Bounded(0, 100));
  driver.SetNow(100'000);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), std::nullopt);
  driver.Push(0, 0, 100, "a");
  EXPECT_EQ(driver.Pull(), "[0,10) a");
}

TEST(MuxDeadline, AStreamFromThePastBecomesLiveWhenItHasCaughtUp) {
  MuxDriver driver({{10, 20}}, From(0));
  driver.SetNow(95);
  driver.Push(0, 0, 90, "a");
  EXPECT_EQ(driver.PullAll().size(), 9U);
  driver.SetNow(200);
  EXPECT_EQ(driver.Pull(), "");
  driver.Push(0, 90, 100, "b");
  EXPECT_EQ(driver.PullAll().size(), 10U);
  EXPECT_EQ(driver.mux().NextDeadline(), At(210));
  driver.SetNow(210);
  EXPECT_EQ(driver.Pull(), "[190,200) -");
}

TEST(MuxDeadline, AStartInTheFutureIsLive) {
  MuxDriver driver({{10, 20}}, From(100));
  driver.SetNow(50);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_EQ(driver.mux().NextDeadline(), At(120));
  driver.SetNow(120);
  EXPECT_EQ(driver.Pull(), "[100,110) -");
}

TEST(MuxOnGap, FillGivesASlotOfGaps) {
  MuxDriver driver({{10}, {10}}, From(0));
  driver.Push(0, 10, 10, "a");
  driver.Push(1, 10, 10, "b");
  const auto slot = driver.mux().Pull(At(0)).ValueOrDie();
  EXPECT_TRUE(slot->all_gap);
  EXPECT_EQ(MuxDriver::Text(*slot), "[0,10) - | -");
  EXPECT_FALSE(driver.mux().Pull(At(0)).ValueOrDie()->all_gap);
}

TEST(MuxOnGap, SkipGoesOnWithTheNextStrideThatHasData) {
  MuxDriver driver({{10}, {10}}, WithPolicy(WithStride(From(0), 20), OnGap::kSkip));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 50, 10, "a");
  driver.Push(1, 0, 10, "b");
  driver.Push(1, 70, 10, "b");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,20) a[0,10) -[10,20) | b[0,10) -[10,20)",
                                            "[40,60) -[40,50) a[50,60) | -"));
}

TEST(MuxOnGap, SkipGivesStridesInWhichOneQueueHasData) {
  MuxDriver driver({{10}, {10}}, WithPolicy(From(0), OnGap::kSkip));
  driver.Push(0, 20, 10, "a");
  driver.Push(1, 10, 20, "b");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[10,20) - | b", "[20,30) a | b+10"));
}

TEST(MuxOnGap, SkipKeepsTheShortLastStride) {
  MuxDriver driver({{10}}, WithPolicy(Bounded(0, 25), OnGap::kSkip));
  driver.Push(0, 20, 10, "a");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[20,25) a"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxOnGap, RaiseNamesTheStrideAndGoesOn) {
  MuxDriver driver({{10}}, WithPolicy(From(0), OnGap::kRaise));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 20, 10, "b");
  EXPECT_EQ(driver.Pull(), "[0,10) a");
  const auto failed = driver.mux().Pull(At(0));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(KindOf(failed.status()), ErrorKind::kGap);
  EXPECT_THAT(failed.status().message(), HasSubstr("[0.00000001, 0.00000002)"));
  EXPECT_EQ(driver.Pull(), "[20,30) b");
}

TEST(MuxOnGap, RaiseDoesNotMindAStrideWithSomeData) {
  MuxDriver driver({{10}, {20}}, WithPolicy(From(0), OnGap::kRaise));
  driver.Push(0, 10, 10, "a");
  driver.mux().DeclareComplete(1, At(20));
  EXPECT_EQ(driver.Pull(), "[0,20) -[0,10) a[10,20) | -");
}

}  // namespace
}  // namespace carryall::mux
