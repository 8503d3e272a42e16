#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "carryall/mux/block_mux.h"

namespace carryall::mux {

/// One output stride of the naive model: for every queue the number of the block that
/// each nanosecond came from, or kGapCell.
struct NaiveSlot {
  int64_t begin = 0, end = 0;
  bool all_gap = true;
  std::vector<std::vector<int>> cells;
};

inline constexpr int kUnknownCell = -2;
inline constexpr int kGapCell = -1;

/// The rules of BlockMux written down as simply as possible, as the oracle of the
/// property test: every queue is an array with one cell for every nanosecond of [0,
/// range), which is unknown, a gap, or of some block. Nothing is shared with the real
/// thing but the options.
class NaiveMux {
 public:
  NaiveMux(const std::vector<QueueSpec>& specs, const MuxOptions& options, int64_t range)
      : on_gap_(options.on_gap),
        live_(!options.start),
        start_(options.start ? options.start->ns() : 0),
        end_(options.end ? std::max(options.end->ns(), int64_t{0}) : range) {
    for (const QueueSpec& spec : specs) {
      Queue queue;
      queue.stride = spec.stride.ns();
      queue.cells.assign(range, kUnknownCell);
      if (spec.timeout) queue.timeout = spec.timeout->ns();
      native_ = std::lcm(native_, queue.stride);
      queue.deadlines = live_;
      if (!live_) std::fill_n(queue.cells.begin(), start_, kGapCell);
      queues_.push_back(std::move(queue));
    }
    output_ = options.stride ? options.stride->ns() : native_;
    for (Queue& queue : queues_) {
      queue.capacity = std::max({options.min_capacity, 2 * (output_ / queue.stride),
                                 2 * (queue.timeout.value_or(0) / queue.stride)});
    }
    next_ = start_;
    given_ = !live_;
  }

  bool OnGrid(size_t q, int64_t t) const {
    const int64_t stride = queues_[q].stride;
    return t % stride == 0 || (!live_ && t >= start_ && (t - start_) % stride == 0);
  }

  /// False: the block is off the grid.
  bool Push(size_t q, int64_t time, int64_t duration, int id, int64_t now) {
    SeeTime(now);
    Queue& queue = queues_[q];
    const int64_t stride = queue.stride;
    if (!OnGrid(q, time)) return false;
    if (duration <= 0 || (live_ && duration % stride != 0 && time + duration < end_)) {
      queue.drops.stride_mismatch += std::max(Strides(duration, stride), int64_t{1});
      return true;
    }
    if (live_ && !queue.had_block && !given_ && !queue.finished) {
      for (int64_t t = 0; t < Range(); ++t) {
        queue.cells[t] = t < time ? kGapCell : kUnknownCell;
      }
      queue.first_unknown = 0;
    }
    queue.had_block = true;
    int64_t late = 0, fresh = 0;
    for (int64_t t = time; t < time + duration; ++t) {
      if (Wanted(t)) (Known(queue, t) ? late : fresh) += 1;
    }
    queue.drops.late += Strides(late, stride);
    if (fresh > 0) DropOldestIfFull(&queue);
    int64_t known = time + duration;
    while (!OnGrid(q, known)) ++known;
    bool learnt = false;
    for (int64_t t = FirstUnknown(&queue); t < std::min(known, Range()); ++t) {
      if (Known(queue, t)) continue;
      const bool inside = t >= time && t < time + duration && Wanted(t);
      queue.cells[t] = inside ? id : kGapCell;
      learnt = true;
    }
    if (learnt) queue.claimed = std::max(queue.claimed, std::min(known, end_));
    return true;
  }

  void DeclareComplete(size_t q, int64_t until) {
    Queue& queue = queues_[q];
    if (queue.finished) return;
    queue.claimed = std::max(queue.claimed, std::min(until, end_));
    MakeKnown(&queue, until >= end_ ? end_ : until - until % queue.stride);
  }
  void Finish(size_t q) { queues_[q].finished = true; }

  /// Whether a Pull at `now` would find its next stride known (or jump over it).
  bool WouldBeReady(int64_t now) const {
    NaiveMux copy = *this;
    copy.SeeTime(now);
    copy.ApplyDeadlines(now);
    int64_t begin = 0, end = 0;
    return copy.NextStride(&begin, &end) && copy.AllKnown(begin, end);
  }

  /// The next stride; kGap set in `raised` where the policy says so.
  std::optional<NaiveSlot> Pull(int64_t now, bool* raised) {
    *raised = false;
    SeeTime(now);
    ApplyDeadlines(now);
    NaiveSlot slot;
    while (NextStride(&slot.begin, &slot.end) && AllKnown(slot.begin, slot.end)) {
      given_ = true;
      next_ = slot.end;
      slot.all_gap = true;
      slot.cells.clear();
      for (Queue& queue : queues_) {
        MakeKnown(&queue, slot.begin);
        slot.cells.emplace_back();
        for (int64_t t = slot.begin; t < slot.end; ++t) {
          slot.cells.back().push_back(std::max(queue.cells[t], kGapCell));
          slot.all_gap = slot.all_gap && slot.cells.back().back() == kGapCell;
        }
      }
      if (slot.all_gap && on_gap_ == OnGap::kSkip) continue;
      *raised = slot.all_gap && on_gap_ == OnGap::kRaise;
      return slot;
    }
    return std::nullopt;
  }

