#include "carryall/server/service.h"

#include <arrow/array.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "carryall/server/service_fixture.h"
#include "carryall/wire/description.h"
#include "carryall/wire/schemas.h"
#include "carryall/wire/url.h"

namespace carryall::server {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(ServiceTest, PlansAndAnswersFind) {
  Start();
  auto info = Info(Find());
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ((*info)->endpoints().size(), 1);
  const af::FlightEndpoint& endpoint = (*info)->endpoints()[0];
  EXPECT_EQ(endpoint.locations[0].ToString(), wire::kReuseLocation);
  EXPECT_EQ((*info)->total_records(), -1);
  EXPECT_EQ((*info)->total_bytes(), -1);
  EXPECT_EQ((*info)->descriptor().type, af::FlightDescriptor::PATH);
  EXPECT_THAT((*info)->descriptor().path, ElementsAre(Find()));
  auto table = Read(endpoint.ticket.ticket);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE((*table)->schema()->Equals(*wire::MetadataSchema(), true));
  EXPECT_EQ((*table)->num_rows(), 3);
}

TEST_F(ServiceTest, AcceptsTheJsonAsAPath) {
  Start();
  auto info = client_->GetFlightInfo(Options(), af::FlightDescriptor::Path({Find()}));
  EXPECT_TRUE(info.ok()) << info.status();
  info = client_->GetFlightInfo(Options(), af::FlightDescriptor::Path({"a", "b"}));
  EXPECT_TRUE(info.status().IsInvalid()) << info.status();
}

TEST_F(ServiceTest, Counts) {
  Start();
  wire::FindArgs args;
  args.pattern = "X1:";
  auto table = Read(Json(RequestType::kCount, args));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "2");
}

TEST_F(ServiceTest, DescribesInTicketOrder) {
  Start();
  auto table = Read(Describe({"Y1:SLO-T", "X1:CNF-A", "Y1:SLO-T"}));
  ASSERT_TRUE(table.ok()) << table.status();
  const auto column = (*table)->GetColumnByName("channel");
  ASSERT_EQ(column->length(), 3);
  EXPECT_EQ(column->GetScalar(1).ValueOrDie()->ToString(), "X1:CNF-A");
}

TEST_F(ServiceTest, EndsEveryErrorWithTheRequestId) {
  Start();
  const auto put_error = [&] {
    auto result = client_->DoPut(Options(), af::FlightDescriptor::Command(Find()),
                                 wire::CountSchema());
    if (!result.ok()) return result.status();
    return result->writer->Close();
  };
  const auto action_error = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(auto results,
                          client_->DoAction(Options(), af::Action{"bogus", nullptr}));
    return results->Next().status();
  };
  const std::vector<Status> errors = {
      Info("not json").status(),
      Info(Publisher(RequestType::kPublish)).status(),
      ErrorOfGet("{}"),
      ErrorOfGet(Publisher(RequestType::kPartition)),
      ErrorOfGet(Describe({"X1:CNF-NOPE"})),
      action_error(),
      client_->GetSchema(Options(), af::FlightDescriptor::Command("[]")).status(),
      put_error(),
  };
  for (const Status& error : errors) {
    ASSERT_FALSE(error.ok());
    EXPECT_THAT(error.message(), HasSubstr(" [request: test]"));
  }
}

TEST_F(ServiceTest, GivesEachErrorItsCode) {
  Start();
  EXPECT_TRUE(Info("not json").status().IsInvalid());
  EXPECT_TRUE(ErrorOfGet(Find("(")).IsInvalid());
  EXPECT_TRUE(Info(Find("(")).ok());
  EXPECT_EQ(CodeOf(Info(Publisher(RequestType::kPublish)).status()),
            af::FlightStatusCode::Failed);
  EXPECT_EQ(CodeOf(ErrorOfGet(Publisher(RequestType::kPartition))),
            af::FlightStatusCode::Failed);
  EXPECT_EQ(CodeOf(Info(Describe({})).status()), af::FlightStatusCode::Failed);
  EXPECT_TRUE(Read(Describe({})).ok());
  EXPECT_TRUE(ErrorOfGet(Stream({}, kStart, {})).IsInvalid());
  EXPECT_EQ(CodeOf(Info(Describe({"Q9:X"})).status()), af::FlightStatusCode::Unavailable);
}

