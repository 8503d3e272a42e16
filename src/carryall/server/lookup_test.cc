#include "carryall/server/lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/server/channel_errors.h"
#include "carryall/server/fake_backend.h"

namespace carryall::server {
namespace {

using testing::ElementsAre;
using testing::EndsWith;

std::shared_ptr<const metadata::Catalogue> Catalogue() {
  const Duration stride = Duration::FromSeconds(1);
  Channel derived = FakeChannel("X1:BOTH", 8, stride);
  derived.replay_id = "R";
  Channel only = FakeChannel("X1:DERIVED", 8, stride);
  only.replay_id = "R";
  return *metadata::Catalogue::Make({FakeChannel("X1:RAW", 4, stride),
                                     FakeChannel("X1:BOTH", 4, stride), derived, only});
}

TEST(Lookup, KeepsTheOrderAndRepeatsOfTheRequest) {
  const auto catalogue = Catalogue();
  const auto found = *Lookup(*catalogue, {"X1:RAW", "X1:BOTH", "X1:RAW"}, {});
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0]->name, "X1:RAW");
  EXPECT_EQ(found[2], found[0]);
}

TEST(Lookup, PrefersTheChannelsOfTheReplayAndFillsUpWithRawOnes) {
  const auto catalogue = Catalogue();
  const auto found = *Lookup(*catalogue, {"X1:RAW", "X1:BOTH", "X1:DERIVED"}, "R");
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0]->replay_id, std::nullopt);
  EXPECT_EQ(found[1]->replay_id, "R");
  EXPECT_EQ(found[2]->replay_id, "R");
}

TEST(Lookup, DerivedChannelsDoNotExistOutsideTheirReplay) {
  const auto catalogue = Catalogue();
  EXPECT_FALSE(Lookup(*catalogue, {"X1:DERIVED"}, {}).ok());
  const Status status = Lookup(*catalogue, {"X1:DERIVED"}, "S").status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), EndsWith("{X1:DERIVED}"));
}

TEST(LookupForStream, SortsByBytesAndDropsRepeats) {
  const auto catalogue = Catalogue();
  const auto channels = *LookupForStream(*catalogue, {"X1:RAW", "X1:BOTH", "X1:RAW"}, {});
  ASSERT_EQ(channels->size(), 2);
  EXPECT_EQ((*channels)[0].name, "X1:BOTH");
  EXPECT_EQ(KindOf(LookupForStream(*catalogue, {}, {}).status()),
            ErrorKind::kInvalidArgument);
}

TEST(InBraces, SaysHowManyMoreThereAre) {
  EXPECT_EQ(InBraces({}), "{}");
  EXPECT_EQ(InBraces({"a", "b"}), "{a, b}");
  const std::string long_name(600, 'x');
  EXPECT_EQ(InBraces({long_name, long_name, "c"}), "{" + long_name + ", and 2 more}");
}

}  // namespace
}  // namespace carryall::server