  /// Whether output can never come again; nothing while that depends on what is to come.
  std::optional<bool> Done() const {
    if (!given_) return std::nullopt;
    return next_ >= Limit();
  }
  DropCounts drops(size_t q) const { return queues_[q].drops; }

 private:
  struct Queue {
    int64_t stride = 1;
    std::optional<int64_t> timeout;
    std::vector<int> cells;
    bool finished = false, had_block = false, deadlines = false;
    int64_t claimed = -1;
    int64_t first_unknown = 0;  // a hint: no unknown cell lies before it
    int64_t capacity = 0;
    DropCounts drops;
  };

  static int64_t Strides(int64_t length, int64_t stride) {
    return (length + stride - 1) / stride;
  }
  int64_t Range() const { return static_cast<int64_t>(queues_[0].cells.size()); }
  bool Wanted(int64_t t) const { return t < end_ && (live_ || t >= start_); }
  bool Known(const Queue& queue, int64_t t) const {
    return queue.finished || queue.cells[t] != kUnknownCell;
  }
  int64_t FirstUnknown(Queue* queue) const {
    int64_t& t = queue->first_unknown;
    while (t < Range() && queue->cells[t] != kUnknownCell) ++t;
    return t;
  }
  void MakeKnown(Queue* queue, int64_t until) {
    for (int64_t t = FirstUnknown(queue); t < std::min(until, Range()); ++t) {
      if (queue->cells[t] == kUnknownCell) queue->cells[t] = kGapCell;
    }
  }

  void SeeTime(int64_t now) {
    if (first_now_) return;
    first_now_ = now;
    for (Queue& queue : queues_) {
      if (live_) MakeKnown(&queue, now - now % queue.stride);
    }
  }

  void ApplyDeadlines(int64_t now) {
    for (Queue& queue : queues_) {
      if (!queue.timeout || queue.finished) continue;
      const int64_t known = FirstUnknown(&queue);
      if (known >= *first_now_ && known >= now - *queue.timeout) queue.deadlines = true;
      if (!queue.deadlines) continue;
      for (int64_t slot = known - known % queue.stride; slot + *queue.timeout <= now;
           slot += queue.stride) {
        MakeKnown(&queue, slot + queue.stride);
      }
    }
  }

  void DropOldestIfFull(Queue* queue) {
    if (queue->capacity >= 1000) return;  // no schedule has so many blocks
    std::set<int> held;
    for (int64_t t = given_ ? next_ : 0; t < Range(); ++t) {
      if (queue->cells[t] >= 0) held.insert(queue->cells[t]);
    }
    if (static_cast<int64_t>(held.size()) < queue->capacity) return;
    int64_t t = given_ ? next_ : 0;
    while (queue->cells[t] < 0) ++t;
    const int oldest = queue->cells[t];
    int64_t lost = 0;
    for (; t < Range(); ++t) {
      if (queue->cells[t] != oldest) continue;
      queue->cells[t] = kGapCell;
      ++lost;
    }
    queue->drops.overflow += Strides(lost, queue->stride);
  }

  int64_t Limit() const {
    int64_t claimed = -1;
    for (const Queue& queue : queues_) {
      if (!queue.finished) return end_;
      claimed = std::max(claimed, queue.claimed);
    }
    return std::min(end_, Strides(claimed, native_) * native_);
  }

  // Where a live stream would begin by now; nothing if there is nothing to begin with.
  std::optional<int64_t> LiveBegin() const {
    std::optional<int64_t> front;
    for (const Queue& queue : queues_) {
      int64_t t = 0;
      while (t < Range() && queue.cells[t] < 0) ++t;
      if (t == Range()) {
        if (queue.finished || !first_now_) continue;
        t = *first_now_ - *first_now_ % queue.stride;
      }
      front = std::max(front.value_or(t), t);
    }
    if (!front) return std::nullopt;
    return Strides(*front, output_) * output_;
  }

  bool NextStride(int64_t* begin, int64_t* end) const {
    *begin = next_;
    if (!given_) {
      const auto live = LiveBegin();
      if (!live) return false;
      *begin = *live;
    }
    const int64_t phase = live_ ? 0 : start_ - start_ % native_;
    *end = *begin + 1;
    while ((*end - phase) % output_ != 0) ++*end;
    *end = std::min(*end, Limit());
    return *begin < *end;
  }

  bool AllKnown(int64_t begin, int64_t end) const {
    for (const Queue& queue : queues_) {
      for (int64_t t = end - 1; t >= begin; --t) {
        if (!Known(queue, t)) return false;
      }
    }
    return true;
  }

  const OnGap on_gap_;
  const bool live_;
  const int64_t start_, end_;
  int64_t native_ = 1, output_ = 1;
  std::optional<int64_t> first_now_;
  bool given_;
  int64_t next_;
  std::vector<Queue> queues_;
};

}  // namespace carryall::mux
