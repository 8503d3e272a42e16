#include "carryall/mux/block_mux.h"

#include <algorithm>
#include <utility>

#include "carryall/mux/timed_queue.h"

namespace carryall::mux {
namespace {

class BlockMuxImpl final : public BlockMux {
 public:
  BlockMuxImpl(std::vector<TimedQueue> queues, const MuxOptions& options, Duration native,
               Duration output)
      : queues_(std::move(queues)),
        on_gap_(options.on_gap),
        end_(options.end.value_or(GpsTime::Max())),
        native_(native),
        output_(output),
        placed_(options.start.has_value()) {
    if (placed_) next_ = {*options.start, options.start->Floor(native) + output};
  }

  Duration native_stride() const override { return native_; }
  Duration output_stride() const override { return output_; }

  Status Push(size_t q, GpsTime time, Duration duration, Payload payload,
              GpsTime now) override {
    SeeTime(now);
    return queues_[q].Push(time, duration, std::move(payload));
  }
  void DeclareComplete(size_t q, GpsTime until) override {
    queues_[q].DeclareComplete(until);
  }
  void Await(size_t q, GpsTime now, GpsTime until) override {
    queues_[q].Await(now, until);
  }
  void Finish(size_t q) override { queues_[q].Finish(); }

  Result<bool> Pull(GpsTime now, Slot* slot) override;
  std::optional<GpsTime> NextDeadline() const override;
  bool done() const override;
  DropCounts drops(size_t q) const override { return queues_[q].drops(); }
  GpsTime horizon(size_t q) const override {
    return queues_[q].may_rebase() ? GpsTime::Min() : queues_[q].horizon();
  }
  size_t queued(size_t q) const override { return queues_[q].size(); }
  size_t capacity(size_t q) const override { return queues_[q].capacity(); }

 private:
  struct Span {
    GpsTime begin, end;
  };

  void SeeTime(GpsTime now) {
    if (seen_time_) return;
    seen_time_ = true;
    for (TimedQueue& queue : queues_) queue.SetOrigin(now);
  }
  // The next output stride, not cut at the limit. While a live stream has given out
  // nothing it depends on what the queues have by now.
  Span NextStride() const;
  // Where output stops, as far as is known now.
  GpsTime Limit() const;
  GpsTime KnownUntil() const;
  GpsTime NextData() const;
  void AdvanceTo(GpsTime time);
  void Fill(Span span, Slot* slot);

