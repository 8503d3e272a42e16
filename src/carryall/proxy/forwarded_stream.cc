#include "carryall/proxy/forwarded_stream.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/bit_util.h>

#include "carryall/flight/read_data.h"
#include "carryall/flight/status.h"

namespace carryall::proxy {

using arrow::flight::FlightPayload;
using arrow::flight::internal::FlightData;

namespace {

constexpr auto kLook = std::chrono::milliseconds(50);

FlightPayload PayloadOf(FlightData data) {
  FlightPayload payload;
  payload.app_metadata = std::move(data.app_metadata);
  arrow::ipc::IpcPayload& message = payload.ipc_message;
  // Without metadata the transport would take it for the end.
  message.metadata = data.metadata != nullptr ? std::move(data.metadata)
                                              : std::make_shared<arrow::Buffer>("");
  if (data.body != nullptr) {
    // Only a type that may have a body is sent with one.
    message.type = arrow::ipc::MessageType::RECORD_BATCH;
    // The transport fills up what is sent, and counts on a length that is.
    message.body_length = arrow::bit_util::RoundUpToMultipleOf8(data.body->size());
    message.body_buffers.push_back(std::move(data.body));
  }
  return payload;
}

}  // namespace

StreamWatch::StreamWatch()
    : thread_([this](const std::stop_token& stop) { Run(stop); }) {}

StreamWatch::~StreamWatch() { Stop(); }

void StreamWatch::Stop() { thread_.request_stop(); }

void StreamWatch::Add(ForwardedStream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.insert(stream);
  changed_.notify_all();
}

void StreamWatch::Remove(ForwardedStream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

void StreamWatch::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!changed_.wait(lock, stop, [this] { return !streams_.empty(); })) break;
    changed_.wait_for(lock, stop, kLook, [] { return false; });
    for (ForwardedStream* stream : streams_) {
      if (stream->context_->is_cancelled()) stream->stream_->TryCancel();
    }
  }
  // One that comes later looks itself.
  for (ForwardedStream* stream : streams_) stream->stream_->TryCancel();
}

ForwardedStream::ForwardedStream(
    flight::ConnectionPool::Lease lease,
    std::unique_ptr<arrow::flight::internal::ClientDataStream> stream,
    std::shared_ptr<StreamWatch> watch, const arrow::flight::ServerCallContext* context)
    : lease_(std::move(lease)),
      stream_(std::move(stream)),
      watch_(std::move(watch)),
      context_(context) {
  watch_->Add(this);
}

ForwardedStream::~ForwardedStream() {
  watch_->Remove(this);
  if (ended_) return;
  stream_->TryCancel();
  (void)stream_->Finish(Status::OK());
}

std::shared_ptr<arrow::Schema> ForwardedStream::schema() {
  // Not asked for by the transport, which sends the backend's message.
  arrow::ipc::DictionaryMemo memo;
  const auto message = arrow::ipc::Message::Open(schema_message_, nullptr);
  if (!message.ok()) return nullptr;
  return arrow::ipc::ReadSchema(**message, &memo).ValueOr(nullptr);
}

arrow::Result<FlightPayload> ForwardedStream::GetSchemaPayload() {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(FlightPayload payload, Read());
    if (payload.ipc_message.metadata == nullptr) {
      return flight::ToFlightStatus(
          Error(ErrorKind::kCorrupt, "the stream ended without a schema"));
    }
    if (payload.ipc_message.metadata->size() == 0) continue;  // only a sign of life
    schema_message_ = payload.ipc_message.metadata;
    return payload;
  }
}

arrow::Result<FlightPayload> ForwardedStream::Next() { return Read(); }

arrow::Result<FlightPayload> ForwardedStream::Read() {
  if (ended_) return FlightPayload();
  if (watch_->stopped()) stream_->TryCancel();
  FlightData data;
  const Result<bool> more = flight::ReadData(*stream_, &data);
  if (more.ok() && *more) return PayloadOf(std::move(data));
  ended_ = true;
  if (!more.ok()) stream_->TryCancel();
  const Status finished = stream_->Finish(Status::OK());
  if (!more.ok() || !finished.ok()) lease_.Drop();
  if (context_->is_cancelled()) {
    return flight::ToFlightStatus(
        Error(ErrorKind::kCancelled, "call was cancelled by the client"));
  }
  if (watch_->stopped()) {
    return flight::ToFlightStatus(
        Error(ErrorKind::kUnavailable, "the proxy is shutting down"));
  }
  if (!more.ok()) return flight::ToFlightStatus(more.status());
  ARROW_RETURN_NOT_OK(flight::RelayFlightStatus(finished));
  return FlightPayload();
}

}  // namespace carryall::proxy
