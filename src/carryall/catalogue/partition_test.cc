#include "carryall/catalogue/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace carryall::catalogue {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr Duration kStride = Duration::FromNs(62'500'000);

Channel Make(std::string name, DataType type = DataType::kFloat32, int64_t hz = 16) {
  Channel channel;
  channel.name = std::move(name);
  channel.data_type = type;
  channel.sample_rate = *SampleRate::Make(hz);
  channel.stride = kStride;
  return channel;
}

// A catalogue of one publisher that keeps what Assign answers.
class Site {
 public:
  Result<Assignment> Register(std::vector<Channel> channels) {
    AssignmentInput input;
    input.publisher = publisher;
    input.stride = stride;
    input.limits = limits;
    input.partitions = &partitions;
    for (const auto& [name, channel] : known) input.known.push_back(&channel);
    for (Channel& channel : channels) channel.stride = stride;
    ARROW_ASSIGN_OR_RAISE(Assignment out, Assign(input, std::move(channels)));
    for (const Channel& channel : out.channels) known[channel.name] = channel;
    for (const auto& [id, partition] : out.changed) partitions[id] = partition;
    return out;
  }
  std::pair<std::string, uint32_t> Where(const std::string& name) const {
    const Channel& channel = known.at(name);
    return {channel.partition_id.value(), channel.partition_index.value()};
  }

  std::string publisher = "pub";
  Duration stride = kStride;
  PartitionLimits limits;
  std::map<std::string, Channel> known;
  Partitions partitions;
};

std::vector<Channel> Many(int begin, int end, const std::string& prefix = "H1:ABC-") {
  std::vector<Channel> out;
  for (int i = begin; i < end; ++i)
    out.push_back(Make(fmt::format("{}{:05}", prefix, i)));
  return out;
}

std::vector<size_t> Sizes(const Site& site) {
  std::vector<size_t> out;
  for (const auto& [id, partition] : site.partitions) out.push_back(partition.channels);
  std::sort(out.begin(), out.end());
  return out;
}

TEST(AssignTest, T1T2OnePartitionForEachSubsystemAndType) {
  Site site;
  const std::vector<Channel> input = {Make("H1:ABC-1", DataType::kFloat64),
                                      Make("H1:ABC-2", DataType::kFloat32),
                                      Make("L1:XYZ_3", DataType::kFloat64)};
  const Assignment first = site.Register(input).ValueOrDie();
  ASSERT_EQ(first.channels.size(), 3u);
  std::set<std::string> ids;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first.channels[i].name, input[i].name);
    EXPECT_EQ(first.channels[i].partition_index, 0u);
    EXPECT_THAT(*first.channels[i].partition_id,
                MatchesRegex(i < 2 ? "pub_ABC_[A-Z0-9]{6}" : "pub_XYZ_[A-Z0-9]{6}"));
    ids.insert(*first.channels[i].partition_id);
  }
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_EQ(std::set<std::string>(first.fresh.begin(), first.fresh.end()), ids);
  const Assignment again = site.Register(input).ValueOrDie();
  EXPECT_EQ(again.channels, first.channels);
  EXPECT_THAT(again.changed, IsEmpty());
  EXPECT_THAT(again.fresh, IsEmpty());
}

TEST(AssignTest, T3AnotherRateStaysT4AnotherTypeMoves) {
  Site site;
  ASSERT_TRUE(site.Register(Many(0, 3)).ok());
  const auto before = site.Where("H1:ABC-00001");
  ASSERT_TRUE(site.Register({Make("H1:ABC-00001", DataType::kFloat32, 64)}).ok());
  EXPECT_EQ(site.Where("H1:ABC-00001"), before);
  EXPECT_EQ(site.known.at("H1:ABC-00001").sample_rate.hz(), 64);
  ASSERT_TRUE(site.Register({Make("H1:ABC-00001", DataType::kInt32)}).ok());
  EXPECT_NE(site.Where("H1:ABC-00001").first, before.first);
  EXPECT_EQ(Sizes(site), (std::vector<size_t>{1, 2}));
  // Its old index stays unused, also when it comes back.
  ASSERT_TRUE(site.Register({Make("H1:ABC-00001")}).ok());
  EXPECT_EQ(site.Where("H1:ABC-00001"), std::pair(before.first, 3u));
  EXPECT_EQ(Sizes(site), (std::vector<size_t>{0, 3}));
}

