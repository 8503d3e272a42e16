#include "carryall/server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/wire/url.h"

namespace carryall::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using wire::Request;
using wire::RequestType;

const GpsTime kNow = GpsTime::FromSeconds(1'400'000'000) + Duration::FromMs(250);

Router Make(const std::string& yaml, size_t local = 0) {
  auto map = ParseScopeMap(yaml, "map.yaml");
  EXPECT_TRUE(map.ok()) << map.status();
  return Router(*std::move(map), local);
}

Request Find(std::optional<GpsTime> time = {}, std::optional<std::string> replay = {}) {
  wire::FindArgs args;
  args.time = time;
  args.replay_id = replay;
  return {RequestType::kFind, args, {}};
}

Request Describe(std::vector<std::string> channels, std::optional<GpsTime> time = {},
                 std::optional<std::string> replay = {}) {
  return {RequestType::kDescribe, wire::DescribeArgs{channels, time, replay}, {}};
}

Request Stream(std::vector<std::string> channels, std::optional<GpsTime> start,
               std::optional<GpsTime> end) {
  wire::StreamArgs args;
  args.channels = channels;
  args.start = start;
  args.end = end;
  return {RequestType::kStream, args, {}};
}

GpsTime Ago(int64_t seconds) { return kNow - Duration::FromSeconds(seconds); }

std::vector<std::string> ChannelsOf(const PlannedEndpoint& endpoint) {
  return endpoint.request.type == RequestType::kStream
             ? endpoint.request.stream().channels
             : endpoint.request.describe().channels;
}

constexpr const char* kLive = R"(
grpc://localhost:31206:
  scopes:
    H1: [{subsystem: PEM}]
    L1: [{all: true}]
  retention: {newest: 0, oldest: 900}
grpc://elsewhere:31206:
  scopes:
    V1: [{all: true}]
)";

TEST(Router, SendsWhatItClaimsToItself) {
  const auto plan = Make(kLive).Plan(Describe({"L1:X", "H1:PEM-A", "L1:X"}), kNow);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->size(), 1);
  EXPECT_THAT((*plan)[0].locations, ElementsAre(std::string(wire::kReuseLocation)));
  EXPECT_THAT(ChannelsOf((*plan)[0]), ElementsAre("L1:X", "H1:PEM-A"));
  EXPECT_EQ((*plan)[0].request.version, wire::kSchemaVersion);
}

TEST(Router, NamesExactlyTheChannelsNobodyClaims) {
  const auto plan =
      Make(kLive).Plan(Describe({"H1:PEM-A", "H1:LSC-B", "nocolon", "H1:LSC-B"}), kNow);
  EXPECT_EQ(KindOf(plan.status()), ErrorKind::kUnavailable);
  EXPECT_THAT(plan.status().message(), HasSubstr("{H1:LSC-B, nocolon}"));
}

TEST(Router, RefusesChannelsThatOnlyAnotherServerHas) {
  EXPECT_EQ(KindOf(Make(kLive).Plan(Describe({"V1:X"}), kNow).status()),
            ErrorKind::kNoEndpoint);
  const auto mixed = Make(kLive).Plan(Describe({"L1:A", "V1:X"}), kNow);
  EXPECT_EQ(KindOf(mixed.status()), ErrorKind::kUnavailable);
  EXPECT_THAT(mixed.status().message(), HasSubstr("{V1:X}"));
}

TEST(Router, HasNoEndpointForNoChannels) {
  EXPECT_EQ(KindOf(Make(kLive).Plan(Describe({}), kNow).status()),
            ErrorKind::kNoEndpoint);
}

constexpr const char* kDirect = R"(
replays: {R: {start: 1000000000, end: 1000086400}}
grpc://localhost:31206:
  replay_ids: [{id: R, scopes: {H1: [{subsystem: PEM}]}}]
  scopes:
    H1:
      - {channel: "H1:PEM-OWN", direct_read: "kafka://k3:1"}
      - {subsystem: PEM, direct_read: "kafka://k1:9092,k2:9092"}
      - {channel: "H1:PEM-LATER", direct_read: "kafka://k4:1"}
      - {channel: "H1:LSC-C", direct_read: "k3:1"}
      - all: true
)";

std::vector<std::string> Endpoints(const Result<std::vector<PlannedEndpoint>>& plan) {
  if (!plan.ok()) return {plan.status().message()};
  std::vector<std::string> texts;
  for (const PlannedEndpoint& endpoint : *plan) {
    texts.push_back(fmt::format("{} at {}", fmt::join(ChannelsOf(endpoint), " "),
                                fmt::join(endpoint.locations, " ")));
  }
  return texts;
}

