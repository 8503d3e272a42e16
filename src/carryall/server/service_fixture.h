#pragma once

#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "carryall/base/log.h"
#include "carryall/server/fake_backend.h"
#include "carryall/server/server.h"
#include "carryall/wire/request.h"

namespace carryall::server {

namespace af = arrow::flight;
using wire::Request;
using wire::RequestType;

inline const Duration kStride = Duration::FromMs(62) + Duration::FromNs(500'000);
inline const GpsTime kStart = GpsTime::FromSeconds(1'000'000'000);

// The log of the process, while a test runs.
inline std::vector<std::string> g_lines;
inline std::mutex g_lines_mutex;
inline void KeepLine(LogLevel, std::string_view line) {
  std::lock_guard lock(g_lines_mutex);
  g_lines.emplace_back(line);
}

inline std::vector<Channel> TestChannels() {
  return {FakeChannel("X1:CNF-B", 512, kStride), FakeChannel("X1:CNF-A", 16, kStride),
          FakeChannel("Y1:SLO-T", 2, Duration::FromSeconds(1))};
}

// For tests: a server over a FakeBackend and a client connected to it.
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
    options.read_options.ensure_alignment =
        arrow::ipc::Alignment::kDataTypeSpecificAlignment;
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

inline std::string Json(RequestType type, decltype(Request::args) args) {
  return wire::SerializeRequest({type, std::move(args), {}});
}
inline std::string Find(std::string pattern = ".*") {
  wire::FindArgs args;
  args.pattern = std::move(pattern);
  return Json(RequestType::kFind, args);
}
inline std::string Describe(std::vector<std::string> channels) {
  return Json(RequestType::kDescribe, wire::DescribeArgs{std::move(channels), {}, {}});
}
inline std::string Stream(std::vector<std::string> channels, std::optional<GpsTime> start,
                          std::optional<GpsTime> end) {
  wire::StreamArgs args;
  args.channels = std::move(channels);
  args.start = start;
  args.end = end;
  return Json(RequestType::kStream, args);
}
inline std::string Publisher(RequestType type) {
  return Json(type, wire::PublisherArgs{"P", {}});
}

inline af::FlightStatusCode CodeOf(const Status& status) {
  const auto detail = af::FlightStatusDetail::UnwrapStatus(status);
  return detail == nullptr ? af::FlightStatusCode::Internal : detail->code();
}

// Whether `condition` comes true within ten seconds.
template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace carryall::server
