#include "carryall/wire/description.h"

#include <gmock/gmock.h>

namespace carryall::wire {
namespace {

Channel Make(const std::string& name) {
  Channel channel;
  channel.name = name;
  channel.data_type = DataType::kFloat32;
  channel.sample_rate = *SampleRate::Make(16384);
  channel.stride = Duration::FromNs(62'500'000);
  return channel;
}

TEST(Description, ComesBackWhole) {
  std::vector<Channel> channels;
  for (int i = 0; i < 2500; ++i) channels.push_back(Make(fmt::format("X1:DSC-{}", i)));
  std::vector<const Channel*> described;
  for (const Channel& channel : channels) described.push_back(&channel);
  const std::string bytes = FormatDescription(described).ValueOrDie();
  const auto back = ReadDescription(bytes).ValueOrDie();
  ASSERT_EQ(back.size(), channels.size());
  for (size_t i = 0; i < back.size(); ++i) EXPECT_EQ(back[i], channels[i]) << i;
  // At any address.
  const std::string shifted = "x" + bytes;
  EXPECT_EQ(ReadDescription(std::string_view(shifted).substr(1)).ValueOrDie().size(),
            channels.size());
}

TEST(Description, AnythingElseIsCorrupt) {
  const Channel channel = Make("X1:DSC-A");
  const std::string bytes = FormatDescription({&channel}).ValueOrDie();
  EXPECT_EQ(KindOf(ReadDescription("").status()), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf(ReadDescription("nonsense").status()), ErrorKind::kCorrupt);
  for (size_t size = 1; size < bytes.size() - 8; ++size) {
    const auto read = ReadDescription(std::string_view(bytes).substr(0, size));
    if (read.ok()) continue;  // a stream may end after any message
    EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorrupt) << size;
  }
}

}  // namespace
}  // namespace carryall::wire