TEST(Router, SendsStreamsToTheBrokersOfDirectReadAndThenToItself) {
  const std::string reuse(wire::kReuseLocation);
  EXPECT_THAT(
      Endpoints(Make(kDirect).Plan(
          Stream({"H1:PEM-A", "H1:LSC-B", "H1:PEM-OWN", "H1:PEM-LATER"}, {}, {}), kNow)),
      ElementsAre("H1:PEM-A H1:PEM-LATER at kafka://k1:9092 kafka://k2:9092 " + reuse,
                  "H1:PEM-OWN at kafka://k3:1 " + reuse, "H1:LSC-B at " + reuse));
  EXPECT_THAT(Endpoints(Make(kDirect).Plan(Stream({"H1:LSC-C"}, {}, {}), kNow)),
              ElementsAre("H1:LSC-C at kafka://k3:1 " + reuse));
  EXPECT_THAT(Endpoints(Make(kDirect).Plan(Describe({"H1:PEM-A", "H1:LSC-B"}), kNow)),
              ElementsAre("H1:PEM-A H1:LSC-B at " + reuse));
}

TEST(Router, LeavesReplaysOfRawDataToServers) {
  const std::string reuse(wire::kReuseLocation);
  Request request = Stream({"H1:PEM-A", "H1:LSC-C"}, {}, {});
  std::get<wire::StreamArgs>(request.args).replay_id = "R";
  EXPECT_THAT(Endpoints(Make(kDirect).Plan(request, kNow)),
              ElementsAre("H1:PEM-A at kafka://k1:9092 kafka://k2:9092 " + reuse,
                          "H1:LSC-C at " + reuse));
}

TEST(Router, TestsTimesAgainstTheRetention) {
  const Router router = Make(kLive);
  const auto ok = [&](std::optional<GpsTime> start, std::optional<GpsTime> end) {
    return router.Plan(Stream({"L1:X"}, start, end), kNow).ok();
  };
  EXPECT_TRUE(ok({}, {}));
  EXPECT_TRUE(ok(Ago(800), {}));
  EXPECT_TRUE(ok(Ago(800), Ago(10)));
  EXPECT_TRUE(ok(Ago(10), Ago(-1000)));
  EXPECT_FALSE(ok(Ago(901), {}));
  EXPECT_FALSE(ok(Ago(2000), Ago(10)));
  // The second of the boundary is older than it by the fraction of "now".
  EXPECT_FALSE(ok(Ago(900), {}));
  EXPECT_TRUE(router.Plan(Find(GpsTime::Max()), kNow).ok());
  EXPECT_FALSE(router.Plan(Find(Ago(1000)), kNow).ok());
  EXPECT_TRUE(router.Plan(Find(), kNow).ok());
}

TEST(Router, AnArchiveServesNothingNewerThanItHas) {
  const Router router =
      Make("grpc://localhost:1: {scopes: {H1: [{all: true}]}, retention: {newest: 600}}");
  const auto status = [&](std::optional<GpsTime> start, std::optional<GpsTime> end) {
    return router.Plan(Stream({"H1:X"}, start, end), kNow).status();
  };
  EXPECT_TRUE(status(Ago(10'000'000), Ago(700)).ok());
  EXPECT_EQ(KindOf(status({}, {})), ErrorKind::kNoEndpoint);
  EXPECT_EQ(KindOf(status(Ago(700), {})), ErrorKind::kNoEndpoint);
  EXPECT_EQ(KindOf(status(Ago(700), Ago(10))), ErrorKind::kNoEndpoint);
  EXPECT_THAT(status(Ago(700), {}).message(), HasSubstr("H1:X"));
}

constexpr const char* kReplays = R"(
replays:
  R: {start: 1000, end: 1100}
  NARROW: {start: 1000, end: 1100}
  UNLISTED: {start: 1000, end: 1100}
grpc://localhost:1:
  scopes:
    H1: [{subsystem: PEM}, {subsystem: DER, replay: NARROW}]
  replay_ids: [R]
)";

TEST(Router, FindUnderAReplayAsksForRawChannelsToo) {
  const auto plan = Make(kReplays).Plan(Find({}, "R"), kNow);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->size(), 2);
  EXPECT_EQ((*plan)[0].request.find().replay_id, std::nullopt);
  EXPECT_EQ((*plan)[1].request.find().replay_id, "R");
}

TEST(Router, FindUnderAReplayThatNobodyListsAsksForRawChannelsOnly) {
  const auto plan = Make(kReplays).Plan(Find({}, "UNLISTED"), kNow);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->size(), 1);
  EXPECT_EQ((*plan)[0].request.find().replay_id, std::nullopt);
}

