// Where output begins, how it is cut into strides, and where it ends.
#include <gmock/gmock.h>

#include "carryall/mux/mux_testing.h"

namespace carryall::mux {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(MuxMake, RefusesAStrideThatIsNoIntegerMultipleOfTheNativeOne) {
  for (int64_t stride : {15, 0, -20}) {
    MuxOptions options;
    options.stride = For(stride);
    const auto made = BlockMux::Make({{"A", For(10), {}}}, options);
    ASSERT_FALSE(made.ok()) << stride;
    EXPECT_EQ(KindOf(made.status()), ErrorKind::kInvalidArgument);
    EXPECT_THAT(made.status().message(), HasSubstr("integer multiple"));
  }
}

TEST(MuxMake, RefusesNoQueueNoStrideAndStridesWithoutCommonMultiple) {
  EXPECT_EQ(KindOf(BlockMux::Make({}, {}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(BlockMux::Make({{"A", For(0), {}}}, {}).status()),
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(BlockMux::Make(
                       {{"A", For(INT64_MAX), {}}, {"B", For(INT64_MAX - 1), {}}}, {})
                       .status()),
            ErrorKind::kInvalidArgument);
}

TEST(MuxMake, NativeStrideIsTheLeastCommonMultiple) {
  MuxDriver driver({{4}, {6}}, WithStride(Live(), 24));
  EXPECT_EQ(driver.mux().native_stride(), For(12));
  EXPECT_EQ(driver.mux().output_stride(), For(24));
}

TEST(MuxLive, BeginsAtTheLargestFrontTime) {
  MuxDriver driver({{10}, {10}}, Live());
  driver.SetNow(95);
  driver.Push(0, 90, 10, "a0");
  driver.Push(0, 100, 10, "a1");
  EXPECT_EQ(driver.Pull(), "");
  driver.Push(1, 100, 10, "b1");
  EXPECT_EQ(driver.Pull(), "[100,110) a1 | b1");
  EXPECT_EQ(driver.mux().drops(0).late, 0);
}

TEST(MuxLive, BeginsOnAMultipleOfTheOutputStride) {
  MuxDriver driver({{10}}, WithStride(Live(), 30));
  driver.SetNow(100);
  for (int64_t t = 100; t < 190; t += 10) driver.Push(0, t, 10, fmt::format("a{}", t));
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[120,150) a120[120,130) a130[130,140) a140[140,150)",
                          "[150,180) a150[150,160) a160[160,170) a170[170,180)"));
}

TEST(MuxLive, MixedStridesBeginOnTheCoarseGrid) {
  MuxDriver driver({{5}, {10}}, Live());
  driver.SetNow(15);
  for (int64_t t = 15; t < 30; t += 5) driver.Push(0, t, 5, fmt::format("a{}", t));
  driver.Push(1, 20, 10, "b20");
  EXPECT_EQ(driver.Pull(), "[20,30) a20[20,25) a25[25,30) | b20");
}

TEST(MuxLive, FirstBlockRebasesAQueueEarlierOrLater) {
  MuxDriver driver({{10, 1000}, {10, 1000}}, Live());
  driver.SetNow(100);
  EXPECT_EQ(driver.Pull(), "");
  driver.Push(0, 70, 10, "a");
  driver.Push(1, 70, 10, "b");
  EXPECT_EQ(driver.Pull(), "[70,80) a | b");
}

TEST(MuxLive, FirstBlockDoesNotRebaseOnceSomethingWasGivenOut) {
  MuxDriver driver({{10, 100}, {10, 20}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.SetNow(120);
  EXPECT_EQ(driver.Pull(), "[100,110) a | -");
  driver.Push(1, 90, 10, "b");
  driver.Push(1, 100, 10, "b");
  EXPECT_EQ(driver.mux().drops(1).late, 2);
  driver.Push(1, 110, 10, "b");
  EXPECT_EQ(driver.mux().drops(1).late, 2);
}

TEST(MuxLive, AQueueThatFinishesWithoutDataDoesNotHoldUpTheStart) {
  MuxDriver driver({{10}, {10}}, Live());
  driver.SetNow(100);
  driver.Push(0, 50, 10, "a");
  EXPECT_EQ(driver.Pull(), "");
  driver.mux().Finish(1);
  EXPECT_EQ(driver.Pull(), "[50,60) a | -");
}

TEST(MuxLive, StopsAtItsEnd) {
  MuxOptions options;
  options.end = At(125);
  MuxDriver driver({{10}}, options);
  driver.SetNow(100);
  driver.Push(0, 100, 10, "a");
  driver.Push(0, 110, 10, "b");
  EXPECT_FALSE(driver.mux().done());
  driver.Push(0, 120, 10, "c");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[100,110) a", "[110,120) b", "[120,125) c"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxLive, AnEndInThePastIsDoneAtOnce) {
  MuxOptions options;
  options.end = At(50);
  MuxDriver driver({{10}, {10}}, options);
  EXPECT_FALSE(driver.mux().done());
  driver.SetNow(100);
  EXPECT_EQ(driver.Pull(), "");
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxBounded, OutputIsLockedToTheStart) {
  MuxDriver driver({{10}}, WithStride(Bounded(10, 70), 30));
  for (int64_t t = 10; t < 70; t += 10) driver.Push(0, t, 10, fmt::format("a{}", t));
  EXPECT_THAT(driver.PullAll(), ElementsAre("[10,40) a10[10,20) a20[20,30) a30[30,40)",
                                            "[40,70) a40[40,50) a50[50,60) a60[60,70)"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxBounded, ALastStrideThatDoesNotFitIsShorter) {
  MuxDriver driver({{10}}, WithStride(Bounded(0, 40), 30));
  driver.Push(0, 0, 40, "a");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,30) a", "[30,40) a+30"));
}

TEST(MuxBounded, AnOutputStrideLongerThanTheSpanGivesOneBlock) {
  MuxDriver driver({{10}}, WithStride(Bounded(10, 30), 100));
  driver.Push(0, 10, 20, "a");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[10,30) a"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxBounded, UnalignedStartHasAShortFirstBlockThenAlignedOnes) {
  MuxDriver driver({{10}}, Bounded(7, 30));
  driver.Push(0, 7, 3, "a");
  driver.Push(0, 10, 10, "b");
  driver.Push(0, 20, 10, "c");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[7,10) a", "[10,20) b", "[20,30) c"));
}

TEST(MuxBounded, StartAlignedToTheFineButNotTheCoarseStride) {
  MuxDriver driver({{5}, {10}}, Bounded(5, 30));
  driver.Push(0, 5, 5, "a5");
  driver.Push(0, 10, 20, "a10");
  driver.Push(1, 5, 5, "b5");
  driver.Push(1, 10, 10, "b10");
  driver.Push(1, 20, 10, "b20");
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[5,10) a5 | b5", "[10,20) a10 | b10", "[20,30) a10+10 | b20"));
}

TEST(MuxBounded, AMissingFirstEdgeBlockOfOneQueueIsAGap) {
  MuxDriver driver({{10}, {10}}, Bounded(7, 20));
  driver.Push(0, 7, 3, "a");
  driver.Push(0, 10, 10, "a10");
  driver.Push(1, 10, 10, "b10");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[7,10) a | -", "[10,20) a10 | b10"));
}

TEST(MuxBounded, AMissingLastEdgeBlockOfOneQueueIsAGap) {
  MuxDriver driver({{10}, {10}}, Bounded(0, 14));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 10, 4, "a10");
  driver.Push(1, 0, 10, "b");
  driver.mux().Finish(0);
  driver.mux().Finish(1);
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a | b", "[10,14) a10 | -"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxBounded, AWholeLastBlockIsCutAtTheEnd) {
  MuxDriver driver({{10}, {10}}, Bounded(0, 14));
  driver.Push(0, 0, 20, "a");
  driver.Push(1, 0, 10, "b");
  driver.Push(1, 10, 4, "b10");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a | b", "[10,14) a+10 | b10"));
  EXPECT_EQ(driver.mux().drops(0).late, 0);
}

TEST(MuxBounded, ABlockFromBeforeTheStartIsCutWithoutCounting) {
  MuxDriver driver({{10}}, Bounded(7, 20));
  driver.Push(0, -10, 10, "x");
  driver.Push(0, 0, 20, "a");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[7,10) a+7", "[10,20) a+10"));
  EXPECT_EQ(driver.mux().drops(0).late, 0);
}

TEST(MuxBounded, ABlockBeyondTheEndMakesTheRestKnown) {
  MuxDriver driver({{10}}, Bounded(0, 20));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 30, 10, "x");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a", "[10,20) -"));
  EXPECT_TRUE(driver.mux().done());
}

// What the stock mock server sends for an unaligned start.
TEST(MuxBounded, BlocksCountedFromTheStartAreCutOnTheGrid) {
  MuxDriver driver({{10}}, Bounded(7, 27));
  driver.Push(0, 7, 10, "a");
  driver.Push(0, 17, 10, "b");
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[7,10) a", "[10,20) a+3[10,17) b[17,20)", "[20,27) b+3"));
}

TEST(MuxBounded, EmptyAndInvertedSpansAreDone) {
  EXPECT_TRUE(MuxDriver({{10}}, Bounded(10, 10)).mux().done());
  MuxDriver inverted({{10}}, Bounded(10, 0));
  EXPECT_TRUE(inverted.mux().done());
  EXPECT_EQ(inverted.Pull(), "");
}

TEST(MuxBlocks, ABlockOfManyStridesIsSplitWithoutCopying) {
  MuxDriver driver({{10}, {20}}, Bounded(0, 60));
  driver.Push(0, 0, 60, "a");
  driver.Push(1, 0, 40, "b");
  driver.Push(1, 40, 20, "c");
  auto first = driver.mux().Pull(At(0)).ValueOrDie();
  auto second = driver.mux().Pull(At(0)).ValueOrDie();
  EXPECT_EQ(MuxDriver::Text(*first), "[0,20) a | b");
  EXPECT_EQ(MuxDriver::Text(*second), "[20,40) a+20 | b+20");
  EXPECT_EQ(first->queues[0][0].payload, second->queues[0][0].payload);
  EXPECT_EQ(driver.Pull(), "[40,60) a+40 | c");
}

TEST(MuxBlocks, APartOfAStrideIsGivenWithTheGapsAroundIt) {
  MuxDriver driver({{10}, {40}}, Bounded(0, 40));
  driver.Push(0, 10, 20, "a");
  driver.Push(1, 0, 40, "b");
  driver.mux().Finish(0);
  EXPECT_EQ(driver.Pull(), "[0,40) -[0,10) a[10,30) -[30,40) | b");
}

TEST(MuxEnd, LeftoversOfFinishedQueuesComeAsOneShorterBlock) {
  MuxDriver driver({{10}}, WithStride(From(0), 40));
  for (int64_t t = 0; t < 60; t += 10) driver.Push(0, t, 10, "a");
  driver.mux().Finish(0);
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,40) a[0,10) a[10,20) a[20,30) a[30,40)",
                                            "[40,60) a[40,50) a[50,60)"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxEnd, LeftoversAreRoundedUpToTheNativeStride) {
  MuxDriver driver({{5}, {20}}, From(0));
  driver.Push(0, 0, 25, "a");
  driver.Push(1, 0, 20, "b");
  driver.mux().Finish(0);
  driver.mux().Finish(1);
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[0,20) a | b", "[20,40) a+20[20,25) -[25,40) | -"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxEnd, AFinishedQueueIsAGapForTheOthers) {
  MuxDriver driver({{10}, {10}}, From(0));
  driver.Push(0, 0, 10, "a");
  driver.Push(1, 0, 10, "b");
  driver.mux().Finish(1);
  driver.Push(0, 10, 10, "a10");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a | b", "[10,20) a10 | -"));
  EXPECT_FALSE(driver.mux().done());
}

TEST(MuxEnd, FinishingEarlyDoesNotFillUpToTheEnd) {
  MuxDriver driver({{10}}, Bounded(0, 1000));
  driver.Push(0, 0, 10, "a");
  driver.mux().Finish(0);
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxEnd, DeclaredCompleteUntilTheEndFillsUpToIt) {
  MuxDriver driver({{10}}, Bounded(0, 25));
  driver.Push(0, 0, 10, "a");
  driver.mux().DeclareComplete(0, At(25));
  driver.mux().Finish(0);
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a", "[10,20) -", "[20,25) -"));
  EXPECT_TRUE(driver.mux().done());
}

TEST(MuxEnd, FinishedWithoutAnyDataIsDone) {
  MuxDriver live({{10}}, Live());
  live.mux().Finish(0);
  EXPECT_TRUE(live.mux().done());
  MuxDriver bounded({{10}}, Bounded(0, 20));
  bounded.mux().Finish(0);
  EXPECT_THAT(bounded.PullAll(), IsEmpty());
  EXPECT_TRUE(bounded.mux().done());
}

}  // namespace
}  // namespace carryall::mux
