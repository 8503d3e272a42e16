#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "carryall/base/status.h"

namespace carryall::server {

/// What a server does for its clients at most.
struct Limits {
  int64_t max_streams = 1024;                        ///< DoGet calls at a time
  int64_t max_uploads = 16;                          ///< DoPut and DoExchange calls
  int64_t stream_memory_bytes = int64_t{256} << 20;  ///< each
  int64_t max_batch_bytes = int64_t{8} << 20;        ///< of several strides together
};

/// What a server has done. Thread safe.
struct Counters {
  std::atomic<int64_t> requests{0};
  std::atomic<int64_t> errors{0};
  std::atomic<int64_t> streams_open{0};
  std::atomic<int64_t> streams_total{0};
  std::atomic<int64_t> streams_refused{0};
  std::atomic<int64_t> batches{0};
  std::atomic<int64_t> body_bytes{0};
};

/// One of the places for running streams; gives it back when destroyed.
class StreamSlot {
 public:
  /// kUnavailable naming the limit if all are taken.
  static Result<StreamSlot> Take(Counters* counters, const Limits& limits) {
    if (counters->streams_open.fetch_add(1) >= limits.max_streams) {
      counters->streams_open.fetch_sub(1);
      counters->streams_refused.fetch_add(1);
      return Error(ErrorKind::kUnavailable,
                   "server is at its limit of {} concurrent streams, try again later",
                   limits.max_streams);
    }
    counters->streams_total.fetch_add(1);
    return StreamSlot(counters);
  }

 private:
  struct GiveBack {
    void operator()(Counters* counters) const { counters->streams_open.fetch_sub(1); }
  };
  explicit StreamSlot(Counters* counters) : held_(counters) {}
  std::unique_ptr<Counters, GiveBack> held_;
};

}  // namespace carryall::server
