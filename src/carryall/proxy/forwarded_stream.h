#pragma once

#include <arrow/flight/server.h>
#include <arrow/flight/transport.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>

#include "carryall/flight/connection.h"

namespace carryall::proxy {

class ForwardedStream;

/// Ends the reads of forwarded streams whose client has gone, all of them once it is
/// stopped: a stream waits for its backend in the transport, where nothing else can wake
/// it. A thread of its own looks at the running streams every 50 ms. Thread safe.
class StreamWatch {
 public:
  StreamWatch();
  ~StreamWatch();
  void Stop();

 private:
  friend ForwardedStream;
  void Add(ForwardedStream* stream);
  void Remove(ForwardedStream* stream);
  bool stopped() const { return thread_.get_stop_token().stop_requested(); }
  void Run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<ForwardedStream*> streams_;
  std::jthread thread_;  // last: it uses the others
};

/// A DoGet of the backend as the answer to one of ours: every message is handed on as it
/// came, without looking into it. The transport pulls, so nothing piles up here. Owned
/// and called by the thread of its call.
class ForwardedStream final : public arrow::flight::FlightDataStream {
 public:
  ForwardedStream(flight::ConnectionPool::Lease lease,
                  std::unique_ptr<arrow::flight::internal::ClientDataStream> stream,
                  std::shared_ptr<StreamWatch> watch,
                  const arrow::flight::ServerCallContext* context);
  ~ForwardedStream() override;

  std::shared_ptr<arrow::Schema> schema() override;
  arrow::Result<arrow::flight::FlightPayload> GetSchemaPayload() override;
  arrow::Result<arrow::flight::FlightPayload> Next() override;

 private:
  friend StreamWatch;
  /// The next message; one without metadata at the end. The backend's error, once.
  arrow::Result<arrow::flight::FlightPayload> Read();

  flight::ConnectionPool::Lease lease_;
  std::unique_ptr<arrow::flight::internal::ClientDataStream> stream_;
  std::shared_ptr<StreamWatch> watch_;
  const arrow::flight::ServerCallContext* context_;  // outlives the stream
  std::shared_ptr<arrow::Buffer> schema_message_;
  bool ended_ = false;
};

}  // namespace carryall::proxy