TEST_F(ServiceTest, NamesExactlyTheUnknownChannels) {
  Start();
  for (const Status& error :
       {ErrorOfGet(Describe({"X1:CNF-NO", "X1:CNF-A", "X1:CNF-NADA", "X1:CNF-NO"})),
        Info(Stream({"X1:CNF-NO", "X1:CNF-A", "X1:CNF-NADA"}, {}, {})).status(),
        ErrorOfGet(Stream({"X1:CNF-NO", "X1:CNF-A", "X1:CNF-NADA"}, {}, {}))}) {
    EXPECT_EQ(CodeOf(error), af::FlightStatusCode::Unavailable);
    EXPECT_THAT(error.message(), HasSubstr("{X1:CNF-NADA, X1:CNF-NO}"));
    EXPECT_THAT(error.message(), Not(HasSubstr("CNF-A")));
  }
}

TEST_F(ServiceTest, KeepsErrorsAboutManyChannelsShort) {
  Start();
  std::vector<std::string> many;
  for (int i = 0; i < 100'000; ++i) many.push_back(fmt::format("X1:CNF-NO{:06}", i));
  const Status error = ErrorOfGet(Describe(many));
  EXPECT_EQ(CodeOf(error), af::FlightStatusCode::Unavailable) << error;
  EXPECT_THAT(error.message(), HasSubstr("X1:CNF-NO000000"));
  EXPECT_THAT(error.message(), HasSubstr(" more}"));
  EXPECT_LT(error.message().size(), 4000);
}

TEST_F(ServiceTest, RefusesHugeRequestsAndHostileBytes) {
  Start();
  EXPECT_FALSE(ErrorOfGet(std::string(wire::kMaxRequestBytes + 1, '[')).ok());
  EXPECT_FALSE(ErrorOfGet(std::string(1 << 20, '[')).ok());
  EXPECT_FALSE(ErrorOfGet(std::string("\xff\xfe\0\x01", 4)).ok());
  std::vector<std::string> many(wire::kMaxRequestChannels + 1, "X1:CNF-A");
  EXPECT_FALSE(ErrorOfGet(Describe(many)).ok());
  EXPECT_TRUE(ErrorOfGet(Find(std::string(10 << 20, 'a'))).IsInvalid());
  EXPECT_TRUE(Read(Find()).ok());
}

TEST_F(ServiceTest, WritesAccessLines) {
  Start();
  ASSERT_TRUE(Info(Stream({"X1:CNF-A"}, kStart, kStart + kStride)).ok());
  ASSERT_TRUE(Read(Stream({"X1:CNF-A"}, kStart, kStart + kStride)).ok());
  ASSERT_TRUE(Read(Find("a\nb")).ok());
  ASSERT_TRUE(client_->DoAction(Options(), af::Action{"replays", nullptr}).ok());
  const auto logged = [&](const std::string& pattern) {
    return Eventually([&] {
      std::lock_guard lock(g_lines_mutex);
      return testing::Value(g_lines, Contains(ContainsRegex("^\\[test\\] " + pattern)));
    });
  };
  EXPECT_TRUE(
      logged("request=info:Stream peer=[^ ]+ channels=1 "
             "start=1000000000000000000 end=1000000000062500000$"));
  EXPECT_TRUE(logged("request=Stream peer=[^ ]+ channels=1 start=[0-9]+ end=[0-9]+$"));
  EXPECT_TRUE(logged("stream ended: reason=complete batches=1 duration=[0-9.]+s$"));
  EXPECT_TRUE(logged("request=Find peer=[^ ]+ pattern=a[?]b min_rate=0 max_rate="));
  EXPECT_TRUE(logged("request=action:replays peer=[^ ]+$"));
  EXPECT_TRUE(logged("request args: .*X1:CNF-A"));
}

TEST_F(ServiceTest, AnswersActions) {
  Start();
  const auto act = [&](const std::string& type) {
    auto results = *client_->DoAction(Options(), af::Action{type, nullptr});
    return nlohmann::json::parse((*results->Next())->body->ToString());
  };
  const auto info = act("server-info");
  EXPECT_EQ(info["server_version"], "1.2.3");
  EXPECT_EQ(info["backend"], "fake");
  EXPECT_EQ(info["domains"], (std::vector<std::string>{"X1", "Y1"}));
  EXPECT_EQ(info["auth"], false);
  EXPECT_TRUE(info["auth_methods"].is_null());
  const auto map = act("scope-map");
  EXPECT_EQ(map["local_endpoint"], wire::kReuseLocation);
  const auto& entry = map["endpoints"][std::string(wire::kReuseLocation)];
  EXPECT_EQ(entry["scopes"]["X1"][0]["subsystem"], "CNF");
  EXPECT_EQ(entry["retention"]["oldest"], "inf");
  EXPECT_EQ(act("replays"), nlohmann::json::object());
  EXPECT_EQ((*client_->ListActions(Options())).size(), 3);
}

TEST_F(ServiceTest, ListsOneFlightADomain) {
  Start();
  auto listing = *client_->ListFlights(Options(), {});
  std::vector<int64_t> rows;
  for (auto info = *listing->Next(); info != nullptr; info = *listing->Next()) {
    rows.push_back((*Read(info->endpoints()[0].ticket.ticket))->num_rows());
  }
  EXPECT_THAT(rows, ElementsAre(2, 1));
}

TEST_F(ServiceTest, GivesSchemas) {
  Start();
  arrow::ipc::DictionaryMemo memo;
  auto schema =
      *(*client_->GetSchema(
            Options(), af::FlightDescriptor::Command(Stream({"X1:CNF-B"}, kStart, {}))))
           ->GetSchema(&memo);
  EXPECT_THAT(schema->field_names(), ElementsAre("time", "X1:CNF-B"));
}

TEST_F(ServiceTest, DescribesWithThePlanOfAStreamWhereAsked) {
  Start();
  const auto command =
      af::FlightDescriptor::Command(Stream({"X1:CNF-B", "X1:CNF-A"}, kStart, {}));
  EXPECT_EQ((*client_->GetFlightInfo(Options(), command))->app_metadata(), "");
  auto options = Options();
  options.headers.emplace_back("x-carryall-accept", "form=row; describe=yes");
  const auto info = *client_->GetFlightInfo(options, command);
  const auto channels = wire::ReadDescription(info->app_metadata());
  ASSERT_TRUE(channels.ok()) << channels.status();
  ASSERT_EQ(channels->size(), 2u);
  EXPECT_EQ((*channels)[0].name, "X1:CNF-A");
  EXPECT_EQ((*channels)[1].sample_rate.hz(), 512);
  arrow::ipc::DictionaryMemo memo;
  EXPECT_THAT((*info->GetSchema(&memo))->field_names(),
              ElementsAre("time", "id", "data"));
}

TEST_F(ServiceTest, AnswersADescribeWithItsPlanWhereAsked) {
  Start();
  wire::DescribeArgs args;
  args.channels = {"X1:CNF-B", "X1:CNF-A"};
  const auto command = [](wire::DescribeArgs asked) {
    return af::FlightDescriptor::Command(wire::SerializeRequest(
        {wire::RequestType::kDescribe, std::move(asked), std::nullopt}));
  };
  EXPECT_EQ((*client_->GetFlightInfo(Options(), command(args)))->app_metadata(), "");
  auto options = Options();
  options.headers.emplace_back("x-carryall-accept", "describe=yes");
  const auto info = *client_->GetFlightInfo(options, command(args));
  const auto channels = wire::ReadDescription(info->app_metadata());
  ASSERT_TRUE(channels.ok()) << channels.status();
  ASSERT_EQ(channels->size(), 2u);
  EXPECT_EQ((*channels)[0].name, "X1:CNF-B");
  EXPECT_EQ((*channels)[1].name, "X1:CNF-A");
  EXPECT_TRUE(info->endpoints().empty());

  args.channels.push_back("X1:CNF-NONE");
  const auto refused = client_->GetFlightInfo(options, command(args)).status();
  EXPECT_THAT(refused.message(), HasSubstr("X1:CNF-NONE"));
}

TEST_F(ServiceTest, GivesNoStreamWithoutAPlanThatIsNotItsAlone) {
  const std::string path = testing::TempDir() + "carryall_shared_scopes.yaml";
  std::ofstream(path) << "replays: {}";
  ServerOptions scopes;
  scopes.scope_map_file = path;
  Start({}, scopes);
  auto options = Options();
  options.headers.emplace_back("x-carryall-accept", "form=row; describe=yes");
  const auto ask = [&]() -> arrow::Status {
    const af::Ticket ticket{Stream({"X1:CNF-B"}, kStart, kStart + kStride * 16)};
    ARROW_ASSIGN_OR_RAISE(const auto reader, client_->DoGet(options, ticket));
    return reader->ToTable().status();
  };
  EXPECT_EQ(ask(), arrow::Status::OK());
  std::ofstream(path)
      << server_->url()
      << ": {scopes: {X1: [{all: true, direct_read: 'kafka://localhost:1'}]}}";
  server_->Reload();
  EXPECT_TRUE(Eventually([&] { return !ask().ok(); }));
  const arrow::Status refused = ask();
  const auto detail = af::FlightStatusDetail::UnwrapStatus(refused);
  ASSERT_NE(detail, nullptr) << refused;
  EXPECT_EQ(detail->code(), af::FlightStatusCode::Unavailable);
  EXPECT_THAT(refused.message(), HasSubstr("has to be planned"));
}

TEST_F(ServiceTest, RefusesToSharePorts) {
  Start();
  ServerOptions options;
  options.url = server_->url();
  const auto second = Server::Start(backend_, options);
  EXPECT_EQ(KindOf(second.status()), ErrorKind::kIo);
  EXPECT_THAT(second.status().message(), HasSubstr(server_->url()));
}

TEST_F(ServiceTest, ReloadsTheScopeMapAndKeepsTheOldOneWhereItIsBad) {
  const std::string path = testing::TempDir() + "carryall_scope_map.yaml";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write("replays: {R1: {start: 1000, end: 1100}}");
  ServerOptions options;
  options.scope_map_file = path;
  Start({}, options);
  const auto replays = [&] {
    auto results = *client_->DoAction(Options(), af::Action{"replays", nullptr});
    return nlohmann::json::parse((*results->Next())->body->ToString());
  };
  EXPECT_EQ(replays()["R1"]["end"], 1100.0);
  write("replays: {R2: {start: 1000, end: 1100}}");
  server_->Reload();
  EXPECT_TRUE(Eventually([&] { return replays().contains("R2"); }));
  write("replays: 5");
  server_->Reload();
  EXPECT_TRUE(Eventually([&] { return backend_->reloads() == 2; }));
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(g_lines_mutex);
    return std::any_of(g_lines.begin(), g_lines.end(), [&](const std::string& line) {
      return line.find(path + ":1: replays must be a mapping") != std::string::npos;
    });
  }));
  EXPECT_TRUE(replays().contains("R2"));
}

TEST(Server, DoesNotStartWithABadScopeMap) {
  const std::string path = testing::TempDir() + "carryall_bad_scope_map.yaml";
  std::ofstream(path) << "\n\nreplays: [";
  ServerOptions options;
  options.url = "0";
  options.scope_map_file = path;
  const auto server =
      Server::Start(std::make_shared<FakeBackend>(TestChannels()), options);
  EXPECT_THAT(server.status().message(), HasSubstr(path + ":"));
  options.scope_map_file = path + ".nowhere";
  EXPECT_FALSE(
      Server::Start(std::make_shared<FakeBackend>(TestChannels()), options).ok());
}

}  // namespace
}  // namespace carryall::server
