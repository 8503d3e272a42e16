#include "carryall/base/distinct.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carryall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Distinct, KeepsTheFirstOfEachInOrder) {
  EXPECT_THAT(Distinct({}), IsEmpty());
  EXPECT_THAT(Distinct({"a", "b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Distinct({"a", "a"}), ElementsAre("a"));
  EXPECT_THAT(Distinct({"c", "a", "c", "b", "a"}), ElementsAre("c", "a", "b"));
  EXPECT_THAT(Distinct({"a", "b", "", "b"}), ElementsAre("a", "b", ""));
}

TEST(Distinct, ViewsTheNamesThatWereGiven) {
  const std::vector<std::string> names = {"b", "a", "b"};
  const auto views = Distinct(names);
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(views[0].data(), names[0].data());
  EXPECT_EQ(views[1].data(), names[1].data());
}

}  // namespace
}  // namespace carryall
