#include "carryall/relay/topic_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "carryall/base/log.h"

namespace carryall::relay {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> lines;

class TopicWarningsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    lines.clear();
    SetLogSink([](LogLevel, std::string_view line) { lines.emplace_back(line); },
               LogLevel::kWarning);
  }
  void TearDown() override { SetLogSink(nullptr, LogLevel::kInfo); }
};

TEST_F(TopicWarningsTest, OneLineATopic) {
  TopicWarnings warnings(Duration::FromSeconds(3600));
  for (int i = 0; i < 100; ++i) {
    warnings.Add("a", "message 7 of a is bad");
    warnings.Add("b", "message 1 of b is bad");
  }
  EXPECT_THAT(lines, ElementsAre("message 7 of a is bad", "message 1 of b is bad"));
}

TEST_F(TopicWarningsTest, ALaterLineSaysHowManyItStandsFor) {
  TopicWarnings warnings(Duration::FromMs(20));
  int64_t added = 0;
  while (lines.size() < 2) {
    warnings.Add("a", "bad");
    ++added;
  }
  EXPECT_EQ(lines[0], "bad");
  EXPECT_EQ(lines[1],
            fmt::format("bad; {} more of topic a since the last line", added - 2));
}

}  // namespace
}  // namespace carryall::relay
