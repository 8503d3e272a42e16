#include "carryall/mux/timed_queue.h"

#include <algorithm>
#include <utility>

namespace carryall::mux {
namespace {

int64_t CeilDiv(Duration a, Duration b) {
  return a / b + static_cast<int64_t>((a % b).ns() != 0);
}

}  // namespace

TimedQueue::TimedQueue(QueueSpec spec, const MuxOptions& options, size_t capacity)
    : spec_(std::move(spec)),
      start_(options.start),
      end_(options.end.value_or(GpsTime::Max())),
      on_drop_(options.on_drop),
      capacity_(capacity),
      horizon_(options.start.value_or(GpsTime::Min())),
      may_rebase_(!options.start),
      live_(!options.start) {}

void TimedQueue::SetOrigin(GpsTime origin) {
  origin_ = origin;
  live_from_ = std::max(live_from_, origin);
  if (!start_) horizon_ = std::max(horizon_, origin.Floor(spec_.stride));
}

bool TimedQueue::OnGrid(GpsTime time) const {
  return time.IsMultipleOf(spec_.stride) ||
         (start_ && time >= *start_ && ((time - *start_) % spec_.stride).ns() == 0);
}

// A block that ends off the grid says that nothing comes before the next place where a
// block may begin.
GpsTime TimedQueue::NextOnGrid(GpsTime time) const {
  const GpsTime next = time.Ceil(spec_.stride);
  if (!start_) return next;
  if (time <= *start_) return std::min(next, *start_);
  return std::min(next, *start_ + spec_.stride * CeilDiv(time - *start_, spec_.stride));
}

Status TimedQueue::Push(GpsTime time, Duration duration, Payload payload) {
  if (payload == nullptr) {
    return Error(ErrorKind::kInternal, "block without payload: queue {}", spec_.name);
  }
  if (!OnGrid(time)) {
    return Error(ErrorKind::kCorrupt,
                 "block time is off the stride grid: {} ns with stride {} ns, queue {}",
                 time.ns(), spec_.stride.ns(), spec_.name);
  }
  const DropCounts before = drops_;
  if (duration.ns() <= 0 ||
      (!start_ && (duration % spec_.stride).ns() != 0 && time + duration < end_)) {
    Count(DropKind::kStrideMismatch, std::max(duration, spec_.stride));
    return Verdict(before, time, duration);
  }
  if (may_rebase_ && !finished_) horizon_ = time;
  may_rebase_ = false;
  const GpsTime wanted_end = std::min(time + duration, end_);
  const GpsTime wanted = start_ ? std::max(time, *start_) : time;
  const GpsTime begin = std::max(time, horizon_);
  if (wanted < std::min(begin, wanted_end)) {
    Count(DropKind::kLate, std::min(begin, wanted_end) - wanted);
  }
  if (begin < wanted_end) {
    if (blocks_.size() == capacity_) {
      Count(DropKind::kOverflow, blocks_.front().end - blocks_.front().time);
      blocks_.PopFront();
    }
    blocks_.PushBack({begin, wanted_end, std::move(payload), time});
  }
  Know(NextOnGrid(time + duration));
  return Verdict(before, time, duration);
}

void TimedQueue::Know(GpsTime until) {
  if (until <= horizon_) return;
  horizon_ = until;
  claimed_until_ = std::max(claimed_until_, std::min(until, end_));
}

void TimedQueue::DeclareComplete(GpsTime until) {
  if (finished_) return;
  claimed_until_ = std::max(claimed_until_, std::min(until, end_));
  horizon_ = std::max(horizon_, until >= end_ ? end_ : until.Floor(spec_.stride));
}

void TimedQueue::Await(GpsTime now, GpsTime until) {
  if (may_rebase_ || (!live_ && !awaited_until_)) return;
  live_ = false;
  live_from_ = now;
  awaited_until_ = until;
}

void TimedQueue::Finish() {
  finished_ = true;
  horizon_ = GpsTime::Max();
}

void TimedQueue::ApplyDeadline(GpsTime now) {
  if (!spec_.timeout || finished_) return;
  const GpsTime reached = now - *spec_.timeout;
  if (!live_) {
    live_ = horizon_ >= std::max(live_from_, reached) ||
            (awaited_until_ && now >= *awaited_until_);
  }
  if (live_) horizon_ = std::max(horizon_, reached.Floor(spec_.stride) + spec_.stride);
}

void TimedQueue::DiscardBefore(GpsTime time) {
  while (!blocks_.empty() && blocks_.front().end <= time) blocks_.PopFront();
  if (!blocks_.empty()) blocks_.front().time = std::max(blocks_.front().time, time);
  horizon_ = std::max(horizon_, time);
  may_rebase_ = false;
}

void TimedQueue::Take(GpsTime begin, GpsTime end, std::vector<Piece>* out) {
  GpsTime at = begin;
  while (!blocks_.empty() && blocks_.front().time < end) {
    StoredBlock& block = blocks_.front();
    if (at < block.time) out->push_back({at, block.time - at, nullptr, at});
    at = std::min(block.end, end);
    if (at < block.end) {
      out->push_back({block.time, at - block.time, block.payload, block.payload_time});
      block.time = at;
      break;
    }
    out->push_back(
        {block.time, at - block.time, std::move(block.payload), block.payload_time});
    blocks_.PopFront();
  }
  if (at < end) out->push_back({at, end - at, nullptr, at});
}

std::optional<GpsTime> TimedQueue::DeadlineFor(GpsTime until) const {
  if (!spec_.timeout || (!live_ && !awaited_until_)) return std::nullopt;
  const GpsTime deadline =
      (until - Duration::FromNs(1)).Floor(spec_.stride) + *spec_.timeout;
  return live_ ? deadline : std::max(deadline, *awaited_until_);
}

std::optional<GpsTime> TimedQueue::front() const {
  if (!blocks_.empty()) return blocks_.front().time;
  if (finished_ || !origin_) return std::nullopt;
  return origin_->Floor(spec_.stride);
}

void TimedQueue::Count(DropKind kind, Duration length) {
  const int64_t strides = CeilDiv(length, spec_.stride);
  switch (kind) {
    case DropKind::kLate:
      drops_.late += strides;
      break;
    case DropKind::kStrideMismatch:
      drops_.stride_mismatch += strides;
      break;
    case DropKind::kOverflow:
      drops_.overflow += strides;
      break;
  }
}

Status TimedQueue::Verdict(const DropCounts& before, GpsTime time,
                           Duration duration) const {
  if (on_drop_ != OnDrop::kRaise) return Status::OK();
  const char* why = nullptr;
  if (drops_.overflow != before.overflow) why = "the queue is full, the oldest went";
  if (drops_.late != before.late) why = "it came too late or twice";
  if (drops_.stride_mismatch != before.stride_mismatch)
    why = "not a whole number of strides";
  if (why == nullptr) return Status::OK();
  return Error(ErrorKind::kDropped, "block dropped, {}: [{}, {}) of queue {}", why,
               ToString(time), ToString(time + duration), spec_.name);
}

}  // namespace carryall::mux
