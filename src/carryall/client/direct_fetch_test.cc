#include "carryall/base/clock.h"
#include "carryall/client/client_testing.h"

namespace carryall::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A server of ours: it describes with its plans, and with its streams where that is
// asked for.
class DirectFetchTest : public ClientTest {
 protected:
  void SetUp() override {
    platform_.server().plan_metadata = Description({"X1:A", "X1:B"});
    platform_.plan = [&](const wire::Request& request) {
      ++plans_;
      return FakePlatform::Here(request);
    };
    platform_.stream = [&](const wire::StreamArgs& args) { return Serve(args); };
  }

  // The server's threads use this test, which goes before the server does.
  void TearDown() override {
    platform_.gate.Open();
    platform_.server().Stop();
  }

  std::string Description(const std::vector<std::string>& names) const {
    wire::StreamArgs args;
    args.channels = names;
    const auto set = platform_.Set(args);
    std::vector<const Channel*> channels;
    for (const Channel& channel : set->channels()) channels.push_back(&channel);
    return *wire::FormatDescription(channels);
  }
  bool WasDirect() {
    const auto accept = platform_.server().header("x-carryall-accept");
    return !accept.empty() && accept[0].find("describe=yes") != std::string::npos;
  }
  /// Batches of a second each; then `last`.
  Result<StreamPtr> Serve(
      const wire::StreamArgs& args,
      std::function<Status()> last = [] { return Status::OK(); }) {
    const auto set = platform_.Set(args);
    const auto batches = TestBatches(*set, *args.start, *args.end, kSecond);
    return std::make_unique<ScriptedStream>(
        TestSchema(*set),
        [batches, last, at = size_t{0}]() mutable -> Result<flight::Payload> {
          if (at < batches.size()) return PayloadOf(*batches[at++]);
          ARROW_RETURN_NOT_OK(last());
          return flight::Payload{};
        },
        WasDirect() ? description_with_stream_.value_or(Description(args.channels)) : "");
  }
  std::vector<std::string> Fetched(double start, double end,
                                   std::vector<std::string> names = {"X1:B", "X1:A"}) {
    const auto block = Fetch(names, Span(start, end));
    if (!block.ok()) return {block.status().message()};
    std::vector<std::string> rows;
    for (size_t i = 0; i < block->size(); ++i) rows.push_back(Samples(*block, i));
    return rows;
  }

  std::atomic<int> plans_ = 0;
  std::optional<std::string> description_with_stream_;
};

TEST_F(DirectFetchTest, AfterOnePlanAFetchOfWhatIsOverIsOneCall) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  EXPECT_EQ(plans_, 1);
  EXPECT_FALSE(WasDirect());
  EXPECT_THAT(Fetched(12, 14, {"X1:B", "X1:A", "X1:B"}),
              ElementsAre("24 25 26 27", "48 49 50 51 52 53 54 55"));
  EXPECT_EQ(plans_, 1);
  EXPECT_THAT(platform_.server().header("x-carryall-accept"),
              ElementsAre("rows=1024; form=row; codec=none; order=channel; describe=yes; "
                          "bytes=2097152"));
  // Whatever the strides are; between samples is nothing.
  EXPECT_THAT(Fetched(12.5, 13.5), ElementsAre("25 26", "50 51 52 53"));
  EXPECT_THAT(Fetched(12.25, 13), ElementsAre(HasSubstr("X1:B")));
}

TEST_F(DirectFetchTest, WhatIsToComeOrElsewhereOrRaisesIsPlanned) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  StreamOptions raise = Span(10, 11);
  raise.on_gap = mux::OnGap::kRaise;
  ASSERT_TRUE(Fetch({"X1:A", "X1:B"}, raise).ok());
  EXPECT_EQ(plans_, 2);
  StreamOptions replay = Span(10, 11);
  replay.replay_id = "R";
  ASSERT_TRUE(Fetch({"X1:A", "X1:B"}, replay).ok());
  EXPECT_EQ(plans_, 3);
  EXPECT_FALSE(WasDirect());
  const auto soon = (Clock::System().Now() + kSecond * 5).Floor(kSecond);
  StreamOptions future;
  future.start = soon - kSecond * 10;
  future.end = soon;
  ASSERT_TRUE(Fetch({"X1:A", "X1:B"}, future).ok());
  EXPECT_EQ(plans_, 4);
}

