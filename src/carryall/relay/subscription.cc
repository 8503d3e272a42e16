#include "carryall/relay/subscription.h"

#include <algorithm>

#include "carryall/base/log.h"
#include "carryall/mux/block_ring.h"

namespace carryall::relay {

using codec::MessageRows;

Result<std::shared_ptr<Subscription>> Subscription::Make(
    const backend::StreamRequest& request, std::vector<TopicPart> parts,
    const RelayOptions& options, std::shared_ptr<Counters> counters) {
  std::shared_ptr<Subscription> out(
      new Subscription(request, std::move(parts), options, std::move(counters)));
  ARROW_RETURN_NOT_OK(out->Init());
  return out;
}

Status Subscription::Init() {
  ARROW_ASSIGN_OR_RAISE(stride_, request_.channels->CommonStride());
  begun_ = options_.clock->Now();
  if (request_.start && *request_.start < begun_) past_from_ = request_.start;

  std::vector<mux::QueueSpec> queues;
  int64_t blocks = 0;  // a stride
  for (const TopicPart& part : parts_) {
    Part state(RowPlan(request_.channels, part.positions, part.stride));
    auto latency = options_.latency ? options_.latency : part.latency;
    if (request_.latency) latency = request_.latency;
    if (latency) state.timeout = *latency + part.stride;
    state.live = !past_from_;
    queues.push_back({part.what, part.stride, state.timeout});
    state_.push_back(std::move(state));
    blocks += stride_ / part.stride;
  }
  StrideWindow::Options window;
  window.channels = request_.channels;
  window.stride = stride_;
  window.max_bytes = options_.max_queued_bytes;
  window.extra_bytes = blocks * static_cast<int64_t>(sizeof(mux::StoredBlock));
  window.pool = request_.pool;
  if (past_from_) {
    int64_t bytes = 1;
    for (const Channel& channel : request_.channels->channels()) {
      bytes += channel.sample_rate.SamplesIn(stride_) * ByteWidth(channel.data_type);
    }
    window.chunk_strides = std::clamp<int64_t>(
        options_.max_block_bytes / bytes, 1, std::max<int64_t>(1, request_.max_strides));
  }
  ARROW_ASSIGN_OR_RAISE(window_, StrideWindow::Make(std::move(window)));
  if (request_.start) window_->RaiseFloor(*request_.start);

  mux::MuxOptions options;
  options.start = request_.start;
  options.end = request_.end;
  options.stride = stride_;
  Duration shortest = stride_;
  for (const TopicPart& part : parts_) shortest = std::min(shortest, part.stride);
  options.min_capacity = (2 * window_->max_strides() + 2) * (stride_ / shortest);
  ARROW_ASSIGN_OR_RAISE(mux_, mux::BlockMux::Make(std::move(queues), options));
  if (request_.start) {
    // This is when it learns what is live.
    ARROW_RETURN_NOT_OK(mux_->Pull(begun_, &slot_).status());
  }
  reached_ = !options_.must_reach;
  counters_->subscribers.fetch_add(1);
  return Status::OK();
}

Subscription::~Subscription() {
  if (mux_ != nullptr) counters_->subscribers.fetch_sub(1);
}

Subscription::Took Subscription::TakeLive(size_t q, std::span<const MessageRows> rows,
                                          int64_t after, int64_t offset) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Took::kDone;
  Part* const part = &state_[q];
  if (!part->live) {
    if (part->next_offset < after) return Took::kYes;  // history brings it
    part->live = true;
  }
  // Only at the seam: a topic that was made anew counts from 0 again.
  if (offset < part->next_offset) return Took::kYes;
  part->next_offset = -1;
  if (released_) return Took::kYes;
  for (const MessageRows& each : rows) TakeRows(q, each, /*past=*/false);
  return Took::kYes;
}

