#include "carryall/server/service.h"

#include <arrow/flight/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <regex>

#include "carryall/server/fake_backend.h"
#include "carryall/server/server.h"
#include "carryall/wire/schemas.h"
#include "carryall/wire/url.h"

namespace carryall::server {
namespace {

namespace af = arrow::flight;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using wire::Request;
using wire::RequestType;

const Duration kStride = Duration::FromMs(62) + Duration::FromNs(500'000);
const GpsTime kStart = GpsTime::FromSeconds(1'000'000'000);

std::vector<std::string> g_lines;
std::mutex g_lines_mutex;
void KeepLine(LogLevel, std::string_view line) {
  std::lock_guard lock(g_lines_mutex);
  g_lines.emplace_back(line);
}

std::vector<Channel> TestChannels() {
  return {FakeChannel("X1:CNF-B", 512, kStride), FakeChannel("X1:CNF-A", 16, kStride),
          FakeChannel("Y1:SLO-T", 2, Duration::FromSeconds(1))};
}

class ServiceTest : public testing::Test {
 protected:
  void Start(FakeBehaviour behaviour = {}, ServerOptions options = {}) {
    {
      std::lock_guard lock(g_lines_mutex);
      g_lines.clear();
    }
    SetLogSink(&KeepLine, LogLevel::kDebug);
    backend_ = std::make_shared<FakeBackend>(TestChannels(), std::move(behaviour));
    options.url = "0";
    options.version = "1.2.3";
    auto server = Server::Start(backend_, options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = Connect();
  }
  void TearDown() override {
    server_.reset();
    SetLogSink(nullptr, LogLevel::kInfo);
  }

  std::unique_ptr<af::FlightClient> Connect() {
    return *af::FlightClient::Connect(*af::Location::Parse(server_->url()));
  }

  af::FlightCallOptions Options() const {
    af::FlightCallOptions options;
    options.headers.emplace_back("x-request-id", "test");
    options.timeout = af::TimeoutDuration(20);
    return options;
  }

  arrow::Result<std::unique_ptr<af::FlightInfo>> Info(const std::string& command) {
    return client_->GetFlightInfo(Options(), af::FlightDescriptor::Command(command));
  }
  arrow::Result<std::unique_ptr<af::FlightStreamReader>> Get(const std::string& ticket) {
    return client_->DoGet(Options(), af::Ticket{ticket});
  }
  arrow::Result<std::shared_ptr<arrow::Table>> Read(const std::string& ticket) {
    ARROW_ASSIGN_OR_RAISE(auto reader, Get(ticket));
    return reader->ToTable();
  }
  Status ErrorOfGet(const std::string& ticket) { return Read(ticket).status(); }

  std::shared_ptr<FakeBackend> backend_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<af::FlightClient> client_;
};

std::string Json(RequestType type, decltype(Request::args) args) {
  return wire::SerializeRequest({type, std::move(args), {}});
}
std::string Find(std::string pattern = ".*") {
  wire::FindArgs args;
  args.pattern = std::move(pattern);
  return Json(RequestType::kFind, args);
}
std::string Describe(std::vector<std::string> channels) {
  return Json(RequestType::kDescribe, wire::DescribeArgs{std::move(channels), {}, {}});
}
std::string Stream(std::vector<std::string> channels, std::optional<GpsTime> start,
                   std::optional<GpsTime> end) {
  wire::StreamArgs args;
  args.channels = std::move(channels);
  args.start = start;
  args.end = end;
  return Json(RequestType::kStream, args);
}
std::string Publisher(RequestType type) {
  return Json(type, wire::PublisherArgs{"P", {}});
}

af::FlightStatusCode CodeOf(const Status& status) {
  const auto detail = af::FlightStatusDetail::UnwrapStatus(status);
  return detail == nullptr ? af::FlightStatusCode::Internal : detail->code();
}

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

TEST_F(ServiceTest, StreamsOneRowAStrideInNameOrder) {
  Start();
  auto reader =
      Get(Stream({"X1:CNF-B", "X1:CNF-A", "X1:CNF-B"}, kStart, kStart + kStride * 4));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto schema = *(*reader)->GetSchema();
  EXPECT_THAT(schema->field_names(), ElementsAre("time", "X1:CNF-A", "X1:CNF-B"));
  for (int stride = 0; stride < 4; ++stride) {
    const auto chunk = *(*reader)->Next();
    ASSERT_NE(chunk.data, nullptr);
    ASSERT_EQ(chunk.data->num_rows(), 1);
    EXPECT_TRUE(chunk.data->ValidateFull().ok());
    const auto& time = static_cast<const arrow::Int64Array&>(*chunk.data->column(0));
    EXPECT_EQ(time.Value(0), (kStart + kStride * stride).ns());
    const auto& list = static_cast<const arrow::ListArray&>(*chunk.data->column(2));
    const auto values = std::static_pointer_cast<arrow::Int64Array>(list.value_slice(0));
    ASSERT_EQ(values->length(), 32);
    EXPECT_EQ(values->Value(5), 512LL * 1'000'000'000 + 32 * stride + 5);
  }
  EXPECT_EQ((*reader)->Next()->data, nullptr);
}

TEST_F(ServiceTest, PutsSeveralStridesIntoABatchForWhoAsks) {
  Start();
  af::FlightCallOptions options = Options();
  options.headers.emplace_back("x-carryall-accept", "rows=3; form=column; codec=none");
  auto reader = *client_->DoGet(
      options, af::Ticket{Stream({"X1:CNF-A"}, kStart, kStart + kStride * 7)});
  std::vector<int64_t> rows;
  for (auto chunk = *reader->Next(); chunk.data != nullptr; chunk = *reader->Next()) {
    rows.push_back(chunk.data->num_rows());
  }
  EXPECT_THAT(rows, ElementsAre(3, 3, 1));
  options.headers.back().second = "rows=x";
  EXPECT_TRUE(client_->DoGet(options, af::Ticket{Stream({"X1:CNF-A"}, kStart, kStart)})
                  .status()
                  .IsInvalid());
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

TEST_F(ServiceTest, RefusesAStreamWhoseStridesDoNotFitIntoItsMemory) {
  ServerOptions options;
  options.limits.stream_memory_bytes = 100;
  Start({}, options);
  const Status error = ErrorOfGet(Stream({"X1:CNF-B"}, kStart, kStart + kStride));
  EXPECT_THAT(error.message(), HasSubstr("stream is too large"));
}

TEST_F(ServiceTest, PassesOnTheErrorOfASource) {
  FakeBehaviour behaviour;
  behaviour.fail_after = 2;
  Start(behaviour);
  auto reader = *Get(Stream({"X1:CNF-A"}, kStart, {}));
  EXPECT_TRUE(reader->Next().ok());
  EXPECT_TRUE(reader->Next().ok());
  EXPECT_THAT(reader->Next().status().message(),
              HasSubstr("fake source fails as told [request: test]"));
}

TEST_F(ServiceTest, RefusesMoreStreamsThanItsLimit) {
  FakeBehaviour silent;
  silent.silent = true;
  ServerOptions options;
  options.limits.max_streams = 2;
  Start(silent, options);
  auto first = *Get(Stream({"X1:CNF-A"}, {}, {}));
  auto second = *Get(Stream({"X1:CNF-A"}, {}, {}));
  ASSERT_TRUE(first->GetSchema().ok());
  ASSERT_TRUE(second->GetSchema().ok());
  const Status error = ErrorOfGet(Stream({"X1:CNF-A"}, {}, {}));
  EXPECT_EQ(CodeOf(error), af::FlightStatusCode::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("limit of 2 concurrent streams"));
  EXPECT_TRUE(Info(Find()).ok());
  first->Cancel();
  second->Cancel();
}

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST_F(ServiceTest, NoticesACancelledClientWhileItsSourceIsSilent) {
  FakeBehaviour silent;
  silent.silent = true;
  Start(silent);
  auto reader = *Get(Stream({"X1:CNF-A"}, {}, {}));
  ASSERT_TRUE(reader->GetSchema().ok());
  EXPECT_EQ(server_->counters().streams_open.load(), 1);
  reader->Cancel();
  EXPECT_TRUE(Eventually([&] { return server_->counters().streams_open.load() == 0; }));
}

TEST_F(ServiceTest, StoppingEndsStreamsThatAreReadWithOk) {
  FakeBehaviour silent;
  silent.silent = true;
  Start(silent);
  auto reader = *Get(Stream({"X1:CNF-A"}, {}, {}));
  ASSERT_TRUE(reader->GetSchema().ok());
  auto end = std::async(std::launch::async, [&] { return reader->Next(); });
  server_->Stop(Duration::FromSeconds(20));
  const auto chunk = end.get();
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ(chunk->data, nullptr);
}

TEST_F(ServiceTest, StoppingDoesNotWaitForAClientThatReadsNothing) {
  Start();
  auto reader = *Get(Stream({"X1:CNF-B"}, kStart, {}));
  ASSERT_TRUE(reader->GetSchema().ok());
  server_->Stop(Duration::FromMs(200));  // hangs if it waits
  EXPECT_EQ(server_->counters().streams_open.load(), 0);
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
      return std::any_of(g_lines.begin(), g_lines.end(), [&](const std::string& line) {
        return std::regex_match(line, std::regex(pattern));
      });
    });
  };
  EXPECT_TRUE(logged(R"(\[test\] request=info:Stream peer=\S+ channels=1 )"
                     R"(start=1000000000000000000 end=1000000000062500000)"));
  EXPECT_TRUE(logged(R"(\[test\] request=Stream peer=\S+ channels=1 start=\d+ end=\d+)"));
  EXPECT_TRUE(
      logged(R"(\[test\] stream ended: reason=complete batches=1 duration=[0-9.]+s)"));
  EXPECT_TRUE(logged(R"(\[test\] request=Find peer=\S+ pattern=a\?b min_rate=0 .*)"));
  EXPECT_TRUE(logged(R"(\[test\] request=action:replays peer=\S+)"));
  EXPECT_TRUE(logged(R"(\[test\] request args: .*X1:CNF-A.*)"));
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
