#include "carryall/server/scope_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/server/claims.h"

namespace carryall::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kExample = R"(
replays:
  RUN1: {start: 1369224018, end: 1385193618}
grpc://live.example:31206:
  scopes:
    H1:
      - subsystem: PEM
      - channel: "H1:CAL-A"
      - publisher: H1-fast
        subsystems: [LSC]
        channels: ["H1:CAL-B"]
        direct_read: "kafka://k1:9092,k2:9092"
        replay: RUN1
    L1:
      - all: true
  retention: {newest: 0, oldest: 900}
  replay_ids: [RUN0, {id: RUN2, scopes: {H1: [{subsystem: DER}]}}]
  allowed_publishers: [H1-fast]
)";

ScopeMap Parse(const std::string& yaml) {
  auto map = ParseScopeMap(yaml, "map.yaml");
  EXPECT_TRUE(map.ok()) << map.status();
  return map.ok() ? *std::move(map) : ScopeMap();
}

std::string ErrorOf(const std::string& yaml) {
  const auto map = ParseScopeMap(yaml, "map.yaml");
  EXPECT_FALSE(map.ok()) << yaml;
  if (map.ok()) return "";
  EXPECT_EQ(KindOf(map.status()), ErrorKind::kInvalidArgument);
  return map.status().message();
}

TEST(ScopeMap, ReadsGroupedAndFlatForms) {
  const ScopeMap map = Parse(kExample);
  ASSERT_EQ(map.servers.size(), 1);
  const ServerEntry& server = map.servers[0];
  EXPECT_EQ(server.url, "grpc://live.example:31206");
  const auto& h1 = server.scopes.at("H1");
  ASSERT_EQ(h1.size(), 4);
  EXPECT_EQ(h1[0].subsystem, "PEM");
  EXPECT_EQ(h1[1].channel, "H1:CAL-A");
  EXPECT_EQ(h1[2].subsystem, "LSC");
  EXPECT_EQ(h1[2].publisher, "H1-fast");
  EXPECT_EQ(h1[3].channel, "H1:CAL-B");
  EXPECT_EQ(h1[3].direct_read, "kafka://k1:9092,k2:9092");
  EXPECT_TRUE(server.scopes.at("L1")[0].all);
  EXPECT_EQ(server.retention.newest, 0);
  EXPECT_EQ(server.retention.oldest, 900);
  EXPECT_EQ(server.replay_scopes.at("RUN2").at("H1")[0].subsystem, "DER");
  EXPECT_THAT(server.allowed_publishers, ElementsAre("H1-fast"));
  EXPECT_EQ(map.replays.at("RUN1").start, GpsTime::FromSeconds(1369224018));
}

TEST(ScopeMap, PutsTagsOfScopesIntoTheReplayIds) {
  EXPECT_THAT(Parse(kExample).servers[0].replay_ids, ElementsAre("RUN0", "RUN2", "RUN1"));
}

TEST(ScopeMap, HonoursPublisherAndDirectReadInTheFlatForm) {
  const ScopeMap map = Parse(
      "grpc://a:1: {scopes: {H1: [{subsystem: PEM, publisher: P, direct_read: k}]}}");
  EXPECT_EQ(map.servers[0].scopes.at("H1")[0].publisher, "P");
  EXPECT_EQ(map.servers[0].scopes.at("H1")[0].direct_read, "k");
}

TEST(ScopeMap, AcceptsEverySpellingOfInfinity) {
  for (const char* text : {"inf", ".inf", ".Inf", "Infinity", "\"inf\""}) {
    const ScopeMap map =
        Parse(std::string("grpc://a:1: {retention: {oldest: ") + text + "}}");
    EXPECT_FALSE(map.servers[0].retention.oldest) << text;
  }
  EXPECT_THAT(ErrorOf("grpc://a:1:\n  retention: {newest: inf}"),
              StartsWith("map.yaml:2: newest must be"));
}

TEST(ScopeMap, AnEmptyFileHasNoServers) { EXPECT_TRUE(Parse("").servers.empty()); }

