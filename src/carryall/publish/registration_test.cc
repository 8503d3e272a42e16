#include "carryall/publish/registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carryall::publish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Channel Registered(std::string name, std::string partition, uint32_t index,
                   DataType type = DataType::kFloat32) {
  Channel channel;
  channel.name = std::move(name);
  channel.data_type = type;
  channel.sample_rate = *SampleRate::Make(16);
  channel.stride = Duration::FromNs(62'500'000);
  channel.partition_id = std::move(partition);
  channel.partition_index = index;
  return channel;
}

std::string WhyNot(std::vector<Channel> channels) {
  const auto made = Registration::Make("PUB", std::nullopt, std::move(channels));
  EXPECT_EQ(KindOf(made.status()), ErrorKind::kInvalidArgument);
  return made.status().message();
}

TEST(Registration, SortsChannelsIntoPartitionsByIndex) {
  const auto made = *Registration::Make(
      "PUB", std::nullopt,
      {Registered("X1:A", "P", 7), Registered("X1:B", "Q", 0, DataType::kInt32),
       Registered("X1:C", "P", 2)});
  ASSERT_EQ(made->partitions().size(), 2u);
  EXPECT_EQ(made->partitions()[0].topic, "arrakis-P");
  EXPECT_THAT(made->partitions()[0].channels, ElementsAre(2, 0));
  EXPECT_EQ(made->partitions()[1].type, DataType::kInt32);
  EXPECT_EQ(made->partition_of(1), 1u);
  EXPECT_EQ(made->stride(), Duration::FromNs(62'500'000));
  EXPECT_EQ(TopicOf("P", "O3"), "arrakis-replay-O3-P");
}

TEST(Registration, NamesTheChannelThatCannotBePublished) {
  EXPECT_EQ(WhyNot({}), "no channels registered for publisher ID 'PUB'");
  EXPECT_EQ(Registration::Make("PUB", "O3", {}).status().message(),
            "no channels registered for publisher ID 'PUB' under replay 'O3'");
  const Channel good = Registered("X1:GOOD", "P", 0);
  Channel bad = Registered("X1:BAD", "P", 1);
  bad.stride = Duration::FromMs(125);
  EXPECT_THAT(WhyNot({good, bad}), HasSubstr("X1:GOOD 0.0625 s, X1:BAD 0.125 s"));
  bad.stride.reset();
  EXPECT_THAT(WhyNot({good, bad}), HasSubstr("X1:BAD has no stride"));
  bad = Registered("X1:BAD", "P", 1);
  bad.partition_index.reset();
  EXPECT_THAT(WhyNot({good, bad}), HasSubstr("X1:BAD is assigned to no partition"));
  bad = Registered("X1:BAD", "P", 1);
  bad.sample_rate = *SampleRate::Make(100);
  EXPECT_THAT(WhyNot({good, bad}),
              HasSubstr("whole number of samples of channel X1:BAD"));
  bad = Registered("X1:BAD", "P", 1, DataType::kInt8);
  EXPECT_THAT(WhyNot({good, bad}), HasSubstr("channel X1:BAD is int8"));
  bad = Registered("X1:BAD", "P", 0);
  EXPECT_THAT(WhyNot({good, bad}), HasSubstr("index 0 twice"));
  bad = Registered("X1:BAD", "no topic", 0);
  EXPECT_THAT(WhyNot({good, bad}), HasSubstr("'arrakis-no topic'"));
}

TEST(CheckAgrees, ComparesWhatBothSay) {
  const Channel mine = Registered("X1:A", "P", 3);
  Channel given = mine;
  EXPECT_TRUE(CheckAgrees(mine, given).ok());
  given.partition_id.reset();
  given.partition_index.reset();
  given.stride.reset();
  given.publisher = "";
  EXPECT_TRUE(CheckAgrees(mine, given).ok());
  given.max_latency = Duration::FromSeconds(3);
  EXPECT_TRUE(CheckAgrees(mine, given).ok());
  given.stride = Duration::FromSeconds(1);
  EXPECT_THAT(CheckAgrees(mine, given).message(), HasSubstr("stride 0.0625 s"));
  given = mine;
  given.sample_rate = *SampleRate::Make(32);
  EXPECT_THAT(CheckAgrees(mine, given).message(),
              HasSubstr("X1:A is registered with 16"));
  given = mine;
  given.data_type = DataType::kFloat64;
  EXPECT_THAT(CheckAgrees(mine, given).message(), HasSubstr("float64"));
  given = mine;
  given.partition_index = 4;
  EXPECT_THAT(CheckAgrees(mine, given).message(), HasSubstr("partition index 3"));
}

}  // namespace
}  // namespace carryall::publish
