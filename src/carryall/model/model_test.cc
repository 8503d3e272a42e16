#include <arrow/type.h>
#include <gtest/gtest.h>

#include "carryall/model/channel.h"
#include "carryall/model/series_block.h"

namespace carryall {
namespace {

TEST(ChannelName, SplitsAtTheLastColonAndTheFirstDelimiter) {
  const auto a = ParseChannelName("H1:ABC_DEF-X").ValueOrDie();
  EXPECT_EQ(a.domain, "H1");
  EXPECT_EQ(a.subsystem, "ABC");
  EXPECT_EQ(a.rest, "DEF-X");
  const auto b = ParseChannelName("a:b:c-d").ValueOrDie();
  EXPECT_EQ(b.domain, "a:b");
  EXPECT_EQ(b.subsystem, "c");
  const auto c = ParseChannelName("H1:").ValueOrDie();
  EXPECT_EQ(c.domain, "H1");
  EXPECT_EQ(c.subsystem, "");
}

TEST(ChannelName, RefusesNamesWithoutAColonOrWithALineBreak) {
  EXPECT_FALSE(ParseChannelName("nocolon").ok());
  EXPECT_FALSE(ParseChannelName("H1:A\nB").ok());
  EXPECT_FALSE(ParseChannelName("H1:" + std::string(2000, 'x')).ok());
}

TEST(DataType, EveryTypeSurvivesItsNameAndItsArrowType) {
  for (int i = 0; i < kDataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(DataTypeFromName(Name(type)).ValueOrDie(), type);
    EXPECT_EQ(DataTypeFromArrow(*ToArrow(type)).ValueOrDie(), type);
    EXPECT_EQ(ToArrow(type)->byte_width(), ByteWidth(type));
  }
  EXPECT_EQ(DataTypeFromName("<f8").ValueOrDie(), DataType::kFloat64);
  EXPECT_FALSE(DataTypeFromName("float99").ok());
  EXPECT_FALSE(DataTypeFromArrow(*arrow::utf8()).ok());
}

TEST(SampleRate, CountsExactlyWhereADoubleWouldNot) {
  const SampleRate rate = SampleRate::Make(2147483647).ValueOrDie();
  EXPECT_EQ(rate.SamplesIn(Duration::FromSeconds(1'000'000'000)), 2147483647'000000000);
  EXPECT_FALSE(SampleRate::Make(3).ValueOrDie().Divides(Duration::FromMs(500)));
  EXPECT_FALSE(SampleRate::Make(0).ok());
}

Channel MakeChannel(std::string name, int64_t hz) {
  Channel channel;
  channel.name = std::move(name);
  channel.sample_rate = SampleRate::Make(hz).ValueOrDie();
  return channel;
}

TEST(SeriesBlock, SlicesWithoutTouchingSamples) {
  auto channels =
      ChannelSet::Make({MakeChannel("X1:A", 16), MakeChannel("X1:B", 4)}).ValueOrDie();
  const std::vector<double> samples(20);
  const auto* bytes = reinterpret_cast<const uint8_t*>(samples.data());
  const SeriesBlock block(GpsTime::FromSeconds(10), Duration::FromSeconds(1), channels,
                          {SampleView{bytes, nullptr, 0, 16, DataType::kFloat64},
                           SampleView{bytes + 128, nullptr, 0, 4, DataType::kFloat64}},
                          {});
  ASSERT_TRUE(block.Validate().ok());
  const auto half =
      block.Slice(GpsTime::FromSeconds(10) + Duration::FromMs(500), Duration::FromMs(500))
          .ValueOrDie();
  EXPECT_EQ(half.view(0).values, bytes + 64);
  EXPECT_EQ(half.view(0).length, 8);
  EXPECT_EQ(half.view(1).values, bytes + 144);
  EXPECT_FALSE(block.Slice(GpsTime::FromSeconds(10), Duration::FromMs(100)).ok());
  EXPECT_FALSE(block.Slice(GpsTime::FromSeconds(9), Duration::FromSeconds(1)).ok());
}

TEST(ViewList, MovesPointersButNotWhatIsMissing) {
  const std::vector<uint8_t> first(64), second(64);
  const ViewList list({SampleView{first.data() + 8, first.data() + 1, 3, 2},
                       SampleView::Missing(DataType::kInt8, 5),
                       SampleView{first.data() + 40, nullptr, 0, 3}});
  const ViewList moved = list.Moved(second.data() - first.data());
  ASSERT_EQ(moved.size(), 3u);
  EXPECT_EQ(moved[0].values, second.data() + 8);
  EXPECT_EQ(moved[0].validity, second.data() + 1);
  EXPECT_EQ(moved[0].validity_offset, 3);
  EXPECT_TRUE(moved[1].all_missing());
  EXPECT_EQ(moved[2].values, second.data() + 40);
  EXPECT_EQ(moved[2].validity, nullptr);
  EXPECT_EQ(list[0].values, first.data() + 8);
  EXPECT_EQ(moved.Moved(first.data() - second.data())[0].values, first.data() + 8);
  int64_t samples = 0;
  for (const SampleView view : moved) samples += view.length;
  EXPECT_EQ(samples, 10);
  EXPECT_TRUE(ViewList().empty());
}

TEST(SeriesBlock, GapHasTheRightNumberOfMissingSamples) {
  auto channels = ChannelSet::Make({MakeChannel("X1:A", 16)}).ValueOrDie();
  const auto gap =
      SeriesBlock::Gap(GpsTime::FromSeconds(1), Duration::FromMs(500), channels);
  EXPECT_TRUE(gap.Validate().ok());
  EXPECT_TRUE(gap.view(0).all_missing());
  EXPECT_EQ(gap.view(0).length, 8);
}

TEST(ChannelSet, RefusesRepeatedNamesAndFindsByName) {
  EXPECT_FALSE(ChannelSet::Make({MakeChannel("X1:A", 1), MakeChannel("X1:A", 2)}).ok());
  auto set =
      ChannelSet::Make({MakeChannel("X1:A", 1), MakeChannel("X1:B", 2)}).ValueOrDie();
  EXPECT_EQ(set->Find("X1:B"), 1u);
  EXPECT_FALSE(set->Find("X1:C").has_value());
  EXPECT_FALSE(set->CommonStride().ok());
}

}  // namespace
}  // namespace carryall
