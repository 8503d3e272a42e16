#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "carryall/flight/interrupt.h"
#include "carryall/model/series_block.h"

namespace carryall::client {

/// Where the readers of a stream put their blocks and its consumer takes them: a queue
/// for each endpoint, bounded by the bytes that the consumer holds of it. Thread safe;
/// shared by readers and consumer, so that a reader that ends late finds it alive.
class BlockInbox : public std::enable_shared_from_this<BlockInbox> {
 public:
  BlockInbox(size_t endpoints, int64_t max_bytes);

  /// The blocks of one message. `charge` counts its bytes against the endpoint until the
  /// last copy of it is gone.
  struct Arrival {
    std::vector<SeriesBlock> blocks;
    std::shared_ptr<const void> charge;
  };

  /// Reader's side: waits while the endpoint is over its share; kCancelled once closed.
  Status Put(size_t endpoint, std::vector<SeriesBlock> blocks, int64_t bytes);
  void End(size_t endpoint, const Status& status);
  /// The read broke off and will go on where it was.
  void Break(size_t endpoint);

  /// Consumer's side.
  std::optional<Arrival> Take(size_t endpoint);
  size_t waiting(size_t endpoint) const;
  /// How the endpoint's read ended, once all its blocks were taken.
  std::optional<Status> ended(size_t endpoint) const;
  /// Whether the read broke off since this was last asked.
  bool TakeBreak(size_t endpoint);
  /// Lets the endpoint put one message more than its share allows.
  void Feed(size_t endpoint);
  /// Waits for something new since the last wait; false at the deadline.
  Result<bool> Wait(SteadyTime deadline, const flight::Interrupt& interrupt);
  /// Ends all waiting, for good, and drops what was not taken.
  void Close();
  bool closed() const;

 private:
  struct Queue {
    std::deque<Arrival> arrivals;
    std::optional<Status> end;
    int64_t held_bytes = 0;
    bool feed = false;
    bool broke = false;
  };
  void Release(size_t endpoint, int64_t bytes);

  mutable std::mutex mutex_;
  std::condition_variable room_, news_;
  const int64_t share_;
  std::vector<Queue> queues_;
  bool has_news_ = false;
  bool closed_ = false;
};

}  // namespace carryall::client