Subscription::Took Subscription::TakePast(size_t q, std::span<const MessageRows> rows,
                                          int64_t offset) {
  const std::lock_guard lock(mutex_);
  Part* const part = &state_[q];
  if (part->live || closed_) return Took::kDone;
  if (released_) return Took::kNoRoom;
  if (offset < part->next_offset) return Took::kYes;
  for (const MessageRows& each : rows) {
    if (TakeRows(q, each, /*past=*/true) == Took::kNoRoom) return Took::kNoRoom;
  }
  part->next_offset = offset + 1;
  part->at_end = false;
  last_progress_ = SteadyNow();
  return request_.end && part->known_end >= *request_.end ? Took::kDone : Took::kYes;
}

Subscription::Took Subscription::TakeRows(size_t q, const MessageRows& rows, bool past) {
  Part* const part = &state_[q];
  if (part->plan.Prepare(rows)) {
    window_->FindRuns(&part->plan);
    if (!part->plan.complaint().empty()) {
      Complain(q, part->plan.complaint());
    }
  }
  const Duration duration = part->plan.duration();
  if (duration.ns() == 0) return Took::kYes;
  const GpsTime now = options_.clock->Now();
  const GpsTime time = GpsTime::FromNs(rows.time_ns);
  if (time > now + options_.max_ahead) {
    Complain(q, fmt::format("time {} is ahead of now", ToString(time)));
    return Took::kYes;
  }
  const GpsTime end = time + duration;
  while (!window_->HasRoomFor(time, request_.end ? std::min(end, *request_.end) : end)) {
    if (past) return Took::kNoRoom;
    window_->DropOldest();
    counters_->dropped_strides.fetch_add(1, std::memory_order_relaxed);
  }
  const int64_t late = mux_->drops(q).late;
  // Any pointer will do: what a piece holds is found by its time.
  const Status pushed =
      mux_->Push(q, time, duration, mux::Payload(mux::Payload(), this), now);
  if (!pushed.ok()) {
    Complain(q, pushed.message());
    return Took::kYes;
  }
  const int64_t came_late = mux_->drops(q).late - late;
  if (came_late > 0) {
    counters_->late_strides.fetch_add(came_late, std::memory_order_relaxed);
  }
  const GpsTime from = std::max({time, part->known_end, pulled_until_});
  const GpsTime until = request_.end ? std::min(end, *request_.end) : end;
  const Status placed = window_->Place(part->plan, rows, from, until);
  if (!placed.ok()) {
    failed_ = placed;
    Wake();
  }
  NoteKnown(part, end);
  return Took::kYes;
}

void Subscription::Complain(size_t q, const std::string& why) {
  const std::string& topic = parts_[q].place.topic;
  counters_->malformed.fetch_add(1, std::memory_order_relaxed);
  counters_->warnings.Add(topic, fmt::format("left out of topic {}: {}", topic, why));
}

void Subscription::NoteKnown(Part* part, GpsTime until) {
  if (until <= part->known_end) return;
  const GpsTime before = std::exchange(part->known_end, until);
  if (!head_end_) return Wake();
  if (before >= *head_end_ || until < *head_end_) return;
  if (missing_ <= 1) Wake();
  if (missing_ > 0) --missing_;
}

void Subscription::CountMissing(GpsTime now) {
  missing_ = 0;
  if (!head_end_) return;
  for (size_t q = 0; q < state_.size(); ++q) {
    const Part& part = state_[q];
    const bool given_up =
        part.timeout && now >= *head_end_ - parts_[q].stride + *part.timeout;
    missing_ += part.known_end < *head_end_ && !given_up;
  }
}

void Subscription::Wake() {
  if (std::exchange(has_news_, true)) return;
  news_.notify_all();
}

void Subscription::NoteEnd(size_t q, std::optional<int64_t> offset) {
  const std::lock_guard lock(mutex_);
  Part* const part = &state_[q];
  if (part->live) return;
  part->at_end = true;
  if (offset) part->next_offset = std::max(part->next_offset, *offset);
  last_progress_ = SteadyNow();
  DeclareAbsent(options_.clock->Now());
}

void Subscription::NoteReached(size_t cluster) {
  const std::lock_guard lock(mutex_);
  SetReached(cluster);
}

