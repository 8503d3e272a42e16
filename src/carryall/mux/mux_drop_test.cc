// What is dropped, how it is counted, and what things cost.
#include <gmock/gmock.h>

#include "carryall/mux/mux_testing.h"

namespace carryall::mux {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(MuxDrop, DuplicatesAreDroppedAndCounted) {
  MuxDriver driver({{10}}, From(0));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 0, 10, "again");
  driver.Push(0, 10, 10, "b");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a", "[10,20) b"));
  EXPECT_EQ(driver.mux().drops(0).late, 1);
}

TEST(MuxDrop, ABlockFromBeforeALaterOneIsLate) {
  MuxDriver driver({{10}}, From(0));
  driver.Push(0, 10, 10, "b");
  driver.Push(0, 0, 10, "a");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) -", "[10,20) b"));
  EXPECT_EQ(driver.mux().drops(0).late, 1);
}

TEST(MuxDrop, OnlyTheLatePartOfABlockIsDroppedAndCounted) {
  MuxDriver driver({{10}}, From(0));
  driver.Push(0, 0, 30, "a");
  driver.Push(0, 10, 40, "b");
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a", "[10,20) a+10", "[20,30) a+20",
                                            "[30,40) b+20", "[40,50) b+30"));
  EXPECT_EQ(driver.mux().drops(0).late, 2);
}

TEST(MuxDrop, RaiseReportsWhatItDropsAndUsesTheRest) {
  MuxDriver driver({{10}}, WithPolicy(From(0), OnDrop::kRaise));
  driver.Push(0, 0, 10, "a");
  const Status status = driver.TryPush(0, 0, 20, "b");
  EXPECT_EQ(KindOf(status), ErrorKind::kDropped);
  EXPECT_THAT(status.message(), HasSubstr("queue A"));
  EXPECT_THAT(driver.PullAll(), ElementsAre("[0,10) a", "[10,20) b+10"));
}

TEST(MuxDrop, WarnIsLeftToTheOwner) {
  MuxDriver driver({{10}}, WithPolicy(From(0), OnDrop::kWarn));
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 0, 10, "a");
  EXPECT_EQ(driver.mux().drops(0).late, 1);
}

TEST(MuxDrop, ALiveBlockOfAnotherLengthIsAStrideMismatch) {
  MuxDriver driver({{10}}, Live());
  driver.SetNow(100);
  driver.Push(0, 100, 15, "x");
  driver.Push(0, 100, 4, "x");
  driver.Push(0, 100, 0, "x");
  EXPECT_EQ(driver.mux().drops(0).stride_mismatch, 4);
  driver.Push(0, 100, 10, "a");
  EXPECT_EQ(driver.Pull(), "[100,110) a");
}

TEST(MuxDrop, ATimeOffTheGridIsCorruptAndNamesTheQueue) {
  MuxDriver live({{10}, {10}}, Live());
  EXPECT_EQ(KindOf(live.TryPush(1, 105, 10, "b")), ErrorKind::kCorrupt);
  EXPECT_THAT(live.TryPush(1, 105, 10, "b").message(), HasSubstr("queue B"));
  MuxDriver bounded({{10}}, Bounded(7, 100));
  EXPECT_EQ(KindOf(bounded.TryPush(0, 12, 8, "a")), ErrorKind::kCorrupt);
  EXPECT_TRUE(bounded.TryPush(0, 17, 3, "a").ok());
}

TEST(MuxDrop, AFullQueueDropsTheOldest) {
  MuxOptions options = From(0);
  options.min_capacity = 3;
  MuxDriver driver({{10}, {10}}, options);
  for (int64_t t = 0; t < 50; t += 10) driver.Push(0, t, 10, fmt::format("a{}", t));
  EXPECT_EQ(driver.mux().drops(0).overflow, 2);
  EXPECT_EQ(driver.mux().queued(0), 3U);
  driver.mux().Finish(1);
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[0,10) - | -", "[10,20) - | -", "[20,30) a20 | -",
                          "[30,40) a30 | -", "[40,50) a40 | -"));
}