TEST_F(DirectFetchTest, AServerThatIsNotAllOfAPlanIsNotAskedSo) {
  FakePlatform other(SomeChannels());
  platform_.plan = [&](const wire::Request& request) {
    ++plans_;
    auto endpoints = FakePlatform::Here(request);
    endpoints[0].locations.push_back(other.url());
    return endpoints;
  };
  for (int i = 1; i < 4; ++i) {
    EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
    EXPECT_EQ(plans_, i);
  }
}

TEST_F(DirectFetchTest, AServerThatDoesNotDescribeIsNotAskedSo) {
  platform_.server().plan_metadata = "";
  for (int i = 1; i < 3; ++i) {
    EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
    EXPECT_EQ(plans_, 2 * i);
    EXPECT_FALSE(WasDirect());
  }
}

TEST_F(DirectFetchTest, AStreamThatIsNotDescribedIsPlannedAndNotAskedForSoAgain) {
  for (const std::string& bad :
       {std::string(), std::string("nonsense"), Description({"X1:A"})}) {
    client_ = MakeClient();
    EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
    description_with_stream_ = bad;
    plans_ = 0;
    EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
    EXPECT_EQ(plans_, 1);
    description_with_stream_.reset();
    EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
    EXPECT_EQ(plans_, 2);
  }
}

TEST_F(DirectFetchTest, ARefusalIsPlannedAndSaysWhatIsWrong) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    if (WasDirect()) return Error(ErrorKind::kUnavailable, "has to be planned");
    return Serve(args);
  };
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  EXPECT_EQ(plans_, 2);
  platform_.plan = [](const wire::Request&) -> Result<std::vector<FakeServer::Endpoint>> {
    return Error(ErrorKind::kUnavailable, "nobody knows X1:A");
  };
  EXPECT_THAT(Fetched(10, 11), ElementsAre(HasSubstr("nobody knows X1:A")));
}

TEST_F(DirectFetchTest, WhereItBreaksOffItIsPlannedAnewAndComesWhole) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    if (!WasDirect()) return Serve(args);
    wire::StreamArgs part = args;
    part.end = At(12);
    return Serve(part, [] { return Error(ErrorKind::kUnavailable, "breaks off"); });
  };
  EXPECT_THAT(Fetched(10, 13),
              ElementsAre("20 21 22 23 24 25", "40 41 42 43 44 45 46 47 48 49 50 51"));
  EXPECT_EQ(plans_, 2);
}

TEST_F(DirectFetchTest, AStreamThatEndsEarlyIsTakenUpWhereItEnded) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  std::vector<std::optional<GpsTime>> asked;
  platform_.stream = [&](const wire::StreamArgs& args) {
    asked.push_back(args.start);
    wire::StreamArgs part = args;
    part.end = std::min(*args.end, *args.start + kSecond);
    return Serve(part);
  };
  EXPECT_THAT(Fetched(10, 12), ElementsAre("20 21 22 23", "40 41 42 43 44 45 46 47"));
  EXPECT_THAT(asked, ElementsAre(At(10), At(11)));
  EXPECT_EQ(plans_, 1);
}

TEST_F(DirectFetchTest, AStallIsATimeoutAndIsNotTriedAgain) {
  ClientOptions options;
  options.silence_timeout = Duration::FromMs(200);
  client_ = MakeClient(options);
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  platform_.stream = [&](const wire::StreamArgs& args) {
    return Serve(args, platform_.Stall());
  };
  const Status status = Fetch({"X1:B", "X1:A"}, Span(10, 16)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr("X1:B +1 more"));
  EXPECT_EQ(plans_, 1);
}

TEST_F(DirectFetchTest, TheCallerCanStopIt) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  platform_.stream = [&](const wire::StreamArgs& args) {
    return Serve(args, platform_.Stall());
  };
  CallContext context;
  context.poll = [] { return Error(ErrorKind::kCancelled, "Ctrl-C"); };
  const Status status = client_->Fetch({"X1:B"}, Span(10, 16), context).status();
  EXPECT_EQ(status.message(), "Ctrl-C");
  EXPECT_EQ(plans_, 1);
}

TEST_F(DirectFetchTest, AHugeClaimIsRefusedBeforeMemoryIsTaken) {
  EXPECT_THAT(Fetched(10, 11), ElementsAre("20 21", "40 41 42 43"));
  platform_.stream = [&](wire::StreamArgs args) {
    args.end = *args.start + kSecond;
    return Serve(args);
  };
  StreamOptions options = Span(0, 1e9);
  options.max_result_bytes = 1 << 20;
  const Status status = Fetch({"X1:A", "X1:B"}, options).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted) << status.ToString();
}

}  // namespace
}  // namespace carryall::client
