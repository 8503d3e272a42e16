#include "carryall/wire/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carryall::wire {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A Find with every required argument, `extra` (", \"key\": value") put into args and one
// argument replaced where `name` says so.
std::string FindJson(std::string_view name = "", std::string_view value = "",
                     std::string_view extra = "", std::string_view top = "") {
  const std::pair<std::string_view, std::string_view> defaults[] = {
      {"pattern", "\".*\""},      {"data_type", "[]"}, {"min_rate", "0"},
      {"max_rate", "4294967295"}, {"publisher", "[]"}, {"time", "null"}};
  std::string args;
  for (const auto& [key, standard] : defaults) {
    args += fmt::format("{}\"{}\": {}", args.empty() ? "" : ", ", key,
                        key == name ? value : standard);
  }
  return fmt::format(R"({{"request": "Find", "args": {{{}{}}}{}}})", args, extra, top);
}

std::string Quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

ErrorKind KindOfParse(std::string_view json) {
  const Result<Request> parsed = ParseRequest(json);
  EXPECT_FALSE(parsed.ok()) << json;
  return parsed.ok() ? ErrorKind::kInternal : KindOf(parsed.status());
}

std::string TextOfParse(std::string_view json) {
  const Result<Request> parsed = ParseRequest(json);
  EXPECT_FALSE(parsed.ok()) << json;
  return parsed.status().message();
}

TEST(ParseRequestTest, E1WhatIsNoRequestAtAll) {
  for (std::string_view json :
       {"not json", "\xff\xfe", "[]", "{}", "123", "null", "", "{\"request\": \"Find\"}",
        "{\"args\": {}}", "{\"request\": \"Find\", \"args\": []}",
        "{\"request\": 5, \"args\": {}}", "{\"request\": \"Find\", \"args\": {}",
        "{\"request\": \"Find\", \"args\": {\"pattern\": \"\xff\"}}"}) {
    EXPECT_EQ(KindOfParse(json), ErrorKind::kInvalidArgument) << json;
  }
}

TEST(ParseRequestTest, E2UnknownTypesAreNamed) {
  EXPECT_EQ(KindOfParse(R"({"request": "find", "args": {}})"),
            ErrorKind::kInvalidArgument);
  EXPECT_THAT(TextOfParse(R"({"request": "Bogus", "args": {}})"), HasSubstr("\"Bogus\""));
}

TEST(ParseRequestTest, E3E4AnyTextVersionOrNonePasses) {
  EXPECT_EQ(ParseRequest(FindJson())->version, std::nullopt);
  EXPECT_EQ(ParseRequest(FindJson("", "", "", R"(, "version": "99.0")"))->version,
            "99.0");
}

TEST(ParseRequestTest, E5AVersionThatIsNotTextFails) {
  EXPECT_EQ(KindOfParse(FindJson("", "", "", R"(, "version": 5)")),
            ErrorKind::kInvalidRequest);
}

TEST(ParseRequestTest, E6UnknownTopLevelKeysAreIgnored) {
  EXPECT_TRUE(ParseRequest(FindJson("", "", "", R"(, "junk": 1)")).ok());
}

TEST(ParseRequestTest, E7UnknownArgumentsAreAllNamedSortedWithBothVersions) {
  const std::string extras = R"(, "zeta": 1, "extra": null)";
  EXPECT_EQ(KindOfParse(FindJson("", "", extras)), ErrorKind::kUnknownArgument);
  EXPECT_THAT(TextOfParse(FindJson("", "", extras, R"(, "version": "0.7.1")")),
              AllOf(HasSubstr("Find"), HasSubstr("extra, zeta"), HasSubstr("0.7.1"),
                    HasSubstr("0.5.0")));
  EXPECT_THAT(TextOfParse(FindJson("", "", extras)), HasSubstr("no schema version"));
}

TEST(ParseRequestTest, TheSchemaIsCheckedBeforeUnknownArguments) {
  EXPECT_EQ(KindOfParse(FindJson("min_rate", "true", R"(, "extra": 1)")),
            ErrorKind::kInvalidRequest);
}

TEST(ParseRequestTest, ManyUnknownArgumentsMakeAShortText) {
  std::string extras;
  for (int i = 0; i < 5000; ++i) extras += fmt::format(R"(, "x{}": 0)", i);
  const std::string text = TextOfParse(FindJson("", "", extras));
  EXPECT_LT(text.size(), 1000);
  EXPECT_THAT(text, HasSubstr("and 4950 more"));
}