TEST(MuxDrop, OverflowRaisesWhereDropsAreToBeRaised) {
  MuxOptions options = WithPolicy(From(0), OnDrop::kRaise);
  options.min_capacity = 2;
  MuxDriver driver({{10}, {10}}, options);
  driver.Push(0, 0, 10, "a");
  driver.Push(0, 10, 10, "b");
  EXPECT_EQ(KindOf(driver.TryPush(0, 20, 10, "c")), ErrorKind::kDropped);
  EXPECT_EQ(driver.mux().queued(0), 2U);
}

TEST(MuxDrop, CapacityFollowsTheTimeoutAndTheOutputStride) {
  EXPECT_EQ(MuxDriver({{10}}, Live()).mux().capacity(0), 1000U);
  EXPECT_EQ(MuxDriver({{10, 100'000}}, Live()).mux().capacity(0), 20'000U);
  EXPECT_EQ(MuxDriver({{10}, {5}}, WithStride(Live(), 40'000)).mux().capacity(0), 8'000U);
  EXPECT_EQ(MuxDriver({{10}, {5}}, WithStride(Live(), 40'000)).mux().capacity(1),
            16'000U);
}

TEST(MuxCost, HugeDiscontinuitiesStoreNothing) {
  MuxDriver driver({{10}, {10}}, WithPolicy(From(0), OnGap::kSkip));
  const int64_t far = 4'000'000'000'000'000'000;
  driver.Push(0, 0, 10, "a");
  driver.Push(0, far, 10, "z");
  driver.mux().Finish(1);
  EXPECT_EQ(driver.mux().queued(0), 2U);
  EXPECT_THAT(driver.PullAll(),
              ElementsAre("[0,10) a | -", fmt::format("[{},{}) z | -", far, far + 10)));
}

TEST(MuxCost, TheWholeRangeOfTimesIsSafe) {
  for (OnGap on_gap : {OnGap::kSkip, OnGap::kRaise, OnGap::kFill}) {
    MuxDriver driver({{10, 20}, {7, 20}}, WithPolicy(Live(), on_gap));
    driver.SetNow(INT64_MAX);
    driver.Push(0, INT64_MAX / 10 * 10, 10, "a");
    driver.Push(0, INT64_MIN / 10 * 10, 10, "a");
    driver.Push(1, 0, 7 * (INT64_MAX / 7), "a");
    driver.mux().DeclareComplete(1, GpsTime::Max());
    for (int i = 0; i < 5; ++i) driver.Pull();
    driver.mux().Finish(0);
    driver.mux().Finish(1);
    for (int i = 0; i < 5; ++i) driver.Pull();
    EXPECT_TRUE(driver.mux().done());
  }
}

// A stride costs no more with a full queue than with a nearly empty one: the same slots,
// once pulled as they come and once from behind a backlog, use the same vectors.
TEST(MuxCost, AReusedSlotKeepsItsMemory) {
  MuxDriver driver({{10}, {5}}, From(0));
  Slot slot;
  std::vector<const Piece*> places;
  for (int64_t t = 0; t < 1000; t += 10) {
    driver.Push(0, t, 10, "a");
    driver.Push(1, t, 5, "b");
    driver.Push(1, t + 5, 5, "c");
    ASSERT_TRUE(driver.mux().Pull(At(0), &slot).ValueOrDie());
    if (places.empty()) places = {slot.queues[0].data(), slot.queues[1].data()};
    EXPECT_EQ(slot.queues[0].data(), places[0]);
    EXPECT_EQ(slot.queues[1].data(), places[1]);
  }
}

TEST(MuxCost, PayloadsAreLetGoOnceGivenOut) {
  MuxDriver driver({{10}}, From(0));
  auto payload = std::make_shared<const std::string>("a");
  const std::weak_ptr<const std::string> watch = payload;
  ASSERT_TRUE(driver.mux().Push(0, At(0), For(20), std::move(payload), At(0)).ok());
  driver.Pull();
  EXPECT_FALSE(watch.expired());
  driver.Pull();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace carryall::mux
