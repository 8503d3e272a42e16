#include <algorithm>

#include "carryall/relay/subscription.h"

namespace carryall::relay {

using backend::SourceStep;

Result<SourceStep> Subscription::Next(const std::stop_token& stop, SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  reading_ = true;
  struct Left {
    Subscription* self;
    ~Left() {
      self->reading_ = false;
      self->last_read_ = SteadyNow();
    }
  } const left{this};
  // Nobody is silent to a subscriber that was away.
  if (SteadyNow() - last_read_ > std::chrono::seconds(1)) last_progress_ = SteadyNow();
  if (released_) {
    if (options_.on_stall == OnStall::kFail) {
      return Error(ErrorKind::kUnavailable,
                   "the stream was not read for {} and given up: {}",
                   ToString(*options_.stall), parts_[0].what);
    }
    released_ = false;
  }
  for (;;) {
    SourceStep step;
    if (stop.stop_requested()) return step;
    ARROW_RETURN_NOT_OK(failed_);
    has_news_ = false;
    if (!HasBegun()) {
      const SteadyTime asked = made_ + ToChrono(options_.ask_timeout);
      news_.wait_until(lock, stop, reached_ ? std::min(deadline, asked) : deadline,
                       [this] { return has_news_; });
      if (!has_news_ && SteadyNow() >= deadline) return step;
      continue;
    }
    const GpsTime now = options_.clock->Now();
    ARROW_ASSIGN_OR_RAISE(auto block, PullBlock(now));
    if (block) {
      step.kind = SourceStep::Kind::kBlock;
      step.block = *std::move(block);
      counters_->blocks.fetch_add(1, std::memory_order_relaxed);
      last_progress_ = SteadyNow();
      return step;
    }
    if (mux_->done()) {
      step.kind = SourceStep::Kind::kEnd;
      return step;
    }
    ARROW_RETURN_NOT_OK(CheckSilence());
    SteadyTime wake = deadline;
    if (const auto due = mux_->NextDeadline()) {
      wake = std::min(wake, SteadyNow() + ToChrono(std::max(*due - now, Duration())));
    }
    news_.wait_until(lock, stop, wake, [this] { return has_news_; });
    if (!has_news_ && SteadyNow() >= deadline) return step;
  }
}

bool Subscription::HasBegun() const {
  if (!reached_) return false;
  return joined_ || request_.start ||
         SteadyNow() - made_ >= ToChrono(options_.ask_timeout);
}

Status Subscription::CheckSilence() const {
  if (SteadyNow() - last_progress_ < ToChrono(options_.silence)) return Status::OK();
  for (size_t q = 0; q < state_.size(); ++q) {
    if (state_[q].live || state_[q].at_end) continue;
    return Error(ErrorKind::kUnavailable, "nothing came of topic {} for {}",
                 parts_[q].place.topic, ToString(options_.silence));
  }
  return Status::OK();
}

Result<std::optional<SeriesBlock>> Subscription::PullBlock(GpsTime now) {
  const Duration longest = stride_ * std::max<int64_t>(1, request_.max_strides);
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const bool ready, mux_->Pull(now, &slot_));
    if (!ready) break;
    const GpsTime end = slot_.time + slot_.duration;
    pulled_until_ = end;
    head_end_ = end.Floor(stride_) + stride_;
    Run next{slot_.time, end, window_->ChunkEnd(slot_.time)};
    if (next.chunk_end) NoteGaps();
    const bool joins = run_ && run_->chunk_end == next.chunk_end;
    const std::optional<Run> finished = run_ && !joins ? run_ : std::nullopt;
    if (joins) {
      run_->end = end;
    } else {
      run_ = next;
    }
    if (finished) return Emit(*finished);
    const GpsTime limit = run_->chunk_end.value_or(run_->begin + longest);
    if (run_->end >= limit) break;
  }
  CountMissing(now);
  if (!run_) return std::optional<SeriesBlock>();
  const Run run = *run_;
  run_.reset();
  return Emit(run);
}

void Subscription::NoteGaps() {
  for (size_t q = 0; q < slot_.queues.size(); ++q) {
    for (const mux::Piece& piece : slot_.queues[q]) {
      if (piece.payload != nullptr) continue;
      window_->NoteAbsent(parts_[q].positions, piece.time, piece.time + piece.duration);
    }
  }
}

Result<std::optional<SeriesBlock>> Subscription::Emit(const Run& run) {
  // A chunk may have been given up since.
  ARROW_ASSIGN_OR_RAISE(SeriesBlock block, window_->TakeBlock(run.begin, run.end));
  return std::optional<SeriesBlock>(std::move(block));
}

}  // namespace carryall::relay
