#include "carryall/catalogue/store.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <random>

#include "carryall/catalogue/store_schema.h"
#include "carryall/catalogue/test_directory.h"

namespace carryall::catalogue {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PublisherConfig MakePublisher(std::string id) {
  PublisherConfig out;
  out.publisher_id = std::move(id);
  out.stride = Duration::FromMs(125);
  out.max_latency = Duration::FromSeconds(1);
  return out;
}

// Channels "X:S-<i>" of a publisher in partition "<publisher>_S" under their numbers.
StoreChange MakeChange(const PublisherConfig& publisher, uint32_t begin, uint32_t end) {
  StoreChange out;
  out.publishers = {publisher};
  Partition partition;
  partition.id = publisher.publisher_id + "_S";
  partition.publisher = publisher.publisher_id;
  partition.subsystem = "S";
  partition.data_type = DataType::kInt32;
  partition.next_index = end;
  for (uint32_t i = begin; i < end; ++i) {
    Channel channel;
    channel.name = fmt::format("X:S-{:04}", i);
    channel.data_type = DataType::kInt32;
    channel.sample_rate = *SampleRate::Make(16);
    channel.publisher = publisher.publisher_id;
    channel.stride = publisher.stride;
    channel.max_latency = publisher.max_latency;
    channel.replay_id = publisher.replay_id;
    channel.partition_id = partition.id;
    channel.partition_index = i;
    ++partition.channels;
    partition.bytes += RowBytes(channel, publisher.stride);
    out.channels.push_back(std::move(channel));
  }
  out.partitions[partition.id] = partition;
  return out;
}

class StoreTest : public DirectoryTest {
 protected:
  std::unique_ptr<Store> Open() {
    auto store = Store::Open(path);
    EXPECT_TRUE(store.ok()) << store.status();
    return std::move(store).ValueOrDie();
  }
  // The contents after opening anew.
  StoreContents Contents() { return Open()->Load().ValueOrDie(); }
  // Runs SQL past the store.
  void Sql(const std::string& sql) {
    const auto database = Database::Open(path, false).ValueOrDie();
    const Status done = database->Execute(sql);
    ASSERT_TRUE(done.ok()) << done;
  }
  void SetUp() override {
    DirectoryTest::SetUp();
    path = File("catalogue.db");
  }
  std::string path;
};

TEST_F(StoreTest, KeepsWhatWasCommitted) {
  EXPECT_THAT(Contents().channels, IsEmpty());
  const PublisherConfig a = MakePublisher("A");
  PublisherConfig b = MakePublisher("B");
  b.dynamic = true;
  b.replay_id = "RUN";
  const StoreChange first = MakeChange(a, 0, 3), second = MakeChange(b, 0, 2);
  {
    const auto store = Open();
    ASSERT_TRUE(store->Load().ok());
    ASSERT_TRUE(store->Commit(first).ok());
    ASSERT_TRUE(store->Commit(second).ok());
  }
  StoreContents found = Contents();
  ASSERT_EQ(found.publishers.size(), 2u);
  EXPECT_FALSE(found.publishers["A"].dynamic);
  EXPECT_EQ(found.publishers["A"].replay_id, std::nullopt);
  EXPECT_TRUE(found.publishers["B"].dynamic);
  EXPECT_EQ(found.publishers["B"].replay_id, "RUN");
  EXPECT_EQ(found.publishers["B"].stride, b.stride);
  EXPECT_EQ(found.publishers["B"].max_latency, b.max_latency);
  EXPECT_EQ(found.partitions["A_S"], first.partitions.at("A_S"));
  EXPECT_EQ(found.partitions["B_S"], second.partitions.at("B_S"));
  const std::vector<Channel> expected = {first.channels[0], second.channels[0],
                                         first.channels[1], second.channels[1],
                                         first.channels[2]};
  EXPECT_EQ(found.channels, expected);
}

TEST_F(StoreTest, ChangesAndRemoves) {
  const PublisherConfig a = MakePublisher("A"), b = MakePublisher("B");
  StoreChange first = MakeChange(a, 0, 3);
  const auto store = Open();
  ASSERT_TRUE(store->Load().ok());
  ASSERT_TRUE(store->Commit(first).ok());
  ASSERT_TRUE(store->Commit(MakeChange(b, 7, 8)).ok());
  StoreChange change;
  change.publishers = {a};
  change.publishers[0].stride = Duration::FromMs(250);
  change.channels = {first.channels[1]};
  change.channels[0].sample_rate = *SampleRate::Make(64);
  change.removed = {first.channels[0]};
  change.partitions = first.partitions;
  change.partitions["A_S"].next_index = 9;
  ASSERT_TRUE(store->Commit(change).ok());
  StoreChange gone;
  gone.removed = MakeChange(b, 7, 8).channels;
  gone.removed_publishers = {"B"};
  ASSERT_TRUE(store->Commit(gone).ok());
  const StoreContents found = store->Load().ValueOrDie();
  ASSERT_EQ(found.channels.size(), 2u);
  EXPECT_EQ(found.channels[0].sample_rate.hz(), 64);
  EXPECT_EQ(found.channels[1].stride, Duration::FromMs(250));
  EXPECT_EQ(found.publishers.size(), 1u);
  // What is still in a topic keeps its meaning.
  EXPECT_EQ(found.partitions.at("B_S").next_index, 8u);
  EXPECT_EQ(found.partitions.at("B_S").channels, 0u);
  EXPECT_EQ(found.partitions.at("A_S").next_index, 9u);
  // And the publisher can come back.
  ASSERT_TRUE(store->Commit(MakeChange(b, 8, 9)).ok());
  EXPECT_EQ(store->Load()->publishers.size(), 2u);
}

// Enough for two threads, each with a part of the names.
TEST_F(StoreTest, ManyComeBackInOrder) {
  StoreChange change = MakeChange(MakePublisher("A"), 0, 100'500);
  {
    const auto store = Open();
    ASSERT_TRUE(store->Load().ok());
    ASSERT_TRUE(store->Commit(change).ok());
  }
  std::sort(change.channels.begin(), change.channels.end(),
            [](const Channel& a, const Channel& b) { return a.name < b.name; });
  const StoreContents found = Contents();
  EXPECT_TRUE(found.channels == change.channels);
  EXPECT_EQ(found.partitions.at("A_S"), change.partitions.at("A_S"));
  Sql("UPDATE channels SET sample_rate = 0 WHERE name = 'X:S-0001'");
  EXPECT_THAT(Open()->Load().status().message(), HasSubstr("X:S-0001"));
}

TEST_F(StoreTest, OneProcessHasIt) {
  const auto store = Open();
  const auto second = Store::Open(path);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(KindOf(second.status()), ErrorKind::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr(path));
}

TEST_F(StoreTest, WhatIsNoCatalogueIsNamedAndLeftAlone) {
  struct Bad {
    std::string name;
    ErrorKind kind;
    std::string_view why;
  };
  Write("text", std::string(5000, 'x'));
  Write("short", "SQLite format 3");
  path = File("foreign");
  Sql("CREATE TABLE channels(name TEXT)");
  path = File("later");
  { EXPECT_TRUE(Open()->Load().ok()); }
  Sql("PRAGMA user_version = 999");
  for (const Bad& bad :
       {Bad{"text", ErrorKind::kCorrupt, "not a database"},
        Bad{"short", ErrorKind::kCorrupt, "not a database"},
        Bad{"foreign", ErrorKind::kInvalidArgument, "another program"},
        Bad{"later", ErrorKind::kUnsupported, "999"},
        Bad{"no/such/directory", ErrorKind::kNotFound, "No such file"}}) {
    const std::string file = File(bad.name);
    std::stringstream before, after;
    before << std::ifstream(file).rdbuf();
    const auto opened = Store::Open(file);
    ASSERT_FALSE(opened.ok()) << bad.name;
    EXPECT_EQ(KindOf(opened.status()), bad.kind) << opened.status();
    EXPECT_THAT(opened.status().message(),
                AllOf(HasSubstr(file), HasSubstr(std::string(bad.why))));
    after << std::ifstream(file).rdbuf();
    EXPECT_EQ(before.str(), after.str()) << bad.name;
  }
}

TEST_F(StoreTest, WhatCannotBeIsDamageAndNamed) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"UPDATE channels SET sample_rate = 0 WHERE name = 'X:S-0001'", "X:S-0001"},
      {"UPDATE channels SET sample_rate = 4294967297 WHERE name = 'X:S-0001'",
       "X:S-0001"},
      {"UPDATE channels SET data_type = 'float99' WHERE name = 'X:S-0001'", "float99"},
      {"UPDATE channels SET partition = 77 WHERE name = 'X:S-0001'", "X:S-0001"},
      {"UPDATE channels SET partition_index = 5 WHERE name = 'X:S-0001'", "X:S-0001"},
      {"UPDATE channels SET partition_index = -1 WHERE name = 'X:S-0001'", "X:S-0001"},
      {"UPDATE channels SET partition_index = 0", "twice"},
      {"UPDATE channels SET name = 'nocolon' WHERE name = 'X:S-0001'", "nocolon"},
      {"UPDATE channels SET publisher = 5 WHERE name = 'X:S-0001'", "X:S-0001"},
      {"UPDATE partitions SET name = 'a/b'", "a/b"},
      {"UPDATE partitions SET next_index = -1", "A_S"},
      {"UPDATE partitions SET publisher = 3", "A_S"},
      {"UPDATE publishers SET stride = 0", "stride"},
      {"UPDATE publishers SET name = ''", "publisher"},
  };
  for (const auto& [sql, named] : cases) {
    std::filesystem::remove(path);
    {
      const auto store = Open();
      ASSERT_TRUE(store->Load().ok());
      ASSERT_TRUE(store->Commit(MakeChange(MakePublisher("A"), 0, 3)).ok());
    }
    Sql(sql);
    const auto loaded = Open()->Load();
    ASSERT_FALSE(loaded.ok()) << sql;
    EXPECT_EQ(KindOf(loaded.status()), ErrorKind::kCorrupt) << loaded.status();
    EXPECT_THAT(loaded.status().message(),
                AllOf(HasSubstr(path), HasSubstr(std::string(named))))
        << sql;
  }
}

