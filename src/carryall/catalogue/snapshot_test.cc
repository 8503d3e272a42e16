#include "carryall/catalogue/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace carryall::catalogue {
namespace {

using metadata::ChannelQuery;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Channel Make(std::string name, int64_t hz = 16, DataType type = DataType::kFloat32,
             std::string publisher = "P") {
  Channel channel;
  channel.name = std::move(name);
  channel.sample_rate = *SampleRate::Make(hz);
  channel.data_type = type;
  channel.publisher = std::move(publisher);
  return channel;
}

std::vector<Channel> Found(const metadata::Catalogue& catalogue,
                           const ChannelQuery& query) {
  std::vector<Channel> out;
  const Status status = catalogue.Find(query, [&](const Channel& channel) {
    out.push_back(channel);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(catalogue.Count(query).ValueOr(-1), static_cast<int64_t>(out.size()))
      << query.pattern;
  return out;
}

std::vector<std::string> Names(const metadata::Catalogue& catalogue,
                               std::string pattern = ".*") {
  ChannelQuery query;
  query.pattern = std::move(pattern);
  std::vector<std::string> out;
  for (const Channel& channel : Found(catalogue, query)) out.push_back(channel.name);
  return out;
}

void ExpectGetAllIsGet(const metadata::Catalogue& catalogue,
                       const std::vector<std::string>& names,
                       const std::optional<std::string>& replay_id) {
  std::vector<const Channel*> all(names.size()), each;
  catalogue.GetAll(names.data(), names.size(), replay_id, all.data());
  for (const std::string& name : names) each.push_back(catalogue.Get(name, replay_id));
  EXPECT_EQ(all, each);
}

TEST(SnapshotTest, AnswersInNameOrderAndKeepsWhatItWas) {
  const auto empty = Snapshot::Make({}).ValueOrDie();
  EXPECT_THAT(Names(*empty), IsEmpty());
  EXPECT_EQ(empty->Get("A:B", {}), nullptr);
  const auto first =
      Snapshot::Make({Make("H1:B-2"), Make("L1:A-1"), Make("H1:A-1")}).ValueOrDie();
  const Channel* const held = first->Get("H1:B-2", {});
  const auto second =
      first->With({Make("H1:B-2", 64), Make("H1:B-1")}, {{"L1:A-1", {}}, {"X:Y", {}}})
          .ValueOrDie();
  EXPECT_THAT(Names(*first), ElementsAre("H1:A-1", "H1:B-2", "L1:A-1"));
  EXPECT_THAT(Names(*second), ElementsAre("H1:A-1", "H1:B-1", "H1:B-2"));
  EXPECT_EQ(second->size(), 3u);
  EXPECT_EQ(held->sample_rate.hz(), 16);
  EXPECT_EQ(second->Get("H1:B-2", {})->sample_rate.hz(), 64);
  EXPECT_EQ(second->Get("L1:A-1", {}), nullptr);
  const std::map<std::string, std::set<std::string>> before = {{"H1", {"A", "B"}},
                                                               {"L1", {"A"}}},
                                                     after = {{"H1", {"A", "B"}}};
  EXPECT_EQ(first->scopes(), before);
  EXPECT_EQ(second->scopes(), after);
  std::vector<std::string> range;
  second->VisitRange("H1:B", "H1:B-2",
                     [&](const Channel& channel) { range.push_back(channel.name); });
  EXPECT_THAT(range, ElementsAre("H1:B-1"));
}

TEST(SnapshotTest, AVisitorCanStopAndErrorsAreThoseOfThePattern) {
  const auto snapshot = Snapshot::Make({Make("A:B"), Make("A:D")})
                            .ValueOrDie()
                            ->With({Make("A:C"), Make("A:E")}, {})
                            .ValueOrDie();
  for (int wanted = 1; wanted <= 4; ++wanted) {
    int seen = 0;
    ASSERT_TRUE(snapshot->Find({}, [&](const Channel&) { return ++seen < wanted; }).ok());
    EXPECT_EQ(seen, wanted);
  }
  ChannelQuery query;
  query.pattern = "(?=A)";
  EXPECT_THAT(snapshot->Count(query).status().message(), HasSubstr("look-around"));
  EXPECT_EQ(KindOf(snapshot->Find(query, [](const Channel&) { return true; })),
            ErrorKind::kInvalidArgument);
}

TEST(SnapshotTest, AChannelTwiceIsAnErrorNamingIt) {
  EXPECT_THAT(Snapshot::Make({Make("A:B"), Make("A:B")}).status().message(),
              HasSubstr("A:B"));
  const auto snapshot = Snapshot::Make({Make("A:B")}).ValueOrDie();
  EXPECT_THAT(snapshot->With({Make("A:C"), Make("A:C")}, {}).status().message(),
              HasSubstr("A:C"));
}

// Against the plain catalogue of the same channels in the same order, while channels
// come, change and go; often enough for the small index to be merged.
TEST(SnapshotTest, AgreesWithThePlainCatalogue) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int n) { return static_cast<int>(random() % n); };
  std::map<std::pair<std::string, std::string>, Channel> model;
  const auto make = [&] {
    const DataType types[] = {DataType::kInt16, DataType::kFloat32, DataType::kFloat64};
    Channel channel = Make(fmt::format("{}:{}-{}_{}", "XY"[pick(2)], "ABCD"[pick(4)],
                                       pick(400), pick(2) ? "OUT" : "IN_OUT"),
                           16 << pick(4), types[pick(3)], fmt::format("P{}", pick(3)));
    if (pick(5) == 0) channel.replay_id = fmt::format("R{}", pick(2));
    return channel;
  };
  const char* patterns[] = {".*",       "X:A-",     ".*OUT",      ".*IN_O.*",
                            "[XY]:B-1", ".*_IN.*T", "Y:(A|C).*1", ".*-3[0-9]*_O",
                            "Z",        "X:.*:",    ".*UTX"};
  auto snapshot = Snapshot::Make({}).ValueOrDie();
  for (int round = 0; round < 25; ++round) {
    std::map<std::pair<std::string, std::string>, Channel> put;
    for (int n = pick(2) ? pick(5) : pick(900); n > 0; --n) {
      Channel channel = make();
      put[{channel.name, channel.replay_id.value_or("")}] = channel;
    }
    std::vector<Channel> gone;
    for (int n = pick(200); n > 0; --n) gone.push_back(make());
    std::vector<ChannelKey> removed;
    for (const Channel& channel : gone) {
      removed.push_back(ChannelKey::Of(channel));
      model.erase({channel.name, channel.replay_id.value_or("")});
    }
    std::vector<Channel> channels;
    for (const auto& [key, channel] : put) {
      model[key] = channel;
      channels.push_back(channel);
    }
    std::shuffle(channels.begin(), channels.end(), random);
    snapshot = snapshot->With(channels, removed).ValueOrDie();

    std::vector<Channel> all;
    for (const auto& [key, channel] : model) all.push_back(channel);
    const auto plain = metadata::Catalogue::Make(all).ValueOrDie();
    ASSERT_EQ(snapshot->size(), plain->size());
    ASSERT_EQ(snapshot->scopes(), plain->scopes());
    for (const char* pattern : patterns) {
      ChannelQuery query;
      query.pattern = pattern;
      if (pick(2)) query.min_rate = 16 << pick(3);
      if (pick(3) == 0) query.max_rate = 16 << pick(4);
      if (pick(3) == 0) query.data_types = {DataType::kInt16, DataType::kFloat64};
      if (pick(3) == 0) query.publishers = {"P1", "P7"};
      if (pick(4) == 0) query.replay_id = fmt::format("R{}", pick(3));
      ASSERT_EQ(Found(*snapshot, query), Found(*plain, query)) << pattern;
    }
    for (int n = 0; n < 50; ++n) {
      const Channel asked = make();
      const Channel* ours = snapshot->Get(asked.name, asked.replay_id);
      const Channel* theirs = plain->Get(asked.name, asked.replay_id);
      ASSERT_EQ(ours == nullptr, theirs == nullptr) << asked.name;
      if (ours != nullptr) {
        ASSERT_EQ(*ours, *theirs);
      }
    }
    std::vector<std::string> names;
    for (int n = pick(200); n > 0; --n) names.push_back(make().name);
    if (pick(2)) std::sort(names.begin(), names.end());
    ExpectGetAllIsGet(*snapshot, names, pick(2) ? std::optional("R1") : std::nullopt);
  }
}

// Enough names for several rounds and several threads.
TEST(SnapshotTest, LargeOnesAgreeToo) {
  std::vector<Channel> channels;
  for (int i = 0; i < 200'000; ++i) {
    channels.push_back(Make(fmt::format("H1:S{}-CHAN_{}", i % 37, i), 16 << (i % 5)));
  }
  const auto plain = metadata::Catalogue::Make(channels).ValueOrDie();
  std::vector<Channel> replaced;
  for (int i = 0; i < 200'000; i += 1001) {
    replaced.push_back(channels[i]);
    channels[i].sample_rate = *SampleRate::Make(1);
  }
  const auto snapshot =
      Snapshot::Make(channels).ValueOrDie()->With(replaced, {}).ValueOrDie();
  for (const char* pattern : {".*", ".*_1.*7", ".*CHAN_9.*", ".*[13]$", "H1:S3.*00"}) {
    std::vector<std::string> expected = Names(*plain, pattern);
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(Names(*snapshot, pattern), expected) << pattern;
    ChannelQuery query;
    query.pattern = pattern;
    query.min_rate = 64;
    EXPECT_EQ(*snapshot->Count(query), *plain->Count(query)) << pattern;
  }
  // Names near one another and far, there and not, once in order and once in none.
  std::vector<std::string> names = {"A", "H1", "H1:S0-", "Z:Z-9"};
  for (int i = 0; i < 200'000; i += i % 1000 < 20 ? 1 : 97) {
    names.push_back(channels[i].name);
    names.push_back(channels[i].name + "_");
  }
  std::shuffle(names.begin(), names.end(), std::mt19937(1));
  ExpectGetAllIsGet(*snapshot, names, std::nullopt);
  std::sort(names.begin(), names.end());
  ExpectGetAllIsGet(*snapshot, names, std::nullopt);
}

}  // namespace
}  // namespace carryall::catalogue
