#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "carryall/kafka/wait.h"

namespace carryall::kafka {

/// What became of messages that were sent together, e.g. those of one block. Share one
/// between the calls of Producer::Send; it may be dropped at any time. Thread safe.
class Deliveries {
 public:
  /// Returns once every message counted so far is confirmed, with the first failure if
  /// there was one. kTimeout if some are still unconfirmed at the deadline: they may
  /// yet arrive, and the same object may be waited for again.
  Status Finish(const Wait& wait);

  int64_t confirmed() const;
  int64_t failed() const;
  int64_t outstanding() const;

 private:
  friend class Producer;
  void Add();
  /// A message that was not even queued is nobody's delivery.
  void Remove();
  void Report(const Status& outcome);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int64_t outstanding_ = 0;
  int64_t confirmed_ = 0;
  int64_t failed_ = 0;
  Status first_failure_;
};

}  // namespace carryall::kafka