void Subscription::SetReached(size_t cluster) {
  if (reached_) return;
  reached_ = true;
  for (size_t q = 0; q < parts_.size(); ++q) {
    state_[q].reached |= parts_[q].place.cluster == cluster;
    reached_ &= state_[q].reached;
  }
  if (reached_) Wake();
}

void Subscription::NoteUnreached(size_t cluster, const Status& why) {
  const std::lock_guard lock(mutex_);
  if (reached_) return;
  for (size_t q = 0; q < parts_.size(); ++q) {
    if (parts_[q].place.cluster != cluster || state_[q].reached) continue;
    failed_ = Error(ErrorKind::kUnavailable, "{}", why.message());
    return Wake();
  }
}

void Subscription::NoteJoined(size_t cluster) {
  const std::lock_guard lock(mutex_);
  SetReached(cluster);
  if (joined_) return;
  joined_ = true;
  for (size_t q = 0; q < parts_.size(); ++q) {
    state_[q].joined |= parts_[q].place.cluster == cluster;
    joined_ &= state_[q].joined;
  }
  if (joined_) Wake();
}

void Subscription::TryLive(size_t q, int64_t next) {
  const std::lock_guard lock(mutex_);
  Part* const part = &state_[q];
  if (!part->live && part->at_end && part->next_offset >= next) part->live = true;
}

bool Subscription::IsLive(size_t q) const {
  const std::lock_guard lock(mutex_);
  return state_[q].live;
}

bool Subscription::IsCaughtUp(size_t cluster) const {
  const std::lock_guard lock(mutex_);
  for (size_t q = 0; q < parts_.size(); ++q) {
    if (parts_[q].place.cluster == cluster && !state_[q].live && !state_[q].at_end) {
      return false;
    }
  }
  return true;
}

bool Subscription::HasRoom() const {
  const std::lock_guard lock(mutex_);
  if (released_) return false;
  if (static_cast<int64_t>(window_->chunks()) * 2 <= window_->max_chunks()) return true;
  // However full the window is of what others brought: who is behind them has his place.
  return std::any_of(state_.begin(), state_.end(), [this](const Part& part) {
    return !part.live && !part.at_end &&
           window_->ChunkEnd(std::max(part.known_end, window_->floor())).has_value();
  });
}

/// What has not come by now where nothing waits to be read is not there.
void Subscription::DeclareAbsent(GpsTime now) {
  bool declared = false;
  for (size_t q = 0; q < state_.size(); ++q) {
    const Part& part = state_[q];
    if (!part.live && !part.at_end) continue;
    const Duration patience =
        part.timeout ? *part.timeout - parts_[q].stride : options_.settle;
    GpsTime until = now - patience;
    if (!part.timeout && !(request_.end && until >= *request_.end)) {
      // Nothing says when live data are late.
      until = std::min(until, begun_ - patience);
    }
    if (!past_from_ && !(request_.end && until >= *request_.end)) continue;
    mux_->DeclareComplete(q, until);
    declared = true;
  }
  if (declared) Wake();
}

void Subscription::Tick() {
  const std::lock_guard lock(mutex_);
  DeclareAbsent(options_.clock->Now());
  CheckStall();
}

void Subscription::CheckStall() {
  if (!options_.stall || released_ || reading_ || window_->chunks() == 0) return;
  if (SteadyNow() - last_read_ < ToChrono(*options_.stall)) return;
  window_->Clear();
  released_ = true;
  counters_->released.fetch_add(1);
  Log(LogLevel::kWarning, "nobody read the stream of {} for {}: its queue is given up",
      parts_[0].what, ToString(*options_.stall));
}

void Subscription::Fail(const Status& status) {
  const std::lock_guard lock(mutex_);
  failed_ = status;
  Wake();
}

void Subscription::Close() {
  closed_ = true;
  const std::lock_guard lock(mutex_);
  window_->Clear();
  Wake();
}

}  // namespace carryall::relay
