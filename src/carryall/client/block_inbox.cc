#include "carryall/client/block_inbox.h"

#include <algorithm>
#include <utility>

namespace carryall::client {
namespace {

// What a block costs beside its samples, so that many small ones count as well.
constexpr int64_t kBlockBytes = 512;
constexpr int64_t kViewBytes = sizeof(SampleView);

}  // namespace

BlockInbox::BlockInbox(size_t endpoints, int64_t max_bytes)
    : share_(max_bytes / static_cast<int64_t>(std::max<size_t>(1, endpoints))),
      queues_(endpoints) {}

Status BlockInbox::Put(size_t endpoint, std::vector<SeriesBlock> blocks, int64_t bytes) {
  for (const SeriesBlock& block : blocks) {
    bytes += kBlockBytes + kViewBytes * static_cast<int64_t>(block.size());
  }
  std::unique_lock lock(mutex_);
  Queue& queue = queues_[endpoint];
  room_.wait(lock, [&] { return closed_ || queue.held_bytes < share_ || queue.feed; });
  if (closed_) return Error(ErrorKind::kCancelled, "the stream was cancelled");
  queue.feed = false;
  queue.held_bytes += bytes;
  std::shared_ptr<const void> charge(
      static_cast<const void*>(&queue),
      [inbox = shared_from_this(), endpoint, bytes](const void*) {
        inbox->Release(endpoint, bytes);
      });
  queue.arrivals.push_back({std::move(blocks), std::move(charge)});
  has_news_ = true;
  news_.notify_all();
  return Status::OK();
}

void BlockInbox::End(size_t endpoint, const Status& status) {
  std::lock_guard lock(mutex_);
  queues_[endpoint].end = status;
  has_news_ = true;
  news_.notify_all();
}

void BlockInbox::Break(size_t endpoint) {
  std::lock_guard lock(mutex_);
  queues_[endpoint].broke = true;
  has_news_ = true;
  news_.notify_all();
}

bool BlockInbox::TakeBreak(size_t endpoint) {
  std::lock_guard lock(mutex_);
  return std::exchange(queues_[endpoint].broke, false);
}

void BlockInbox::Release(size_t endpoint, int64_t bytes) {
  std::lock_guard lock(mutex_);
  queues_[endpoint].held_bytes -= bytes;
  room_.notify_all();
}

std::optional<BlockInbox::Arrival> BlockInbox::Take(size_t endpoint) {
  std::lock_guard lock(mutex_);
  auto& arrivals = queues_[endpoint].arrivals;
  if (arrivals.empty()) return std::nullopt;
  std::optional<Arrival> first = std::move(arrivals.front());
  arrivals.pop_front();
  return first;
}

size_t BlockInbox::waiting(size_t endpoint) const {
  std::lock_guard lock(mutex_);
  return queues_[endpoint].arrivals.size();
}

std::optional<Status> BlockInbox::ended(size_t endpoint) const {
  std::lock_guard lock(mutex_);
  const Queue& queue = queues_[endpoint];
  return queue.arrivals.empty() ? queue.end : std::nullopt;
}

void BlockInbox::Feed(size_t endpoint) {
  std::lock_guard lock(mutex_);
  queues_[endpoint].feed = true;
  room_.notify_all();
}

Result<bool> BlockInbox::Wait(SteadyTime deadline, const flight::Interrupt& interrupt) {
  std::unique_lock lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const bool news,
                        flight::WaitUntil(lock, news_, deadline, interrupt,
                                          [&] { return has_news_ || closed_; }));
  has_news_ = false;
  return news;
}

void BlockInbox::Close() {
  std::vector<std::deque<Arrival>> dropped;  // their charges want the lock
  std::lock_guard lock(mutex_);
  closed_ = true;
  for (Queue& queue : queues_) dropped.push_back(std::exchange(queue.arrivals, {}));
  room_.notify_all();
  news_.notify_all();
}

bool BlockInbox::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace carryall::client