// Whatever bytes are in the file: an error that names it, or contents that can be.
TEST_F(StoreTest, DamagedBytesAreAnErrorOrHarmless) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->Load().ok());
    ASSERT_TRUE(store->Commit(MakeChange(MakePublisher("A"), 0, 300)).ok());
  }
  std::stringstream whole;
  whole << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string bytes = whole.str();
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes;
    const size_t at = random() % damaged.size(), length = 1 + random() % 64;
    for (size_t i = at; i < std::min(at + length, damaged.size()); ++i) {
      damaged[i] = static_cast<char>(random());
    }
    if (round % 10 == 0) damaged.resize(random() % damaged.size());
    for (const char* tail : {"-wal", "-shm"}) std::filesystem::remove(path + tail);
    std::ofstream(path, std::ios::binary) << damaged;
    const auto store = Store::Open(path);
    Status status = store.status();
    if (status.ok()) status = (*store)->Load().status();
    if (status.ok()) continue;
    ++refused;
    EXPECT_THAT(status.message(), HasSubstr(path));
    EXPECT_NE(KindOf(status), ErrorKind::kInternal) << status;
  }
  EXPECT_GT(refused, 30);
}

TEST_F(StoreTest, MigrationsRunOnceAndInOrder) {
  const auto database = Database::Open(path, false).ValueOrDie();
  const std::string_view steps[] = {"CREATE TABLE t(a)", "INSERT INTO t VALUES(1)",
                                    "UPDATE t SET a = a * 10 + 2"};
  ASSERT_TRUE(Migrate(database.get(), std::span(steps, 2)).ok());
  EXPECT_EQ(database->Number("PRAGMA user_version").ValueOrDie(), 2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Migrate(database.get(), steps).ok());
    EXPECT_EQ(database->Number("SELECT a FROM t").ValueOrDie(), 12);
  }
  EXPECT_EQ(KindOf(Migrate(database.get(), std::span(steps, 2))),
            ErrorKind::kUnsupported);
  // A step that fails leaves the version before it.
  const std::string_view failing[] = {"", "", "", "DELETE FROM t; CREATE TABLE t(b)"};
  const Status failed = Migrate(database.get(), failing);
  EXPECT_THAT(failed.message(), AllOf(HasSubstr("version 4"), HasSubstr(path)));
  EXPECT_EQ(database->Number("SELECT count(*) FROM t").ValueOrDie(), 1);
  EXPECT_EQ(database->Number("PRAGMA user_version").ValueOrDie(), 3);
}

}  // namespace
}  // namespace carryall::catalogue
