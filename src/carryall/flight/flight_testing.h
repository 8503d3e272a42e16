#pragma once

#include <arrow/builder.h>
#include <arrow/flight/server.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "carryall/base/status.h"
#include "carryall/flight/status.h"

/// A Flight server inside the test program, on loopback, that does what a test tells it:
/// answers, stalls, breaks off, lies.
namespace carryall::flight {

/// Holds threads up until somebody opens it; open for good then.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }
  bool IsOpen() const {
    std::lock_guard lock(mutex_);
    return open_;
  }
  /// False if it stayed closed for 20 s.
  bool WaitBriefly() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return open_; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

using Payload = arrow::flight::FlightPayload;

inline Payload PayloadOf(const arrow::RecordBatch& batch) {
  Payload payload;
  EXPECT_TRUE(arrow::ipc::GetRecordBatchPayload(
                  batch, arrow::ipc::IpcWriteOptions::Defaults(), &payload.ipc_message)
                  .ok());
  return payload;
}

/// A stream whose messages come from a function; a payload without metadata ends it.
class ScriptedStream final : public arrow::flight::FlightDataStream {
 public:
  using Script = std::function<Result<Payload>()>;
  /// `description` goes with the schema.
  ScriptedStream(std::shared_ptr<arrow::Schema> schema, Script script,
                 std::string description = "")
      : schema_(std::move(schema)),
        script_(std::move(script)),
        description_(std::move(description)) {}

  std::shared_ptr<arrow::Schema> schema() override { return schema_; }
  Result<Payload> GetSchemaPayload() override {
    Payload payload;
    arrow::ipc::DictionaryFieldMapper mapper(*schema_);
    ARROW_RETURN_NOT_OK(arrow::ipc::GetSchemaPayload(
        *schema_, arrow::ipc::IpcWriteOptions::Defaults(), mapper, &payload.ipc_message));
    if (!description_.empty()) {
      payload.app_metadata = arrow::Buffer::FromString(description_);
    }
    return payload;
  }
  Result<Payload> Next() override {
    auto payload = script_();
    if (!payload.ok()) return ToFlightStatus(payload.status());
    return payload;
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  Script script_;
  std::string description_;
};

using StreamPtr = std::unique_ptr<arrow::flight::FlightDataStream>;

/// Sends the batches, then does what `last` says: ends (the default), or fails, or waits.
inline StreamPtr StreamOf(
    std::shared_ptr<arrow::Schema> schema,
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches,
    std::function<Status()> last = [] { return Status::OK(); }) {
  auto next = [batches = std::move(batches), last = std::move(last),
               at = size_t{0}]() mutable -> Result<Payload> {
    if (at < batches.size()) return PayloadOf(*batches[at++]);
    ARROW_RETURN_NOT_OK(last());
    return Payload{};
  };
  return std::make_unique<ScriptedStream>(std::move(schema), std::move(next));
}

class FakeServer final : public arrow::flight::FlightServerBase {
 public:
  struct Endpoint {
    std::string ticket;
    std::vector<std::string> locations;
  };
  std::function<Result<std::vector<Endpoint>>(const std::string& command)> on_info;
  /// What goes with the answer of on_info.
  std::string plan_metadata;
  std::function<Result<StreamPtr>(const std::string& ticket)> on_get;
  std::function<Result<std::string>(const std::string& type)> on_action;
  /// The answer to the batches of a DoExchange, with their schema.
  std::function<Result<arrow::RecordBatchVector>(const std::string& command,
                                                 const arrow::RecordBatchVector& sent)>
      on_exchange;

  static std::unique_ptr<FakeServer> Start() {
    auto server = std::make_unique<FakeServer>();
    auto location = arrow::flight::Location::Parse("grpc://127.0.0.1:0").ValueOrDie();
    EXPECT_TRUE(server->Init(arrow::flight::FlightServerOptions(location)).ok());
    return server;
  }
  ~FakeServer() override { Stop(); }

  /// Ends it at once; calls that are on are cancelled.
  void Stop() {
    if (std::exchange(stopped_, true)) return;
    const auto now = std::chrono::system_clock::now();
    EXPECT_TRUE(Shutdown(&now).ok());
    EXPECT_TRUE(Wait().ok());
  }
  std::string url() const { return fmt::format("grpc://127.0.0.1:{}", port()); }

  /// The headers that the latest call sent under that name.
  std::vector<std::string> header(const std::string& name) const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> values;
    for (const auto& [key, value] : headers_) {
      if (key == name) values.push_back(value);
    }
    return values;
  }

  Status GetFlightInfo(const arrow::flight::ServerCallContext& context,
                       const arrow::flight::FlightDescriptor& request,
                       std::unique_ptr<arrow::flight::FlightInfo>* info) override {
    Note(context);
    auto planned = on_info(request.cmd);
    if (!planned.ok()) return ToFlightStatus(planned.status());
    arrow::flight::FlightInfo::Data data;
    // As stock servers do: the command comes back as a path.
    data.descriptor = arrow::flight::FlightDescriptor::Path({request.cmd});
    data.app_metadata = plan_metadata;
    for (const Endpoint& endpoint : *planned) {
      arrow::flight::FlightEndpoint made;
      made.ticket.ticket = endpoint.ticket;
      for (const std::string& location : endpoint.locations) {
        made.locations.push_back(arrow::flight::Location::Parse(location).ValueOrDie());
      }
      data.endpoints.push_back(std::move(made));
    }
    *info = std::make_unique<arrow::flight::FlightInfo>(std::move(data));
    return Status::OK();
  }
  Status DoGet(const arrow::flight::ServerCallContext& context,
               const arrow::flight::Ticket& ticket, StreamPtr* stream) override {
    Note(context);
    auto made = on_get(ticket.ticket);
    if (!made.ok()) return ToFlightStatus(made.status());
    *stream = std::move(made).ValueUnsafe();
    return Status::OK();
  }
  Status DoAction(const arrow::flight::ServerCallContext& context,
                  const arrow::flight::Action& action,
                  std::unique_ptr<arrow::flight::ResultStream>* results) override {
    Note(context);
    auto body = on_action(action.type);
    if (!body.ok()) return ToFlightStatus(body.status());
    std::vector<arrow::flight::Result> all(1);
    all[0].body = arrow::Buffer::FromString(*body);
    *results = std::make_unique<arrow::flight::SimpleResultStream>(std::move(all));
    return Status::OK();
  }
  Status DoExchange(const arrow::flight::ServerCallContext& context,
                    std::unique_ptr<arrow::flight::FlightMessageReader> reader,
                    std::unique_ptr<arrow::flight::FlightMessageWriter> writer) override {
    Note(context);
    ARROW_ASSIGN_OR_RAISE(const auto schema, reader->GetSchema());
    ARROW_ASSIGN_OR_RAISE(const auto sent, reader->ToRecordBatches());
    auto answer = on_exchange(reader->descriptor().cmd, sent);
    if (!answer.ok()) return ToFlightStatus(answer.status());
    ARROW_RETURN_NOT_OK(writer->Begin(schema));
    for (const auto& batch : *answer)
      ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    return writer->Close();
  }

 private:
  void Note(const arrow::flight::ServerCallContext& context) {
    std::lock_guard lock(mutex_);
    headers_.clear();
    for (const auto& [key, value] : context.incoming_headers()) {
      headers_.emplace_back(key, value);
    }
  }

  bool stopped_ = false;
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace carryall::flight
