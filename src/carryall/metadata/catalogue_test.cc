#include "carryall/metadata/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex.h>

#include "carryall/metadata/name_pattern.h"

namespace carryall::metadata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Channel MakeChannel(std::string name, int64_t hz = 16,
                    DataType type = DataType::kFloat64) {
  Channel channel;
  channel.name = std::move(name);
  channel.sample_rate = *SampleRate::Make(hz);
  channel.data_type = type;
  channel.publisher = "PUBX";
  return channel;
}

// Fixture CF of the conformance cases.
std::vector<Channel> Fixture() {
  return {MakeChannel("X1:CNF-CHAN_A", 512, DataType::kFloat32),
          MakeChannel("X1:CNF-CHAN_B", 16384, DataType::kFloat64),
          MakeChannel("X1:CNF-FLAG", 16, DataType::kInt32),
          MakeChannel("Y1:SLO-TICK", 2, DataType::kUint64),
          MakeChannel("Z1:ABC_RAND", 32, DataType::kFloat64),
          MakeChannel("Z1:NOSUB", 16, DataType::kInt64)};
}

std::vector<std::string> Names(const Catalogue& catalogue, const ChannelQuery& query) {
  std::vector<std::string> out;
  const Status status = catalogue.Find(query, [&](const Channel& channel) {
    out.push_back(channel.name);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(catalogue.Count(query).ValueOr(-1), static_cast<int64_t>(out.size()));
  return out;
}

std::vector<std::string> Names(const Catalogue& catalogue, std::string pattern) {
  ChannelQuery query;
  query.pattern = std::move(pattern);
  return Names(catalogue, query);
}

TEST(CatalogueTest, F2EverythingComesInFileOrder) {
  std::vector<Channel> channels = Fixture();
  std::swap(channels[0], channels[4]);
  const auto catalogue = *Catalogue::Make(channels);
  EXPECT_THAT(Names(*catalogue, ".*"),
              ElementsAre("Z1:ABC_RAND", "X1:CNF-CHAN_B", "X1:CNF-FLAG", "Y1:SLO-TICK",
                          "X1:CNF-CHAN_A", "Z1:NOSUB"));
}

TEST(CatalogueTest, F3F4PatternsAreAnchoredAtTheStartOnly) {
  const auto catalogue = *Catalogue::Make(Fixture());
  EXPECT_THAT(Names(*catalogue, "X1:CNF-C"),
              ElementsAre("X1:CNF-CHAN_A", "X1:CNF-CHAN_B"));
  EXPECT_THAT(Names(*catalogue, "CNF"), IsEmpty());
  EXPECT_THAT(Names(*catalogue, ".*A$"), ElementsAre("X1:CNF-CHAN_A"));
  EXPECT_THAT(Names(*catalogue, "A|Z1:N"), ElementsAre("Z1:NOSUB"));
}

TEST(CatalogueTest, N2ToN5FiltersHoldTogether) {
  const auto catalogue = *Catalogue::Make(Fixture());
  ChannelQuery query;
  query.min_rate = 513;
  EXPECT_EQ(*catalogue->Count(query), 1);
  query = {};
  query.max_rate = 16;
  EXPECT_EQ(*catalogue->Count(query), 3);
  query = {};
  query.publishers = {"PUBX"};
  EXPECT_EQ(*catalogue->Count(query), 6);
  query.publishers = {"ZZ"};
  EXPECT_EQ(*catalogue->Count(query), 0);
  query = {};
  query.data_types = {DataType::kFloat32, DataType::kFloat64};
  query.pattern = "X1:.*";
  EXPECT_EQ(*catalogue->Count(query), 2);
}

TEST(CatalogueTest, TheReplayContextMustBeEqual) {
  ChannelQuery unheard_of;
  unheard_of.replay_id = "RUN1";
  EXPECT_THAT(Names(**Catalogue::Make(Fixture()), unheard_of), IsEmpty());
  std::vector<Channel> channels = Fixture();
  channels.push_back(MakeChannel("X1:CNF-FLAG"));
  channels.back().replay_id = "RUN1";
  const auto catalogue = *Catalogue::Make(channels);
  EXPECT_EQ(Names(*catalogue, "X1:CNF-F").size(), 1);
  ChannelQuery query;
  query.replay_id = "RUN1";
  EXPECT_THAT(Names(*catalogue, query), ElementsAre("X1:CNF-FLAG"));
  query.replay_id = "RUN2";
  EXPECT_THAT(Names(*catalogue, query), IsEmpty());
  EXPECT_EQ(catalogue->Get("X1:CNF-FLAG", "RUN1")->sample_rate.hz(), 16);
  EXPECT_EQ(catalogue->Get("X1:CNF-FLAG", "RUN2"), nullptr);
  EXPECT_EQ(catalogue->Get("X1:CNF-FLAG", std::nullopt)->data_type, DataType::kInt32);
  EXPECT_EQ(catalogue->Get("X1:CNF", std::nullopt), nullptr);
}

TEST(CatalogueTest, AVisitorCanStop) {
  const auto catalogue = *Catalogue::Make(Fixture());
  int seen = 0;
  ASSERT_TRUE(catalogue->Find({}, [&](const Channel&) { return ++seen < 2; }).ok());
  EXPECT_EQ(seen, 2);
}

TEST(CatalogueTest, AChannelTwiceIsAnErrorNamingIt) {
  std::vector<Channel> channels = Fixture();
  channels.push_back(channels[2]);
  const auto made = Catalogue::Make(channels);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(KindOf(made.status()), ErrorKind::kInvalidArgument);
  EXPECT_THAT(made.status().message(), HasSubstr("X1:CNF-FLAG"));
}

TEST(CatalogueTest, ScopesAreDomainsAndSubsystems) {
  const auto catalogue = *Catalogue::Make(Fixture());
  const std::map<std::string, std::set<std::string>> expected = {
      {"X1", {"CNF"}}, {"Y1", {"SLO"}}, {"Z1", {"ABC", "NOSUB"}}};
  EXPECT_EQ(catalogue->scopes(), expected);
}

TEST(CatalogueTest, AnEmptyCatalogueAnswers) {
  const auto catalogue = *Catalogue::Make({});
  EXPECT_EQ(*catalogue->Count({}), 0);
  EXPECT_EQ(catalogue->Get("A:B", std::nullopt), nullptr);
}

TEST(CatalogueTest, F9InvalidPatternsSayWhy) {
  const auto catalogue = *Catalogue::Make(Fixture());
  for (const char* pattern :
       {"(", "[", "a**", "(?=X1)X", "(?!X1)", "(?<=a)b", "(a)\\1", "\xff", "x{5000}"}) {
    ChannelQuery query;
    query.pattern = pattern;
    const auto count = catalogue->Count(query);
    ASSERT_FALSE(count.ok()) << pattern;
    EXPECT_EQ(KindOf(count.status()), ErrorKind::kInvalidArgument);
    EXPECT_THAT(count.status().message(), HasSubstr("RE2")) << pattern;
  }
  ChannelQuery look_around;
  look_around.pattern = "(?=X1)X";
  EXPECT_THAT(catalogue->Count(look_around).status().message(), HasSubstr("look-around"));
}

TEST(CatalogueTest, CatastrophicPatternsEnd) {
  std::vector<Channel> channels;
  for (int i = 0; i < 200; ++i) {
    channels.push_back(MakeChannel(fmt::format("X1:{}{}", std::string(900, 'a'), i)));
  }
  const auto catalogue = *Catalogue::Make(channels);
  for (const char* pattern :
       {"X1:(a+)+$", "X1:(a|aa)+b", "(.*)*b", "(a?){500}b", "((a{0,50}){0,50}){0,50}"}) {
    ChannelQuery query;
    query.pattern = pattern;
    const auto count = catalogue->Count(query);
    EXPECT_EQ(count.ValueOr(0), 0) << pattern;
  }
  ChannelQuery query;
  query.pattern = std::string(10 << 20, 'a');
  EXPECT_THAT(catalogue->Count(query).status().message(), HasSubstr("too long"));
}

// Ranges and bounds are an optimisation only: whatever the pattern, the answer is that of
// another regular-expression engine.
TEST(NamePatternTest, AgreesWithAnotherEngine) {
  const std::vector<std::string> names = {
      "X1:CNF-CHAN_A", "X1:CNF-CHAN_B", "X1.CNF", "X1:",   ":",        "x1:cnf",
      "X1:CNF",        "X1:CNF-",       "Y1:A+B", "Y1:AB", "X1:C*",    "X1\\:C",
      "X2:CNF-CHAN_A", "H1:LSC",        "H1:L",   "H1:",   "H1:LSC-X", "~:~"};
  const std::vector<std::string> patterns = {".*",
                                             "",
                                             "^",
                                             "X1:",
                                             "^X1:",
                                             "X1:.*",
                                             "X1\\:C",
                                             "X1.CNF",
                                             "X1\\.CNF",
                                             "X1:C\\*",
                                             "Y1:A\\+B",
                                             "X1:C*",
                                             "Y1:A+B",
                                             "X1:C?",
                                             "X1:CNF-?",
                                             "(X1|Y1):A",
                                             "X[12]:C",
                                             "X1:|Y1:",
                                             "H1:(LSC)?-X",
                                             "H1:L$",
                                             "H1:L.+",
                                             "X1\\.*",
                                             "X1\\\\:C",
                                             "X1:C{1}N",
                                             "[^X]",
                                             ".1:C",
                                             ".*C.*_B",
                                             "~",
                                             "H1:LSC.*-",
                                             "X1:.*.*",
                                             "x|X",
                                             "X1:CNF-CHAN_[AB]",
                                             "\\w1:",
                                             ".*CNF-",
                                             "X+1:",
                                             ".*[]:]C*N?F",
                                             "X1:CNF-CHAN_?A",
                                             ".*A\\+?"};
  for (const std::string& pattern : patterns) {
    const Result<NamePattern> ours = NamePattern::Make(pattern);
    ASSERT_TRUE(ours.ok()) << ours.status();
    regex_t theirs;
    ASSERT_EQ(
        regcomp(&theirs, fmt::format("^({})", pattern).c_str(), REG_EXTENDED | REG_NOSUB),
        0)
        << pattern;
    for (const std::string& name : names) {
      EXPECT_EQ(ours->Matches(name), regexec(&theirs, name.c_str(), 0, nullptr, 0) == 0)
          << pattern << " on " << name;
      if (ours->Matches(name)) {
        EXPECT_THAT(name, HasSubstr(ours->required())) << pattern;
      }
    }
    regfree(&theirs);
  }
}

TEST(NamePatternTest, LiteralPrefixesAreRangesAndOthersAreBounded) {
  EXPECT_TRUE(NamePattern::Make("H1:LSC-.*")->is_range());
  EXPECT_TRUE(NamePattern::Make("^H1:LSC\\-X")->is_range());
  EXPECT_TRUE(NamePattern::Make(".*")->is_range());
  const Result<NamePattern> pattern = NamePattern::Make("H1:LSC-(A|B)_.*");
  ASSERT_TRUE(pattern.ok());
  EXPECT_FALSE(pattern->is_range());
  EXPECT_TRUE(pattern->lower().starts_with("H1:LSC-")) << pattern->lower();
  ASSERT_TRUE(pattern->upper().has_value());
  EXPECT_TRUE(pattern->upper()->starts_with("H1:LSC-")) << *pattern->upper();
}

TEST(NamePatternTest, TextsAnywhereNeedNoRegex) {
  for (const char* pattern : {".*_DQ", "^.*_DQ.*", ".*_DQ.*"}) {
    const Result<NamePattern> made = NamePattern::Make(pattern);
    EXPECT_TRUE(made->is_text() && !made->is_range()) << pattern;
    EXPECT_TRUE(made->Matches("H1:A_DQ_B") && made->Matches("_DQ")) << pattern;
    EXPECT_FALSE(made->Matches("H1:A_D") || made->Matches("")) << pattern;
  }
  for (const char* pattern : {".*_DQ$", ".*^DQ", ".*D.Q", ".+DQ", "H1.*DQ", ".*"}) {
    EXPECT_FALSE(NamePattern::Make(pattern)->is_text()) << pattern;
  }
}

TEST(NamePatternTest, KnowsATextThatMatchesHave) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {".*STRAIN.*", "STRAIN"}, {"[HL]1:.*_OUT_DQ$", "_OUT_DQ"},
      {"H[12]:A+BCD", "BCD"},   {".*AB?C-DE", "C-DE"},
      {".*a\\.bc*", "a.b"},     {"[]x]+y", "y"},
      {".*(AB|CD)", ""},        {"(?i).*ab", ""},
      {".*a{0,2}b", ""},        {".*\\dab", ""},
      {"[[:digit:]]ab", ""},    {"x?", ""},
      {".*\\Qab", ""},          {"[^]x]ab", "ab"}};
  for (const auto& [pattern, text] : cases) {
    const Result<NamePattern> made = NamePattern::Make(pattern);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->required(), text) << pattern;
  }
}

TEST(NamePatternTest, AnOpenQuotationStillMatches) {
  const Result<NamePattern> pattern = NamePattern::Make("\\QH1:A.B");
  ASSERT_TRUE(pattern.ok()) << pattern.status();
  EXPECT_TRUE(pattern->Matches("H1:A.B_C"));
  EXPECT_FALSE(pattern->Matches("H1:AxB"));
}

}  // namespace
}  // namespace carryall::metadata