  std::vector<TimedQueue> queues_;
  const OnGap on_gap_;
  const GpsTime end_;
  const Duration native_;
  const Duration output_;
  bool seen_time_ = false;
  bool placed_;  // next_ is final: there is a start, or something was given out
  Span next_;
};

BlockMuxImpl::Span BlockMuxImpl::NextStride() const {
  if (placed_) return next_;
  std::optional<GpsTime> front;
  for (const TimedQueue& queue : queues_) {
    const std::optional<GpsTime> own = queue.front();
    if (own && (!front || *own > *front)) front = own;
  }
  if (!front) return {GpsTime::Max(), GpsTime::Max()};
  const GpsTime begin = front->Ceil(output_);
  return {begin, begin + output_};
}

GpsTime BlockMuxImpl::Limit() const {
  GpsTime claimed = GpsTime::Min();
  for (const TimedQueue& queue : queues_) {
    if (!queue.finished()) return end_;
    claimed = std::max(claimed, queue.claimed_until());
  }
  return std::min(end_, claimed.Ceil(native_));
}

GpsTime BlockMuxImpl::KnownUntil() const {
  GpsTime known = GpsTime::Max();
  for (const TimedQueue& queue : queues_) known = std::min(known, queue.horizon());
  return known;
}

GpsTime BlockMuxImpl::NextData() const {
  GpsTime next = GpsTime::Max();
  for (const TimedQueue& queue : queues_) next = std::min(next, queue.next_data());
  return next;
}

// To the stride that holds `time`, which is not before the end of the present one.
void BlockMuxImpl::AdvanceTo(GpsTime time) {
  next_.begin = next_.end + output_ * ((time - next_.end) / output_);
  next_.end = next_.begin + output_;
}

Result<bool> BlockMuxImpl::Pull(GpsTime now, Slot* slot) {
  SeeTime(now);
  for (TimedQueue& queue : queues_) queue.ApplyDeadline(now);
  next_ = NextStride();
  const GpsTime limit = Limit();
  const GpsTime known = KnownUntil();
  while (next_.begin < limit && known >= std::min(next_.end, limit)) {
    if (!placed_) {
      for (TimedQueue& queue : queues_) queue.DiscardBefore(next_.begin);
      placed_ = true;
    }
    const Span span{next_.begin, std::min(next_.end, limit)};
    const GpsTime data = NextData();
    const bool all_gap = data >= span.end;
    if (all_gap && on_gap_ == OnGap::kSkip) {
      AdvanceTo(std::max(next_.end, std::min({data, known, limit})));
      continue;
    }
    AdvanceTo(next_.end);
    if (all_gap && on_gap_ == OnGap::kRaise) {
      return Error(ErrorKind::kGap, "no data from any source: [{}, {})",
                   ToString(span.begin), ToString(span.end));
    }
    slot->all_gap = all_gap;
    Fill(span, slot);
    return true;
  }
  return false;
}

void BlockMuxImpl::Fill(Span span, Slot* slot) {
  slot->time = span.begin;
  slot->duration = span.end - span.begin;
  slot->queues.resize(queues_.size());
  for (size_t q = 0; q < queues_.size(); ++q) {
    slot->queues[q].clear();
    queues_[q].Take(span.begin, span.end, &slot->queues[q]);
  }
}

std::optional<GpsTime> BlockMuxImpl::NextDeadline() const {
  const Span next = NextStride();
  const GpsTime limit = Limit();
  if (!seen_time_ || next.begin >= limit) return std::nullopt;
  const GpsTime end = std::min(next.end, limit);
  GpsTime latest = GpsTime::Min();
  for (const TimedQueue& queue : queues_) {
    if (queue.horizon() >= end) continue;
    const std::optional<GpsTime> deadline = queue.DeadlineFor(end);
    if (!deadline) return std::nullopt;
    latest = std::max(latest, *deadline);
  }
  return latest;
}

bool BlockMuxImpl::done() const {
  if (!placed_) {
    for (const TimedQueue& queue : queues_) {
      if (queue.may_rebase() && (!seen_time_ || queue.horizon() < end_)) return false;
    }
  }
  return NextStride().begin >= Limit();
}

size_t Capacity(const QueueSpec& spec, Duration output, int64_t minimum) {
  const Duration timeout = spec.timeout.value_or(Duration());
  return static_cast<size_t>(std::max(
      {int64_t{1}, minimum, 2 * (timeout / spec.stride), 2 * (output / spec.stride)}));
}

}  // namespace

Result<std::unique_ptr<BlockMux>> BlockMux::Make(std::vector<QueueSpec> queues,
                                                 MuxOptions options) {
  if (queues.empty()) {
    return Error(ErrorKind::kInvalidArgument, "a stream needs at least one queue");
  }
  Duration native = Duration::FromNs(1);
  for (const QueueSpec& queue : queues) {
    if (queue.stride.ns() <= 0) {
      return Error(ErrorKind::kInvalidArgument, "stride must be positive, got {} ns: {}",
                   queue.stride.ns(), queue.name);
    }
    ARROW_ASSIGN_OR_RAISE(native, LeastCommonMultiple(native, queue.stride));
  }
  const Duration output = options.stride.value_or(native);
  if (output.ns() <= 0 || (output % native).ns() != 0) {
    return Error(ErrorKind::kInvalidArgument,
                 "stride must be an integer multiple of the native one, {}: got {}",
                 ToString(native), ToString(output));
  }
  std::vector<TimedQueue> timed;
  timed.reserve(queues.size());
  for (QueueSpec& queue : queues) {
    const size_t capacity = Capacity(queue, output, options.min_capacity);
    timed.emplace_back(std::move(queue), options, capacity);
  }
  return std::make_unique<BlockMuxImpl>(std::move(timed), options, native, output);
}

Result<std::optional<Slot>> BlockMux::Pull(GpsTime now) {
  Slot slot;
  ARROW_ASSIGN_OR_RAISE(const bool ready, Pull(now, &slot));
  if (!ready) return std::optional<Slot>();
  return std::optional<Slot>(std::move(slot));
}

}  // namespace carryall::mux
