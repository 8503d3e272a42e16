#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "abbreviations.h"
#include "date_text.h"
#include "python_text.h"

namespace carryall::apps {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kSecond = 1'000'000'000;
// 2011-09-14 01:46:25 UTC.
constexpr int64_t kThen = 1'315'964'785 * kSecond;

TEST(DateText, IsReadAsPeopleWriteIt) {
  for (const char* text :
       {"Sep 14 2011 01:46:25 UTC", "14 September 2011 01:46:25",
        "Wed, 14 Sep 2011 01:46:25 GMT", "Wed Sep 14 01:46:25 2011",
        "2011/09/14 01:46:25", "2011-9-14 1:46:25 AM", "09/14/2011 01:46:25",
        "2011-09-14T01:46:25Z", "2011-09-14T03:46:25+02:00", "2011-09-13 20:46:25 -0500",
        "20110914T014625", "  sep 14, 2011   01:46:25.000 "}) {
    EXPECT_EQ(ParseDateText(text, 0), kThen) << text;
  }
  EXPECT_EQ(ParseDateText("Sep 14 2011 1:46:25.5 PM", 0),
            kThen + 12 * 3600 * kSecond + kSecond / 2);
  EXPECT_EQ(ParseDateText("14 Sep 2011", 0), 1'315'958'400 * kSecond);
  EXPECT_EQ(ParseDateText("12:00 AM 14 Sep 2011", 0), 1'315'958'400 * kSecond);
}

TEST(DateText, MayBeRelative) {
  const auto ago = [](const char* text) {
    return (kThen - *ParseDateText(text, kThen)) / kSecond;
  };
  EXPECT_EQ(ago("now"), 0);
  EXPECT_EQ(ago("1 hour ago"), 3600);
  EXPECT_EQ(ago("90 Seconds ago"), 90);
  EXPECT_EQ(ago("5 min ago"), 300);
  EXPECT_EQ(ago("2 weeks ago"), 14 * 86'400);
  EXPECT_EQ(ago("now - 1 hour"), 3600);
  EXPECT_EQ(ago("now + 2 days"), -2 * 86'400);
  EXPECT_EQ(ago("yesterday"), 86'400);
  EXPECT_EQ(ago("tomorrow"), -86'400);
  EXPECT_EQ(ago("1 year ago"), 365 * 86'400);
  EXPECT_EQ(ago("2 months ago"), 62 * 86'400);  // July and August
  // The 31st of a month that has none.
  EXPECT_EQ(ParseDateText("1 month ago", *ParseDateText("31 Mar 2011", 0)),
            ParseDateText("28 Feb 2011", 0));
}

TEST(DateText, WhatIsNoneIsRefused) {
  for (const char* text : {"",
                           " ",
                           "Sep",
                           "Sep 14",
                           "Sep 31 2011",
                           "14 Sep 2011 25:00",
                           "14 Sep 2011 1:61",
                           "14 Sep 2011 01:00:60",
                           "14 Sep 2011 13:00 PM",
                           "14 Sep 2011 14 Sep 2011",
                           "2011-13-01",
                           "14-09-2011",
                           "1 fortnight ago",
                           "-1 hours ago",
                           "ago",
                           "1 hour",
                           "9999999999999999999 days ago",
                           "99999999 weeks ago",
                           "soon",
                           "14 Sep 2011 +99:00",
                           "1e9",
                           "now -",
                           "Sep 14 2011 UTC UTC"}) {
    EXPECT_EQ(ParseDateText(text, kThen), std::nullopt) << text;
  }
  EXPECT_EQ(ParseDateText(std::string(1000, '1'), kThen), std::nullopt);
}

TEST(PythonText, StringsAreQuotedAsPythonDoes) {
  EXPECT_EQ(PythonString("X1:A"), "'X1:A'");
  EXPECT_EQ(PythonString("it's"), "\"it's\"");
  EXPECT_EQ(PythonString("'\""), "'\\'\"'");
  EXPECT_EQ(PythonString("a\\b\n\x01"), "'a\\\\b\\n\\x01'");
}

TEST(PythonText, DictionariesAreLaidOutAsPprintDoes) {
  const PythonValue small =
      PythonValue::Dict({{"b", PythonValue::Of("1")}, {"a", PythonValue::Of("'x'")}});
  EXPECT_EQ(PythonRepr(small), "{'b': 1, 'a': 'x'}");
  EXPECT_EQ(PythonPretty(small), "{'a': 'x', 'b': 1}");
  // What CPython 3.11 prints for {'outer': {'first': '...40...', 'second': '...40...'}}.
  const std::string text = "'" + std::string(40, '-') + "'";
  EXPECT_EQ(
      PythonPretty(PythonValue::Dict(
          {{"outer", PythonValue::Dict({{"second", PythonValue::Of(text)},
                                        {"first", PythonValue::Of(text)}})},
           {"n", PythonValue::Of("5")}})),
      "{'n': 5,\n 'outer': {'first': " + text + ",\n           'second': " + text + "}}");
  // One that fits into 80 columns to the last.
  const std::string fits = "'" + std::string(80 - 2 - 5 - 2, '-') + "'";
  EXPECT_EQ(PythonPretty(PythonValue::Dict({{"k", PythonValue::Of(fits)}})),
            "{'k': " + fits + "}");
}

TEST(Abbreviations, AreCompletedWhereOnlyOneOptionBeginsSo) {
  CLI::App app;
  app.add_flag("--verbose");
  app.add_flag("--version");
  CLI::App* fetch = app.add_subcommand("fetch");
  fetch->alias("get");
  fetch->add_flag("--duration");
  fetch->add_flag("--latency");
  fetch->add_flag("--latency-tolerance");
  const auto expanded = [&](std::vector<std::string> words) {
    return ExpandAbbreviations(app, std::move(words));
  };
  EXPECT_THAT(expanded({"--verb", "fetch", "--dur", "1", "--du=2"}),
              ElementsAre("--verbose", "fetch", "--duration", "1", "--duration=2"));
  EXPECT_THAT(expanded({"get", "--dur", "--vers"}),
              ElementsAre("get", "--duration", "--version"));
  // Several, one itself, none, another command's, after --.
  EXPECT_THAT(expanded({"--ver", "--dur", "fetch", "--latency", "--lat", "--x", "-d",
                        "--", "--dur"}),
              ElementsAre("--ver", "--dur", "fetch", "--latency", "--lat", "--x", "-d",
                          "--", "--dur"));
}

}  // namespace
}  // namespace carryall::apps