TEST(ParseRequestTest, F1DefaultsOfTheStockClient) {
  const Result<Request> parsed = ParseRequest(FindJson("", "", R"(, "replay_id": null)"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->type, RequestType::kFind);
  const FindArgs& args = parsed->find();
  EXPECT_EQ(args.pattern, ".*");
  EXPECT_THAT(args.data_types, IsEmpty());
  EXPECT_EQ(args.min_rate, 0);
  EXPECT_EQ(args.max_rate, 4294967295);
  EXPECT_EQ(args.time, std::nullopt);
  EXPECT_EQ(args.replay_id, std::nullopt);
}

TEST(ParseRequestTest, F5OnlySixDataTypesCanBeAskedFor) {
  const Result<Request> all = ParseRequest(FindJson(
      "data_type", R"(["uint32", "uint64", "int32", "int64", "float32", "float64"])"));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(all->find().data_types,
              ElementsAre(DataType::kUint32, DataType::kUint64, DataType::kInt32,
                          DataType::kInt64, DataType::kFloat32, DataType::kFloat64));
  for (std::string_view bad :
       {R"(["float16"])", R"(["int8"])", R"(["f8"])", "[7]", R"("float32")", "null"}) {
    EXPECT_EQ(KindOfParse(FindJson("data_type", bad)), ErrorKind::kInvalidRequest) << bad;
  }
  EXPECT_THAT(TextOfParse(FindJson("data_type", R"(["float16"])")), HasSubstr("float16"));
}

TEST(ParseRequestTest, F6WhatIsNoIntegerFromZeroUp) {
  for (std::string_view bad : {"-1", "1.5", "true", "\"1\"", "null", "[]"}) {
    EXPECT_EQ(KindOfParse(FindJson("min_rate", bad)), ErrorKind::kInvalidRequest) << bad;
    EXPECT_THAT(TextOfParse(FindJson("min_rate", bad)), HasSubstr("'min_rate'"));
  }
}

TEST(ParseRequestTest, F7IntegersMayBeWrittenAsDecimals) {
  EXPECT_EQ(ParseRequest(FindJson("min_rate", "1.0"))->find().min_rate, 1);
  EXPECT_EQ(ParseRequest(FindJson("time", "1e18"))->find().time,
            GpsTime::FromSeconds(1'000'000'000));
}

TEST(ParseRequestTest, F8TheUpperRateBoundHasNoBounds) {
  EXPECT_EQ(ParseRequest(FindJson("max_rate", "-5"))->find().max_rate, -5);
  EXPECT_EQ(ParseRequest(FindJson("max_rate", "0"))->find().max_rate, 0);
}

TEST(ParseRequestTest, F11IntegersBeyondInt64Saturate) {
  for (std::string_view big : {"1e30", "1000000000000000000000000000000",
                               "9223372036854775808", "18446744073709551615"}) {
    EXPECT_EQ(ParseRequest(FindJson("time", big))->find().time, GpsTime::Max()) << big;
  }
  EXPECT_EQ(ParseRequest(FindJson("time", "-1e30"))->find().time, GpsTime::Min());
  EXPECT_EQ(ParseRequest(FindJson("time", "9223372036854775807"))->find().time->ns(),
            9223372036854775807);
}

TEST(ParseRequestTest, D7ArgumentsThatLackAreNamed) {
  const std::string json = R"({"request": "Describe", "args": {"channels": ["A:B"]}})";
  EXPECT_EQ(KindOfParse(json), ErrorKind::kInvalidRequest);
  EXPECT_THAT(TextOfParse(json), AllOf(HasSubstr("Describe"), HasSubstr("'time'")));
}

TEST(ParseRequestTest, DescribeKeepsOrderAndDuplicates) {
  const Result<Request> parsed = ParseRequest(
      R"({"request": "Describe", "args": {"channels": ["B:1", "A:1", "B:1"], "time": null}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->describe().channels, ElementsAre("B:1", "A:1", "B:1"));
}

TEST(ParseRequestTest, StreamTakesNullTimes) {
  const Result<Request> parsed = ParseRequest(
      R"({"request": "Stream", "args": {"channels": [], "start": null, "end": 5}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->stream().start, std::nullopt);
  EXPECT_EQ(parsed->stream().end, GpsTime::FromNs(5));
}

TEST(ParseRequestTest, S12TimeIsNoArgumentOfStream) {
  EXPECT_EQ(KindOfParse(R"({"request": "Stream", "args":
      {"channels": [], "start": null, "end": null, "time": null}})"),
            ErrorKind::kUnknownArgument);
}

TEST(ParseRequestTest, S14TimesAreNumbersAndEndIsNeeded) {
  EXPECT_EQ(
      KindOfParse(
          R"({"request": "Stream", "args": {"channels": [], "start": "1", "end": 1}})"),
      ErrorKind::kInvalidRequest);
  EXPECT_EQ(KindOfParse(R"({"request": "Stream", "args": {"channels": [], "start": 1}})"),
            ErrorKind::kInvalidRequest);
}

TEST(ParseRequestTest, P4PublisherIdIsText) {
  EXPECT_EQ(KindOfParse(R"({"request": "Publish", "args": {}})"),
            ErrorKind::kInvalidRequest);
  EXPECT_EQ(KindOfParse(R"({"request": "Partition", "args": {"publisher_id": 3}})"),
            ErrorKind::kInvalidRequest);
  EXPECT_EQ(ParseRequest(R"({"request": "Publish", "args": {"publisher_id": "P"}})")
                ->publisher()
                .publisher_id,
            "P");
}

TEST(ParseRequestTest, DeepNestingIsRefusedCheaply) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(KindOfParse(deep), ErrorKind::kResourceExhausted);
  // Brackets inside text are no nesting.
  const std::string brackets =
      fmt::format("{}\\\"{}", std::string(100, '['), std::string(100, '{'));
  EXPECT_TRUE(ParseRequest(FindJson("pattern", Quoted(brackets))).ok());
}

TEST(ParseRequestTest, OversizedRequestsAreRefused) {
  EXPECT_EQ(KindOfParse(std::string(kMaxRequestBytes + 1, ' ')),
            ErrorKind::kResourceExhausted);
  std::string many = R"({"request": "Describe", "args": {"time": null, "channels": [)";
  for (size_t i = 0; i < kMaxRequestChannels + 20'000; ++i) many += "\"A:B\",";
  EXPECT_EQ(KindOfParse(many + "\"A:B\"]}}"), ErrorKind::kResourceExhausted);
  EXPECT_EQ(KindOfParse(FindJson("pattern", Quoted(std::string(10 << 20, 'a')))),
            ErrorKind::kInvalidArgument);
}

TEST(ParseRequestTest, LongBadValuesMakeShortTexts) {
  EXPECT_LT(TextOfParse(FindJson("min_rate", Quoted(std::string(1 << 20, 'a')))).size(),
            250);
}

TEST(SerializeRequestTest, EveryTypeReadsBackEqual) {
  FindArgs find{.pattern = "H1:\"\\.\xc3\xa9\n",
                .data_types = {DataType::kInt32},
                .min_rate = 1,
                .max_rate = 1 << 20,
                .publishers = {"P", "Q"},
                .time = GpsTime::FromNs(-7),
                .replay_id = "R"};
  for (RequestType type : {RequestType::kFind, RequestType::kCount}) {
    const Result<Request> back = ParseRequest(SerializeRequest({type, find, {}}));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->type, type);
    EXPECT_EQ(back->version, kSchemaVersion);
    EXPECT_EQ(back->find().pattern, find.pattern);
    EXPECT_EQ(back->find().data_types, find.data_types);
    EXPECT_EQ(back->find().min_rate, find.min_rate);
    EXPECT_EQ(back->find().max_rate, find.max_rate);
    EXPECT_EQ(back->find().publishers, find.publishers);
    EXPECT_EQ(back->find().time, find.time);
    EXPECT_EQ(back->find().replay_id, find.replay_id);
  }
  StreamArgs args;
  args.channels = {"A:B", "C:D"};
  args.start = GpsTime::Max();
  args.replay_start = GpsTime::FromNs(1);
  args.replay_end = GpsTime::FromNs(2);
  const Result<Request> stream =
      ParseRequest(SerializeRequest({RequestType::kStream, args, {}}));
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_THAT(stream->stream().channels, ElementsAre("A:B", "C:D"));
  EXPECT_EQ(stream->stream().start, GpsTime::Max());
  EXPECT_EQ(stream->stream().end, std::nullopt);
  EXPECT_EQ(stream->stream().replay_end, GpsTime::FromNs(2));
  const Result<Request> publish = ParseRequest(
      SerializeRequest({RequestType::kPublish, PublisherArgs{"P", std::nullopt}, {}}));
  ASSERT_TRUE(publish.ok()) << publish.status();
  EXPECT_EQ(publish->publisher().publisher_id, "P");
}

TEST(SerializeRequestTest, TextThatIsNotUtf8StaysParsable) {
  DescribeArgs args;
  args.channels = {"A:\xff"};
  EXPECT_TRUE(ParseRequest(SerializeRequest({RequestType::kDescribe, args, {}})).ok());
}

TEST(ArgumentNamesTest, AreThoseThatAreParsed) {
  EXPECT_THAT(
      ArgumentNames(RequestType::kStream),
      ElementsAre("channels", "start", "end", "replay_start", "replay_end", "replay_id"));
  EXPECT_THAT(ArgumentNames(RequestType::kDescribe),
              ElementsAre("channels", "time", "replay_id"));
  EXPECT_THAT(ArgumentNames(RequestType::kPublish),
              ElementsAre("publisher_id", "replay_id"));
}

}  // namespace
}  // namespace carryall::wire