TEST(AssignTest, T5ManyAtOnceAreChunksOf80) {
  for (const auto& [count, sizes] :
       std::map<int, std::vector<size_t>>{{100, {100}}, {101, {21, 80}}}) {
    Site site;
    ASSERT_TRUE(site.Register(Many(0, count)).ok());
    EXPECT_EQ(Sizes(site), sizes);
  }
  Site site;
  std::vector<Channel> channels = Many(0, 2500);
  std::shuffle(channels.begin(), channels.end(), std::mt19937(1));
  const Assignment all = site.Register(channels).ValueOrDie();
  std::vector<size_t> expected(32, 80);
  expected[0] = 20;
  EXPECT_EQ(Sizes(site), expected);
  EXPECT_EQ(all.fresh.size(), 32u);
  // In name order, so that neighbours travel together.
  EXPECT_EQ(site.Where("H1:ABC-00000"), std::pair(all.fresh[0], 0u));
  EXPECT_EQ(site.Where("H1:ABC-00079"), std::pair(all.fresh[0], 79u));
  EXPECT_EQ(site.Where("H1:ABC-00080"), std::pair(all.fresh[1], 0u));
  EXPECT_EQ(all.channels.front().name, channels.front().name);
}

TEST(AssignTest, T6NothingIsNothing) {
  Site site;
  const Assignment none = site.Register({}).ValueOrDie();
  EXPECT_THAT(none.channels, IsEmpty());
  EXPECT_THAT(none.changed, IsEmpty());
}

TEST(AssignTest, T12SmallCallsFillWhatIsThere) {
  Site site;
  for (int i = 0; i < 1000; ++i) {
    // Names come in an order that has nothing to do with their values.
    ASSERT_TRUE(site.Register(Many(i * 387 % 1000, i * 387 % 1000 + 1)).ok());
  }
  EXPECT_EQ(Sizes(site), std::vector<size_t>(10, 100));
}

TEST(AssignTest, ANewChannelJoinsItsNeighbour) {
  Site site;
  const Assignment all = site.Register(Many(0, 160)).ValueOrDie();
  ASSERT_EQ(all.fresh.size(), 2u);
  ASSERT_TRUE(site.Register({Make("H1:ABC-00010X"), Make("H1:ABC-00100X")}).ok());
  EXPECT_EQ(site.Where("H1:ABC-00010X").first, all.fresh[0]);
  EXPECT_EQ(site.Where("H1:ABC-00100X").first, all.fresh[1]);
  // Domains share the partitions of a subsystem.
  ASSERT_TRUE(site.Register({Make("L1:ABC-00010X")}).ok());
  EXPECT_EQ(site.Where("L1:ABC-00010X").first, all.fresh[1]);
}

TEST(AssignTest, TheSameHistoryGivesTheSameIds) {
  Site a, b, other;
  other.publisher = "qub";
  for (Site* site : {&a, &b, &other}) {
    ASSERT_TRUE(site->Register(Many(0, 250)).ok());
    ASSERT_TRUE(site->Register(Many(500, 700)).ok());
  }
  EXPECT_EQ(a.known, b.known);
  EXPECT_EQ(a.partitions, b.partitions);
  EXPECT_NE(a.Where("H1:ABC-00000").first.substr(3),
            other.Where("H1:ABC-00000").first.substr(3));
}

TEST(AssignTest, IdsCanBePartsOfTopicNames) {
  Site site;
  site.publisher = std::string(80, 'p');
  const std::string subsystem = "A B/\xc3\xa9" + std::string(300, 'x');
  ASSERT_TRUE(site.Register({Make("H1:" + subsystem), Make("H1:"), Make("H1:-x")}).ok());
  for (const auto& [id, partition] : site.partitions) {
    EXPECT_LE(id.size(), 160u);
    EXPECT_THAT(id, MatchesRegex("[-A-Za-z0-9._]+"));
  }
  EXPECT_EQ(site.Where("H1:").first, site.Where("H1:-x").first);
}

