#pragma once

#include <arrow/flight/server.h>

#include <memory>
#include <stop_token>

#include "carryall/backend/backend.h"
#include "carryall/codec/encoder.h"
#include "carryall/server/bounded_pool.h"
#include "carryall/server/call.h"
#include "carryall/server/limits.h"

namespace carryall::server {

/// The longest a stream waits before it looks whether its client is still there: less
/// than the 100 ms in which a cancellation is to be noticed, more than the usual stride,
/// so that a live stream wakes once a stride.
inline constexpr Duration kHeartbeat = Duration::FromMs(70);

/// The answer to a Stream request: pulls blocks from a source and hands them to Flight as
/// prepared payloads. The transport pulls, so at most one batch is ready and unsent.
/// Owned and called by the thread of its call, within the call.
///
/// To a client that asks for heartbeats it sends one where it has had nothing else for so
/// long. They come from the thread that asks the source: a source that hangs sends none.
///
/// Ends normally when the source does and when the server stops; with kCancelled once the
/// client is gone; with the source's error otherwise, which carries the call's id. Says
/// at the end why, and how much it sent.
class DataStream final : public arrow::flight::FlightDataStream {
 public:
  struct Parts {
    BoundedPool::Ptr pool;  ///< first: goes last
    std::unique_ptr<backend::BlockSource> source;
    std::unique_ptr<codec::StreamEncoder> encoder;
    StreamSlot slot;
    Call call;
    std::stop_token stop;                             ///< the server's
    const arrow::flight::ServerCallContext* context;  ///< outlives the stream
    Counters* counters;
    /// The longest silence; then a message says that the stream is alive.
    std::optional<Duration> heartbeat = {};
    std::string description = {};  ///< of its channels, to go with the schema
    /// Whether bodies shall lie at a multiple of 8 bytes in their messages.
    bool aligned = false;
  };
  explicit DataStream(Parts parts);
  ~DataStream() override;

  std::shared_ptr<arrow::Schema> schema() override { return parts_.encoder->schema(); }
  arrow::Result<arrow::flight::FlightPayload> GetSchemaPayload() override;
  arrow::Result<arrow::flight::FlightPayload> Next() override;

 private:
  Result<arrow::flight::FlightPayload> NextOrError();
  bool HeartbeatIsDue() const {
    return parts_.heartbeat && SteadyNow() - sent_ >= ToChrono(*parts_.heartbeat);
  }

  Parts parts_;
  const SteadyTime begun_ = SteadyNow();
  SteadyTime sent_ = begun_;      ///< when it last had something to send
  const char* reason_ = nullptr;  ///< why it ended, once it has
  int64_t batches_ = 0;
};

}  // namespace carryall::server