TEST(ScopeMap, NamesFileAndLineOfWhatIsWrong) {
  EXPECT_THAT(ErrorOf("grpc://a:1:\n  scopes:\n    H1:\n      - all: false"),
              StartsWith("map.yaml:4: all must be true"));
  EXPECT_THAT(ErrorOf("grpc://a:1:\n  scopes: 5"), StartsWith("map.yaml:2: scopes"));
  EXPECT_THAT(ErrorOf("grpc://a:1:\n  retention: {oldest: soon}"),
              StartsWith("map.yaml:2: oldest must be a number"));
  EXPECT_THAT(ErrorOf("\ngrpc://a:1: {}\ngrpc://a:1: {}"),
              HasSubstr("map.yaml:3: key comes twice: grpc://a:1"));
  EXPECT_THAT(ErrorOf("replays: {R: {start: 5, end: 5}}"), HasSubstr("replay 'R'"));
  EXPECT_THAT(
      ErrorOf("grpc://a:1:\n  scopes:\n    H1: [{all: true, direct_read: 'k 1'}]"),
      StartsWith("map.yaml:3: direct_read: brokers must be"));
  EXPECT_THAT(ErrorOf("a:\n  - b: [\n"), StartsWith("map.yaml:"));
  EXPECT_THAT(ErrorOf("nonsense: {}"), HasSubstr("named by its URL"));
  EXPECT_THAT(ErrorOf("- x"), StartsWith("map.yaml:1: a scope map must be a mapping"));
  EXPECT_THAT(ErrorOf("grpc://a:1: {scopes: {H1: [{publisher: X}]}}"),
              HasSubstr("needs 'all: true', a subsystem or a channel"));
}

TEST(ScopeMap, SaysWhatItIgnores) {
  const ScopeMap map = Parse("grpc://a:1:\n  colour: red");
  EXPECT_THAT(map.warnings, ElementsAre("map.yaml:2: unknown key of a server is ignored: "
                                        "colour"));
}

TEST(ScopeMap, RefusesBombs) {
  EXPECT_THAT(ErrorOf(std::string(kMaxScopeMapBytes + 1, ' ')), HasSubstr("too large"));
  EXPECT_FALSE(ParseScopeMap(std::string(100'000, '['), "map.yaml").ok());
  EXPECT_FALSE(ParseScopeMap(std::string(100'000, '{'), "map.yaml").ok());
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += std::string(i, ' ') + "a:\n";
  EXPECT_FALSE(ParseScopeMap(deep, "map.yaml").ok());
  // Every level names the one below ten times: 10^9 items in a few hundred bytes.
  std::string bomb = "replays:\n  l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("  l{}: &l{} [", i, i);
    for (int k = 0; k < 10; ++k)
      bomb += fmt::format("*l{}{}", i - 1, k < 9 ? ", " : "]\n");
  }
  EXPECT_FALSE(ParseScopeMap(bomb, "map.yaml").ok());
  std::string wide = "grpc://a:1:\n  scopes:\n    D: &d\n";
  for (int i = 0; i < 2000; ++i) wide += "      - all: true\n";
  for (int i = 0; i < 2000; ++i) wide += fmt::format("    D{}: *d\n", i);
  EXPECT_THAT(ErrorOf(wide), HasSubstr("more than 2000000 items"));
}

TEST(ClaimIndex, TellsHowExactlyAChannelIsClaimed) {
  ClaimIndex index;
  ScopeItem item;
  item.subsystem = "PEM";
  index.Add("H1", item);
  item = {};
  item.channel = "H1:CAL-A";
  index.Add("H1", item);
  item = {};
  item.all = true;
  index.Add("L1", item);
  EXPECT_EQ(index.Of("H1:CAL-A"), Claim::kChannel);
  EXPECT_EQ(index.Of("H1:PEM-X"), Claim::kSubsystem);
  EXPECT_EQ(index.Of("H1:CAL-B"), Claim::kNone);
  EXPECT_EQ(index.Of("H1:PEMX"), Claim::kNone);
  EXPECT_EQ(index.Of("L1:ANY"), Claim::kDomain);
  EXPECT_EQ(index.Of("V1:ANY"), Claim::kNone);
  EXPECT_EQ(index.Of("nocolon"), Claim::kNone);
}

}  // namespace
}  // namespace carryall::server