// 80 channels of 16384 Hz float32 with masks make 329,552 + 80 * 128 bytes a stride of
// 62.5 ms; of float64 at a stride of one second a message holds 74.
TEST(AssignTest, AMessageIsNeverTooLong) {
  EXPECT_GE(MessageBytes(80 * RowBytes(Make("A:B", DataType::kFloat32, 16384), kStride)),
            329'552 + 80 * 128);
  Site site;
  site.stride = Duration::FromSeconds(1);
  std::vector<Channel> channels = Many(0, 100);
  for (Channel& channel : channels) {
    channel.sample_rate = *SampleRate::Make(16384);
    channel.data_type = DataType::kFloat64;
  }
  ASSERT_TRUE(site.Register(channels).ok());
  EXPECT_EQ(Sizes(site), (std::vector<size_t>{25, 75}));
  const auto tall = site.Register({Make("H1:BIG-1", DataType::kFloat64, 2'000'000)});
  ASSERT_FALSE(tall.ok());
  EXPECT_EQ(KindOf(tall.status()), ErrorKind::kInvalidArgument);
  EXPECT_THAT(tall.status().message(), HasSubstr("H1:BIG-1"));
}

TEST(AssignTest, WhatGrowsTooLongMovesOn) {
  Site site;
  site.stride = Duration::FromSeconds(1);
  ASSERT_TRUE(site.Register(Many(0, 100)).ok());
  const std::string old = site.Where("H1:ABC-00000").first;
  std::vector<Channel> grown = Many(40, 60);
  for (Channel& channel : grown) channel.sample_rate = *SampleRate::Make(200'000);
  ASSERT_TRUE(site.Register(grown).ok());
  // 12 of 800 kB and a bit each; those before keep their places.
  for (int i : {0, 39, 40, 51, 60, 99}) {
    EXPECT_EQ(site.Where(fmt::format("H1:ABC-{:05}", i)),
              std::pair(old, static_cast<uint32_t>(i)));
  }
  EXPECT_NE(site.Where("H1:ABC-00052").first, old);
  EXPECT_EQ(Sizes(site), (std::vector<size_t>{8, 92}));
}

TEST(AssignTest, AnIdThatIsBroughtWins) {
  Site site;
  std::vector<Channel> channels = {Make("H1:ABC-1"), Make("H1:ABC-2"), Make("H1:XYZ-1")};
  channels[0].partition_id = channels[1].partition_id = channels[2].partition_id = "mine";
  channels[0].partition_index = 7;
  channels[2].partition_index = 3;
  ASSERT_TRUE(site.Register(channels).ok());
  EXPECT_EQ(site.Where("H1:ABC-1"), std::pair(std::string("mine"), 7u));
  EXPECT_EQ(site.Where("H1:XYZ-1"), std::pair(std::string("mine"), 3u));
  EXPECT_EQ(site.Where("H1:ABC-2"), std::pair(std::string("mine"), 8u));

  struct Bad {
    DataType type;
    std::optional<uint32_t> index;
    std::string_view publisher, why;
  };
  for (const Bad& bad : {Bad{DataType::kInt8, {}, "pub", "data type is float32"},
                         Bad{DataType::kFloat32, 3, "pub", "index 3 is in use"},
                         Bad{DataType::kFloat32, {}, "qub", "another publisher's"}}) {
    Channel channel = Make("H1:ABC-3", bad.type);
    channel.partition_id = "mine";
    channel.partition_index = bad.index;
    site.publisher = bad.publisher;
    const auto refused = site.Register({channel});
    ASSERT_FALSE(refused.ok()) << bad.why;
    EXPECT_THAT(refused.status().message(), HasSubstr(std::string(bad.why)));
    EXPECT_THAT(refused.status().message(), HasSubstr("H1:ABC-3"));
  }
}

// What must hold of any state, found the slow way. `before` is the state that led to it.
void CheckInvariants(const Site& before, const Site& site, const Assignment& answer,
                     const std::vector<Channel>& asked) {
  std::map<std::string, std::vector<const Channel*>> members;
  std::set<std::pair<std::string, uint32_t>> places;
  for (const auto& [name, channel] : site.known) {
    members[channel.partition_id.value()].push_back(&channel);
    ASSERT_TRUE(places.emplace(*channel.partition_id, *channel.partition_index).second)
        << name;
  }
  for (const auto& [id, partition] : site.partitions) {
    int64_t bytes = 0;
    for (const Channel* channel : members[id]) {
      ASSERT_EQ(channel->data_type, partition.data_type) << channel->name;
      ASSERT_LT(*channel->partition_index, partition.next_index) << channel->name;
      bytes += RowBytes(*channel, *channel->stride);
    }
    ASSERT_EQ(partition.channels, members[id].size()) << id;
    ASSERT_EQ(partition.bytes, bytes) << id;
    ASSERT_LE(partition.channels, site.limits.max_channels) << id;
    ASSERT_LE(MessageBytes(bytes), site.limits.max_bytes) << id;
  }
  ASSERT_EQ(answer.channels.size(), asked.size());
  std::set<std::string> names;
  for (size_t i = 0; i < asked.size(); ++i) {
    ASSERT_EQ(answer.channels[i].name, asked[i].name);
    ASSERT_EQ(answer.channels[i].sample_rate, asked[i].sample_rate);
    ASSERT_EQ(answer.channels[i].data_type, asked[i].data_type);
    names.insert(asked[i].name);
  }
  for (const auto& [name, channel] : site.known) {
    const auto old = before.known.find(name);
    if (old == before.known.end()) continue;
    if (!names.contains(name)) {
      ASSERT_EQ(channel, old->second);
    }
    const bool moved = channel.partition_id != old->second.partition_id ||
                       channel.partition_index != old->second.partition_index;
    const bool grew = RowBytes(channel, site.stride) > RowBytes(old->second, site.stride);
    // An index that somebody had is nobody else's.
    if (moved) {
      ASSERT_TRUE(channel.data_type != old->second.data_type || grew) << name;
      ASSERT_FALSE(
          places.contains({*old->second.partition_id, *old->second.partition_index}));
    }
  }
  // Nothing new was made while something there had room.
  for (const std::string& id : answer.fresh) {
    ASSERT_FALSE(before.partitions.contains(id));
    for (const Channel* channel : members[id]) {
      const auto parts = ParseChannelName(channel->name).ValueOrDie();
      ASSERT_EQ(site.partitions.at(id).subsystem, parts.subsystem);
      for (const auto& [other, partition] : before.partitions) {
        const Partition& now = site.partitions.at(other);
        if (now.subsystem != parts.subsystem || now.data_type != channel->data_type) {
          continue;
        }
        const bool room = now.channels < site.limits.max_channels &&
                          MessageBytes(now.bytes + RowBytes(*channel, site.stride)) <=
                              site.limits.max_bytes;
        ASSERT_FALSE(room) << channel->name << " had room in " << other;
      }
    }
  }
}

TEST(AssignTest, PropertiesHoldWhateverIsRegistered) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int n) { return static_cast<int>(random() % n); };
  for (int round = 0; round < 40; ++round) {
    Site site;
    site.limits.max_channels = 1 + pick(12);
    site.limits.chunk = 1 + pick(static_cast<int>(site.limits.max_channels));
    site.limits.max_bytes = MessageBytes(1000 + pick(3000));
    const DataType types[] = {DataType::kInt16, DataType::kFloat32, DataType::kFloat64};
    for (int call = 0; call < 30; ++call) {
      std::map<std::string, Channel> asked;
      for (int n = pick(30); n > 0; --n) {
        const std::string name =
            fmt::format("{}:{}-{}", "XY"[pick(2)], "ABC"[pick(3)], pick(60));
        asked[name] = Make(name, types[pick(3)], 16 << pick(6));
      }
      std::vector<Channel> channels;
      for (const auto& [name, channel] : asked) channels.push_back(channel);
      std::shuffle(channels.begin(), channels.end(), random);
      const Site before = site;
      const auto answer = site.Register(channels);
      ASSERT_TRUE(answer.ok()) << answer.status();
      CheckInvariants(before, site, *answer, channels);
      if (HasFatalFailure()) FAIL() << "round " << round << " call " << call;
    }
  }
}

}  // namespace
}  // namespace carryall::catalogue
