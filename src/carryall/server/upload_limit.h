#pragma once

#include <arrow/flight/server_middleware.h>

#include <atomic>
#include <memory>

namespace carryall::server {

/// Bounds how many calls may upload at a time. Flight waits for the first message of a
/// DoPut or DoExchange before it asks us, in a thread that only the end of the call
/// frees: clients that never send one could take any number of threads. Thread safe.
class UploadLimit final : public arrow::flight::ServerMiddlewareFactory {
 public:
  explicit UploadLimit(int64_t most) : most_(most) {}

  /// Refuses an upload beyond the limit: UNAVAILABLE naming it.
  arrow::Status StartCall(
      const arrow::flight::CallInfo& info,
      const arrow::flight::ServerCallContext& context,
      std::shared_ptr<arrow::flight::ServerMiddleware>* middleware) override;

 private:
  const int64_t most_;
  const std::shared_ptr<std::atomic<int64_t>> running_ =
      std::make_shared<std::atomic<int64_t>>(0);
};

}  // namespace carryall::server