TEST(Router, ChannelsUnderAReplayThatNobodyListsHaveNoEndpoint) {
  const Router router = Make(kReplays);
  EXPECT_EQ(KindOf(router.Plan(Describe({"H1:PEM-A"}, {}, "UNLISTED"), kNow).status()),
            ErrorKind::kNoEndpoint);
  EXPECT_TRUE(router.Plan(Describe({"H1:PEM-A"}, {}, "R"), kNow).ok());
}

TEST(Router, SplitsDerivedFromRawChannelsWhereAServerNarrows) {
  const Router router = Make(kReplays);
  const auto plan = router.Plan(Describe({"H1:PEM-A", "H1:DER-B"}, {}, "NARROW"), kNow);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->size(), 2);
  EXPECT_THAT(ChannelsOf((*plan)[0]), ElementsAre("H1:DER-B"));
  EXPECT_THAT(ChannelsOf((*plan)[1]), ElementsAre("H1:PEM-A"));
  EXPECT_EQ((*plan)[1].request.describe().replay_id, "NARROW");
}

TEST(Router, RejectsChannelsOutsideWhatItServesUnderAReplay) {
  const Router router = Make(kReplays);
  EXPECT_TRUE(router.CheckReplayScope({"H1:DER-B", "H1:PEM-A"}, "NARROW").ok());
  EXPECT_TRUE(router.CheckReplayScope({"H1:OTHER-C"}, "R").ok());
  const Status status = router.CheckReplayScope({"H1:DER-B", "H1:OTHER-C"}, "NARROW");
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("'NARROW': {H1:OTHER-C}"));
}

TEST(Router, TestsTheArchivalTimeOfAnAnonymousReplay) {
  const Router router =
      Make("grpc://localhost:1: {scopes: {H1: [{all: true}]}, retention: {newest: 600}}");
  Request live = Stream({"H1:X"}, {}, {});
  EXPECT_FALSE(router.Plan(live, kNow).ok());
  auto& args = std::get<wire::StreamArgs>(live.args);
  args.replay_start = Ago(5000);
  args.replay_end = Ago(4000);
  const auto plan = router.Plan(live, kNow);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ((*plan)[0].request.stream().start, std::nullopt);
}

TEST(Router, ResolvesReplays) {
  const Router router = Make(kReplays);
  Request request = Stream({"H1:X"}, {}, {});
  auto& args = std::get<wire::StreamArgs>(request.args);
  EXPECT_FALSE(router.ResolveReplay(request)->has_value());
  args.replay_id = "R";
  EXPECT_EQ((*router.ResolveReplay(request))->window.end, GpsTime::FromSeconds(1100));
  args.replay_start = GpsTime::FromSeconds(1);
  EXPECT_EQ(KindOf(router.ResolveReplay(request).status()), ErrorKind::kInvalidReplay);
  args.replay_id.reset();
  EXPECT_EQ(KindOf(router.ResolveReplay(request).status()), ErrorKind::kInvalidReplay);
  args.replay_end = args.replay_start;
  EXPECT_EQ(KindOf(router.ResolveReplay(request).status()), ErrorKind::kInvalidReplay);
  args.replay_end = GpsTime::FromSeconds(2);
  EXPECT_FALSE((*router.ResolveReplay(request))->id.has_value());
}

TEST(Router, NamesUnknownAndKnownReplays) {
  const auto unknown = Make(kReplays).Plan(Find({}, "nope"), kNow);
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kInvalidReplay);
  EXPECT_THAT(unknown.status().message(), HasSubstr("'nope'"));
  EXPECT_THAT(unknown.status().message(), HasSubstr("{NARROW, R, UNLISTED}"));
}

// Vectors of the protocol's description of replays.
TEST(Replay, MapsTimesIntoTheWindow) {
  const ReplayWindow window{GpsTime::FromSeconds(1000), GpsTime::FromSeconds(1100)};
  for (const auto& [t, archival] : {std::pair<int64_t, int64_t>{1050, 1050},
                                    {1150, 1050},
                                    {1100, 1000},
                                    {999, 1099},
                                    {850, 1050}}) {
    EXPECT_EQ(ToArchival(window, GpsTime::FromSeconds(t)),
              GpsTime::FromSeconds(archival));
  }
}

TEST(Replay, SurvivesTheEndsOfTime) {
  const ReplayWindow window{GpsTime::FromSeconds(1000), GpsTime::FromSeconds(1100)};
  for (const GpsTime t : {GpsTime::Max(), GpsTime::Min()}) {
    const GpsTime archival = ToArchival(window, t);
    EXPECT_GE(archival, window.start);
    EXPECT_LT(archival, window.end);
  }
}

}  // namespace
}  // namespace carryall::server
