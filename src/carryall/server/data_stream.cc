#include "carryall/server/data_stream.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/writer.h>

#include "carryall/server/aligned_body.h"
#include "carryall/wire/accept.h"

namespace carryall::server {

using arrow::flight::FlightPayload;
using backend::SourceStep;

namespace {

// A message without an Arrow message, which readers of data pass over.
FlightPayload Heartbeat() {
  FlightPayload payload;
  payload.app_metadata = arrow::Buffer::FromString(std::string(wire::kHeartbeat));
  // Without metadata the transport would take it for the end.
  payload.ipc_message.metadata = std::make_shared<arrow::Buffer>("");
  return payload;
}

}  // namespace

DataStream::DataStream(Parts parts) : parts_(std::move(parts)) {}

DataStream::~DataStream() {
  if (reason_ == nullptr) {
    reason_ = parts_.context->is_cancelled() ? "cancelled" : "closed";
  }
  const double seconds = std::chrono::duration<double>(SteadyNow() - begun_).count();
  parts_.call.Log(LogLevel::kInfo, "stream ended: reason={} batches={} duration={:.1f}s",
                  reason_, batches_, seconds);
}

arrow::Result<FlightPayload> DataStream::GetSchemaPayload() {
  FlightPayload payload;
  if (!parts_.description.empty()) {
    payload.app_metadata = arrow::Buffer::FromString(std::move(parts_.description));
  }
  const arrow::ipc::DictionaryFieldMapper mapper(*schema());
  ARROW_RETURN_NOT_OK(arrow::ipc::GetSchemaPayload(
      *schema(), arrow::ipc::IpcWriteOptions::Defaults(), mapper, &payload.ipc_message));
  return payload;
}

arrow::Result<FlightPayload> DataStream::Next() {
  Result<FlightPayload> payload = Shielded([this] { return NextOrError(); });
  if (payload.ok()) return payload;
  if (reason_ == nullptr) reason_ = "error";
  parts_.counters->errors.fetch_add(1);
  return parts_.call.Finish(payload.status());
}

Result<FlightPayload> DataStream::NextOrError() {
  while (reason_ == nullptr) {
    if (parts_.stop.stop_requested()) {
      reason_ = "server shutdown";
      break;
    }
    if (parts_.context->is_cancelled()) {
      reason_ = "cancelled";
      return Error(ErrorKind::kCancelled, "call was cancelled by the client");
    }
    ARROW_ASSIGN_OR_RAISE(
        const SourceStep step,
        parts_.source->Next(parts_.stop, SteadyNow() + ToChrono(kHeartbeat)));
    if (step.kind == SourceStep::Kind::kHeartbeat) {
      if (!HeartbeatIsDue()) continue;
      sent_ = SteadyNow();
      return Heartbeat();
    }
    if (step.kind == SourceStep::Kind::kEnd) {
      reason_ = "complete";
      break;
    }
    sent_ = SteadyNow();
    FlightPayload payload;
    ARROW_ASSIGN_OR_RAISE(payload.ipc_message, parts_.encoder->Encode(step.block));
    if (step.more) {
      payload.app_metadata = arrow::Buffer::FromString(std::string(wire::kMore));
    }
    if (parts_.aligned) {
      ARROW_RETURN_NOT_OK(AlignBody(&payload));
    }
    ++batches_;
    parts_.counters->batches.fetch_add(1);
    parts_.counters->body_bytes.fetch_add(payload.ipc_message.body_length);
    return payload;
  }
  return FlightPayload();  // no metadata: the end
}

}  // namespace carryall::server
