#pragma once

#include <arrow/record_batch.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "carryall/flight/message_reader.h"

namespace carryall::client {

/// Where the readers of a metadata request put their record batches and the caller takes
/// them. Holds few batches: readers wait while it is full. Thread safe.
class BatchInbox {
 public:
  struct Taken {
    std::shared_ptr<arrow::RecordBatch> batch;  ///< nothing: `reader` has ended
    size_t reader = 0;
    Status status;  ///< how it ended
  };

  /// A sink for reader number `reader`. A read that may resume sends everything again.
  static std::shared_ptr<flight::MessageSink> SinkFor(std::shared_ptr<BatchInbox> inbox,
                                                      size_t reader, std::string ticket,
                                                      bool can_resume);

  /// The next batch or end; nothing if the deadline passes first.
  Result<std::optional<Taken>> Take(SteadyTime deadline,
                                    const flight::Interrupt& interrupt);
  /// Readers that wait, or come later, are told to stop.
  void Close();

 private:
  class Sink;
  static constexpr size_t kMaxBatches = 16;

  Status Put(Taken taken);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Taken> taken_;
  bool closed_ = false;
};

}  // namespace carryall::client
