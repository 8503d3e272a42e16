#include "carryall/catalogue/catalogue.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "carryall/catalogue/test_directory.h"
#include "carryall/catalogue/test_site.h"

namespace carryall::catalogue {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class CatalogueTest : public DirectoryTest {
 protected:
  void SetUp() override {
    DirectoryTest::SetUp();
    Reopen();
  }
  void Reopen() {
    catalogue = nullptr;
    auto opened = Catalogue::Open(File("catalogue.db"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalogue = std::move(opened).ValueOrDie();
  }
  Status Configure(const std::vector<PublisherFile>& files) {
    return catalogue->Configure(files).status();
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> out;
    for (const Channel& channel : AllChannels(*catalogue)) out.push_back(channel.name);
    return out;
  }
  std::unique_ptr<Catalogue> catalogue;
};

TEST_F(CatalogueTest, RegisterAnswersInOrderAndKeeps) {
  ASSERT_TRUE(Configure({MakeFile("pub", true)}).ok());
  const std::vector<Channel> asked = {MakeChannel("L1:XYZ_3", DataType::kFloat64),
                                      MakeChannel("H1:ABC-1", DataType::kFloat64),
                                      MakeChannel("H1:ABC-2"),
                                      MakeChannel("H1:ABC-1", DataType::kFloat64)};
  const Registration first = catalogue->Register("pub", {}, asked).ValueOrDie();
  ASSERT_EQ(first.channels.size(), 4u);
  EXPECT_EQ(first.changed.size(), 3u);
  EXPECT_EQ(first.fresh.at("pub").size(), 3u);
  for (size_t i = 0; i < asked.size(); ++i) {
    const Channel& channel = first.channels[i];
    EXPECT_EQ(channel.name, asked[i].name);
    EXPECT_EQ(channel.publisher, "pub");
    EXPECT_EQ(channel.stride, kStride);
    EXPECT_EQ(channel.max_latency, kLatency);
    EXPECT_EQ(channel.partition_index, 0u);
  }
  EXPECT_EQ(first.channels[1], first.channels[3]);
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-1", "H1:ABC-2", "L1:XYZ_3"));
  EXPECT_EQ(catalogue->Partitions()->size(), 3u);

  const std::vector<Channel> before = AllChannels(*catalogue);
  Reopen();
  EXPECT_EQ(AllChannels(*catalogue), before);
  // Until it is configured again, nobody registers under its name.
  EXPECT_EQ(KindOf(catalogue->Register("pub", {}, asked).status()),
            ErrorKind::kPermissionDenied);
  ASSERT_TRUE(Configure({MakeFile("pub", true)}).ok());
  const Registration again = catalogue->Register("pub", {}, asked).ValueOrDie();
  EXPECT_EQ(again.channels, first.channels);
  EXPECT_THAT(again.changed, IsEmpty());
  // One more joins the partition that is there, in another domain as well.
  const Registration more =
      catalogue->Register("pub", {}, {MakeChannel("L1:ABC-7")}).ValueOrDie();
  EXPECT_EQ(more.channels[0].partition_id, first.channels[2].partition_id);
  EXPECT_THAT(more.fresh, IsEmpty());
  EXPECT_THAT(catalogue->Register("pub", {}, {}).ValueOrDie().channels, IsEmpty());
}

TEST_F(CatalogueTest, T9WhoMayNotRegisterIsTold) {
  PublisherFile replay = MakeFile("replayed", true);
  replay.publisher.replay_id = "RUN";
  ASSERT_TRUE(
      Configure({MakeFile("fixed", false), replay, MakeFile("other", true)}).ok());
  ASSERT_TRUE(catalogue->Register("other", {}, {MakeChannel("H1:TAKEN-1")}).ok());
  struct Bad {
    std::string publisher;
    std::optional<std::string> replay;
    std::vector<Channel> channels;
    ErrorKind kind;
    std::string_view why;
  };
  Channel odd = MakeChannel("H1:ABC-ODD");
  odd.sample_rate = *SampleRate::Make(15);
  const Bad cases[] = {
      {"nobody", {}, {}, ErrorKind::kPermissionDenied, "not configured"},
      {"fixed", {}, {}, ErrorKind::kPermissionDenied, "not configured as dynamic"},
      {"replayed", {}, {}, ErrorKind::kPermissionDenied, "'RUN', not ''"},
      {"other", "RUN", {}, ErrorKind::kPermissionDenied, "'', not 'RUN'"},
      {"other", {}, {MakeChannel("nocolon")}, ErrorKind::kInvalidArgument, "nocolon"},
      {"other", {}, {MakeChannel("A:\xff")}, ErrorKind::kInvalidArgument, "A:\\xff"},
      {"other", {}, {odd}, ErrorKind::kInvalidArgument, "H1:ABC-ODD"},
      {"other",
       {},
       {MakeChannel("A:B"), MakeChannel("A:B", DataType::kInt8)},
       ErrorKind::kInvalidArgument,
       "twice"},
  };
  for (const Bad& bad : cases) {
    const auto refused = catalogue->Register(bad.publisher, bad.replay, bad.channels);
    ASSERT_FALSE(refused.ok()) << bad.why;
    EXPECT_EQ(KindOf(refused.status()), bad.kind) << refused.status();
    EXPECT_THAT(refused.status().message(), HasSubstr(std::string(bad.why)));
  }
  EXPECT_THAT(Names(), ElementsAre("H1:TAKEN-1"));
  // The same name under a replay is another channel.
  EXPECT_TRUE(catalogue->Register("replayed", "RUN", {MakeChannel("H1:TAKEN-1")}).ok());
  ASSERT_TRUE(Configure({MakeFile("fixed", true), replay, MakeFile("other", true)}).ok());
  const auto taken = catalogue->Register("fixed", {}, {MakeChannel("H1:TAKEN-1")});
  EXPECT_EQ(KindOf(taken.status()), ErrorKind::kPermissionDenied);
  EXPECT_THAT(taken.status().message(), AllOf(HasSubstr("'other'"), HasSubstr("TAKEN")));
}

TEST_F(CatalogueTest, WhatPartitionsNeedIsMadeFirst) {
  ASSERT_TRUE(Configure({MakeFile("pub", true)}).ok());
  std::vector<std::string> made;
  const auto fail = [&](const PublisherConfig& publisher,
                        const std::vector<std::string>& fresh) {
    EXPECT_EQ(publisher.publisher_id, "pub");
    made = fresh;
    EXPECT_THAT(Names(), IsEmpty());
    return Error(ErrorKind::kUnavailable, "no broker");
  };
  const auto refused = catalogue->Register("pub", {}, {MakeChannel("H1:ABC-1")}, fail);
  EXPECT_EQ(KindOf(refused.status()), ErrorKind::kUnavailable);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(*catalogue->Partitions(), IsEmpty());
  const Registration done =
      catalogue->Register("pub", {}, {MakeChannel("H1:ABC-1")}).ValueOrDie();
  EXPECT_EQ(done.fresh.at("pub"), made);
  // Nothing new: nothing to make.
  EXPECT_TRUE(catalogue->Register("pub", {}, {MakeChannel("H1:ABC-2")}, fail).ok());
}

TEST_F(CatalogueTest, ATurnThatDoesNotComeIsAnError) {
  catalogue = nullptr;
  CatalogueOptions options;
  options.turn_timeout = std::chrono::milliseconds(1);
  catalogue = Catalogue::Open(File("catalogue.db"), options).ValueOrDie();
  ASSERT_TRUE(Configure({MakeFile("pub", true)}).ok());
  // While a registration makes its topics, another thread wants to register.
  const auto slow = [&](const PublisherConfig&, const std::vector<std::string>&) {
    std::thread([&] {
      const auto other = catalogue->Register("pub", {}, {MakeChannel("H1:ABC-2")});
      EXPECT_EQ(KindOf(other.status()), ErrorKind::kTimeout) << other.status();
      EXPECT_EQ(catalogue->snapshot()->size(), 0u);
    }).join();
    return Status::OK();
  };
  ASSERT_TRUE(catalogue->Register("pub", {}, {MakeChannel("H1:ABC-1")}, slow).ok());
  EXPECT_THAT(Names(), ElementsAre("H1:ABC-1"));
}

TEST_F(CatalogueTest, AReloadAddsChangesAndRemoves) {
  ASSERT_TRUE(Configure({MakeFile("A", false,
                                  {MakeChannel("H1:A-1"), MakeChannel("H1:A-2"),
                                   MakeChannel("H1:A-3")})})
                  .ok());
  const auto before = catalogue->snapshot();
  Channel faster = MakeChannel("H1:A-2");
  faster.sample_rate = *SampleRate::Make(256);
  const std::vector<PublisherFile> files = {
      MakeFile("A", false, {faster, MakeChannel("H1:A-3"), MakeChannel("H1:A-4")})};
  const Registration done = catalogue->Configure(files).ValueOrDie();
  EXPECT_EQ(done.changed.size(), 2u);
  ASSERT_EQ(done.removed.size(), 1u);
  EXPECT_EQ(done.removed[0].name, "H1:A-1");
  EXPECT_THAT(Names(), ElementsAre("H1:A-2", "H1:A-3", "H1:A-4"));
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-2", {})->sample_rate.hz(), 256);
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-2", {})->partition_index, 1u);
  // The index of what is gone is not given to another.
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-4", {})->partition_index, 3u);
  EXPECT_EQ(before->size(), 3u);
  const Registration same = catalogue->Configure(files).ValueOrDie();
  EXPECT_THAT(same.changed, IsEmpty());
  EXPECT_THAT(same.removed, IsEmpty());
  const std::vector<Channel> channels = AllChannels(*catalogue);
  Reopen();
  EXPECT_EQ(AllChannels(*catalogue), channels);
  EXPECT_THAT(catalogue->Configure(files)->changed, IsEmpty());
}

TEST_F(CatalogueTest, ADynamicPublisherKeepsItsChannelsUnderItsNewTiming) {
  PublisherFile file = MakeFile("A", true, {MakeChannel("H1:A-1")});
  ASSERT_TRUE(Configure({file}).ok());
  ASSERT_TRUE(catalogue->Register("A", {}, {MakeChannel("H1:A-2")}).ok());
  const std::vector<Channel> before = AllChannels(*catalogue);
  file.publisher.stride = Duration::FromSeconds(1);
  file.publisher.replay_id = "RUN";
  ASSERT_TRUE(Configure({file}).ok());
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-2", {}), nullptr);
  std::vector<Channel> after = AllChannels(*catalogue);
  ASSERT_EQ(after.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i].stride, Duration::FromSeconds(1));
    EXPECT_EQ(after[i].replay_id, "RUN");
    EXPECT_EQ(after[i].partition_id, before[i].partition_id);
    EXPECT_EQ(after[i].partition_index, before[i].partition_index);
  }
  Reopen();
  EXPECT_EQ(AllChannels(*catalogue), after);
  // Timing that a channel cannot have leaves everything as it was.
  file.publisher.stride = Duration::FromNs(10'000'001);
  file.publisher.line = 3;
  const Status bad = Configure({file});
  EXPECT_EQ(KindOf(bad), ErrorKind::kInvalidArgument);
  EXPECT_THAT(bad.message(), AllOf(StartsWith("A.toml:"), HasSubstr("H1:A-")));
  EXPECT_EQ(AllChannels(*catalogue), after);
}

TEST_F(CatalogueTest, AChannelCanMoveToAnotherFileInOneReload) {
  const Channel moving = MakeChannel("H1:M-1");
  ASSERT_TRUE(Configure({MakeFile("A", false, {moving}), MakeFile("B", false)}).ok());
  // While A still has it, B cannot.
  const Status both =
      Configure({MakeFile("A", false, {moving}), MakeFile("B", false, {moving})});
  EXPECT_THAT(both.message(), AllOf(StartsWith("B.toml:"), HasSubstr("'A'")));
  const Registration done =
      catalogue->Configure({MakeFile("A", false), MakeFile("B", false, {moving})})
          .ValueOrDie();
  EXPECT_EQ(done.removed.size(), 1u);
  EXPECT_EQ(catalogue->snapshot()->Get("H1:M-1", {})->publisher, "B");
  EXPECT_THAT(Names(), ElementsAre("H1:M-1"));
  Reopen();
  EXPECT_EQ(catalogue->snapshot()->Get("H1:M-1", {})->publisher, "B");
}

TEST_F(CatalogueTest, TakesWhatAnotherServerAssigned) {
  ASSERT_TRUE(Configure({MakeFile("own", true)}).ok());
  PublisherConfig stock = MakeFile("stock", true).publisher;
  Channel a = MakeChannel("H1:A-1"), b = MakeChannel("H1:A-2", DataType::kInt16);
  a.partition_id = b.partition_id = "stock_A_XYZ123";
  a.partition_index = 4;
  b.partition_index = 2;
  ASSERT_TRUE(catalogue->Adopt(stock, {a, b}, {}).ok());
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-1", {})->partition_index, 4u);
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-2", {})->data_type, DataType::kInt16);
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-2", {})->stride, kStride);
  // It is not ours to assign for.
  EXPECT_EQ(KindOf(catalogue->Register("stock", {}, {a}).status()),
            ErrorKind::kPermissionDenied);
  EXPECT_EQ(KindOf(catalogue->Adopt(MakeFile("own", true).publisher, {}, {}).status()),
            ErrorKind::kPermissionDenied);
  Channel clash = MakeChannel("H1:A-3");
  clash.partition_id = a.partition_id;
  clash.partition_index = 4;
  EXPECT_THAT(catalogue->Adopt(stock, {clash}, {}).status().message(),
              AllOf(HasSubstr("H1:A-3"), HasSubstr("taken")));
  EXPECT_FALSE(catalogue->Adopt(stock, {MakeChannel("H1:A-4")}, {}).ok());
  // The place of one that is gone may be given away, by them.
  stock.max_latency = Duration::FromSeconds(2);
  const Registration done = catalogue->Adopt(stock, {clash}, {"H1:A-1"}).ValueOrDie();
  EXPECT_EQ(done.removed.size(), 1u);
  EXPECT_THAT(Names(), ElementsAre("H1:A-2", "H1:A-3"));
  EXPECT_EQ(catalogue->snapshot()->Get("H1:A-2", {})->max_latency,
            Duration::FromSeconds(2));
  const std::vector<Channel> before = AllChannels(*catalogue);
  Reopen();
  EXPECT_EQ(AllChannels(*catalogue), before);
  EXPECT_THAT(catalogue->Adopt(stock, before, {})->changed, IsEmpty());
  ASSERT_TRUE(catalogue->Remove("stock").ok());
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(KindOf(catalogue->Remove("stock").status()), ErrorKind::kNotFound);
  EXPECT_EQ(catalogue->publishers()->size(), 1u);
}

TEST_F(CatalogueTest, RegistrationsTakeTurnsAndReadersDoNotWait) {
  constexpr int kThreads = 4, kCalls = 50;
  std::vector<PublisherFile> files;
  for (int t = 0; t < kThreads; ++t)
    files.push_back(MakeFile(fmt::format("P{}", t), true));
  ASSERT_TRUE(Configure(files).ok());
  std::atomic<bool> done = false;
  std::thread reader([&] {
    size_t last = 0;
    while (!done) {
      const auto snapshot = catalogue->snapshot();
      EXPECT_GE(snapshot->size(), last);
      last = snapshot->size();
      EXPECT_EQ(snapshot->Count({}).ValueOr(-1), static_cast<int64_t>(last));
      snapshot->scopes();
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const auto done_here = catalogue->Register(
            fmt::format("P{}", t), {}, {MakeChannel(fmt::format("H{}:S-{}", t, i))});
        EXPECT_TRUE(done_here.ok()) << done_here.status();
        // What was acknowledged is there.
        EXPECT_NE(catalogue->snapshot()->Get(fmt::format("H{}:S-{}", t, i), {}), nullptr);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  EXPECT_EQ(catalogue->snapshot()->size(), size_t{kThreads} * kCalls);
}

}  // namespace
}  // namespace carryall::catalogue
