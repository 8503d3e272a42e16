#include "carryall/client/block_stream.h"

#include <algorithm>

#include "carryall/base/clock.h"
#include "carryall/base/log.h"
#include "carryall/client/block_inbox.h"
#include "carryall/client/drop_report.h"
#include "carryall/client/endpoint_reader.h"
#include "carryall/client/stream_tracks.h"
#include "carryall/codec/assemble.h"

namespace carryall::client {
namespace {

// Live batches hold one stride; historical ones about this much.
constexpr int64_t kHistoryBatchBytes = int64_t{1} << 19;

// What the mux holds for us: a block of one track, and the memory it counts against.
struct Held {
  SeriesBlock block;
  std::shared_ptr<const void> charge;
};

class BlockStreamImpl final : public BlockStream {
 public:
  BlockStreamImpl(std::shared_ptr<const Session> session, StreamPlan plan,
                  StreamTracks tracks, const TimeSpan& span, const StreamOptions& options,
                  std::unique_ptr<mux::BlockMux> mux)
      : session_(std::move(session)),
        plan_(std::move(plan)),
        tracks_(std::move(tracks)),
        span_(span),
        on_gap_(options.on_gap),
        drops_(options.on_drop == mux::OnDrop::kWarn, tracks_),
        inbox_(std::make_shared<BlockInbox>(plan_.endpoints.size(),
                                            options.max_queued_bytes)),
        mux_(std::move(mux)),
        reading_(plan_.endpoints.size()),
        pushed_until_(tracks_.tracks.size(), GpsTime::Min()) {
    if (span_.start) needed_until_ = *span_.start + mux_->output_stride();
    if (!span_.empty()) StartReady();
  }
  ~BlockStreamImpl() override { Stop(); }

  const std::shared_ptr<const ChannelSet>& channels() const override {
    return plan_.channels;
  }
  void Cancel() override { inbox_->Close(); }
  Result<std::optional<SeriesBlock>> Next(const CallContext& context) override;

 private:
  enum class State { kWaiting, kReading, kEnded };
  struct Reading {
    State state = State::kWaiting;
    bool begun = false;  // something came
    std::unique_ptr<EndpointReader> reader;
    std::vector<GpsTime> floors;  // by feed: where earlier endpoints left off
    GpsTime broke_at = GpsTime::Min();
  };

  void StartReady();
  void Start(size_t e);
  bool HasBegun() const;
  Status TakeArrivals();
  void NoteBreak(size_t e);
  bool HasRoom(size_t e) const;
  Status Push(size_t e, BlockInbox::Arrival arrival);
  void EndOf(size_t e, const Status& status);
  // The first failure is what the caller gets once all that has come was given out.
  void Fail(const Status& status) {
    if (failed_.ok()) failed_ = status;
  }
  Result<SeriesBlock> Compose();
  Result<SeriesBlock> ComposeTrack(size_t t);
  Status WaitForMore(const CallContext& context);
  void Stop();

  const std::shared_ptr<const Session> session_;
  const StreamPlan plan_;
  const StreamTracks tracks_;
  const TimeSpan span_;
  const mux::OnGap on_gap_;
  DropReport drops_;
  const std::shared_ptr<BlockInbox> inbox_;
  const std::unique_ptr<mux::BlockMux> mux_;
  std::vector<Reading> reading_;         // by endpoint
  std::vector<GpsTime> pushed_until_;    // by track
  std::optional<GpsTime> needed_until_;  // end of the next output stride, if known
  std::optional<GpsTime> last_;          // of a live stream with a duration
  mux::Slot slot_;
  Status failed_;
  bool over_ = false;
};

Result<std::optional<SeriesBlock>> BlockStreamImpl::Next(const CallContext& context) {
  while (!over_) {
    if (inbox_->closed()) return Error(ErrorKind::kCancelled, "the stream was cancelled");
    ARROW_RETURN_NOT_OK(TakeArrivals());
    bool ready = false;
    if (HasBegun()) {
      ARROW_ASSIGN_OR_RAISE(ready, mux_->Pull(Clock::System().Now(), &slot_));
    }
    if (ready) {
      ARROW_ASSIGN_OR_RAISE(SeriesBlock block, Compose());
      needed_until_ = block.end() + mux_->output_stride();
      if (span_.duration && !last_) last_ = block.time() + *span_.duration;
      if (last_ && block.end() >= *last_) Stop();
      return block;
    }
    if (mux_->done()) {
      Stop();
    } else {
      ARROW_RETURN_NOT_OK(failed_);
      ARROW_RETURN_NOT_OK(WaitForMore(context));
    }
  }
  return std::nullopt;
}

void BlockStreamImpl::Stop() {
  over_ = true;
  inbox_->Close();
  for (Reading& reading : reading_) {
    if (reading.reader != nullptr) reading.reader->Cancel();
  }
  for (Reading& reading : reading_) reading.reader.reset();
}

void BlockStreamImpl::StartReady() {
  for (size_t e = 0; e < reading_.size(); ++e) {
    if (reading_[e].state != State::kWaiting) continue;
    const auto& after = tracks_.after[e];
    if (std::all_of(after.begin(), after.end(), [&](size_t earlier) {
          return reading_[earlier].state == State::kEnded;
        })) {
      Start(e);
    }
  }
}

void BlockStreamImpl::Start(size_t e) {
  const StreamEndpoint& endpoint = plan_.endpoints[e];
  Reading& reading = reading_[e];
  reading.state = State::kReading;
  for (const Feed& feed : tracks_.feeds[e]) {
    reading.floors.push_back(pushed_until_[feed.track]);
  }
  EndpointReader::Options read;
  const bool history = endpoint.start && *endpoint.start < Clock::System().Now();
  if (history) read.batch_bytes = kHistoryBatchBytes;
  read.single_strides = on_gap_ != mux::OnGap::kFill;
  reading.reader = EndpointReader::Start(
      session_, plan_, e, read,
      {.put =
           [inbox = inbox_, e](flight::Delivery delivery) {
             return inbox->Put(e, std::move(delivery.blocks), delivery.bytes);
           },
       .end = [inbox = inbox_, e](const Status& status) { inbox->End(e, status); },
       .on_break = [inbox = inbox_, e] { inbox->Break(e); }});
}

// While it is not known whether brokers can be reached, nothing is late.
bool BlockStreamImpl::HasBegun() const {
  return std::all_of(reading_.begin(), reading_.end(), [](const Reading& reading) {
    return reading.state != State::kReading || reading.begun ||
           !reading.reader->reads_brokers();
  });
}

Status BlockStreamImpl::TakeArrivals() {
  for (size_t e = 0; e < reading_.size(); ++e) {
    if (reading_[e].state != State::kReading) continue;
    if (inbox_->TakeBreak(e)) NoteBreak(e);
    while (HasRoom(e)) {
      auto arrival = inbox_->Take(e);
      if (!arrival) break;
      ARROW_RETURN_NOT_OK(Push(e, *std::move(arrival)));
    }
    if (const auto status = inbox_->ended(e)) EndOf(e, *status);
  }
  drops_.Report(*mux_);
  return Status::OK();
}

// What it gives again from where it left off comes in time, unless the caller has said
// for how long he waits.
void BlockStreamImpl::NoteBreak(size_t e) {
  const GpsTime now = reading_[e].broke_at = Clock::System().Now();
  if (plan_.tolerance) return;
  for (const Feed& feed : tracks_.feeds[e]) {
    mux_->Await(feed.track, now, now + *plan_.reconnect);
  }
}

// A live queue drops its oldest when it is full; for others the blocks wait here.
bool BlockStreamImpl::HasRoom(size_t e) const {
  if (span_.live()) return true;
  for (const Feed& feed : tracks_.feeds[e]) {
    if (mux_->queued(feed.track) >= mux_->capacity(feed.track)) return false;
  }
  return true;
}

Status BlockStreamImpl::Push(size_t e, BlockInbox::Arrival arrival) {
  Status dropped;
  reading_[e].begun = true;
  for (const SeriesBlock& block : arrival.blocks) {
    for (size_t f = 0; f < tracks_.feeds[e].size(); ++f) {
      const Feed& feed = tracks_.feeds[e][f];
      GpsTime begin = std::max(block.time(), reading_[e].floors[f]);
      // Given up while the endpoint was away: a gap, but none of what it sends is late.
      if (begin < reading_[e].broke_at)
        begin = std::max(begin, mux_->horizon(feed.track));
      if (begin >= block.end()) continue;
      SeriesBlock part = Select(block, feed, tracks_.tracks[feed.track]);
      if (begin > block.time()) {
        ARROW_ASSIGN_OR_RAISE(part, part.Slice(begin, block.end() - begin));
      }
      GpsTime& until = pushed_until_[feed.track];
      until = std::max(until, part.end());
      if (IsGap(plan_.endpoints[e], part)) {
        mux_->DeclareComplete(feed.track, part.end());
        continue;
      }
      const GpsTime time = part.time();
      const Duration duration = part.duration();
      const Status status =
          mux_->Push(feed.track, time, duration,
                     std::make_shared<const Held>(Held{std::move(part), arrival.charge}),
                     Clock::System().Now());
      if (status.ok()) continue;
      if (KindOf(status) == ErrorKind::kDropped)
        dropped = status;
      else
        Fail(status);
    }
  }
  return dropped;
}

void BlockStreamImpl::EndOf(size_t e, const Status& status) {
  Reading& reading = reading_[e];
  reading.state = State::kEnded;
  if (!status.ok()) return Fail(status);
  Log(LogLevel::kDebug, "{}: the stream of {} ended", reading.reader->url(),
      plan_.endpoints[e].what);
  for (const Feed& feed : tracks_.feeds[e]) {
    const bool more =
        std::any_of(reading_.begin(), reading_.end(), [&](const Reading& other) {
          if (other.state == State::kEnded) return false;
          const auto& feeds =
              tracks_.feeds[static_cast<size_t>(&other - reading_.data())];
          return std::any_of(feeds.begin(), feeds.end(),
                             [&](const Feed& f) { return f.track == feed.track; });
        });
    if (more) continue;
    if (span_.bounded()) {
      mux_->DeclareComplete(feed.track, span_.end->Ceil(plan_.native_stride));
    }
    mux_->Finish(feed.track);
  }
  StartReady();
}

Result<SeriesBlock> BlockStreamImpl::ComposeTrack(size_t t) {
  std::vector<SeriesBlock> parts;
  for (const mux::Piece& piece : slot_.queues[t]) {
    if (piece.payload == nullptr) {
      parts.push_back(
          SeriesBlock::Gap(piece.time, piece.duration, tracks_.tracks[t].channels));
      continue;
    }
    const SeriesBlock& block = static_cast<const Held*>(piece.payload.get())->block;
    if (piece.time == block.time() && piece.duration == block.duration()) {
      parts.push_back(block);
    } else {
      ARROW_ASSIGN_OR_RAISE(auto part, block.Slice(piece.time, piece.duration));
      parts.push_back(std::move(part));
    }
  }
  if (parts.size() == 1) return std::move(parts.front());
  return codec::Concatenate(parts);
}

Result<SeriesBlock> BlockStreamImpl::Compose() {
  std::vector<SeriesBlock> blocks;
  for (size_t t = 0; t < slot_.queues.size(); ++t) {
    ARROW_ASSIGN_OR_RAISE(auto block, ComposeTrack(t));
    blocks.push_back(std::move(block));
  }
  // The mux is done with these; keep no memory for it.
  for (auto& pieces : slot_.queues) pieces.clear();
  if (blocks.size() == 1) return std::move(blocks.front());
  return codec::Combine(blocks, plan_.channels);
}

Status BlockStreamImpl::WaitForMore(const CallContext& context) {
  SteadyTime deadline = SteadyTime::max();
  for (size_t e = 0; e < reading_.size(); ++e) {
    const auto& reader = reading_[e].reader;
    if (reading_[e].state != State::kReading) continue;
    deadline = std::min(deadline, reader->deadline());
    // Whoever keeps the next output stride waiting is not held up by its share.
    if (inbox_->waiting(e) > 0) continue;
    for (const Feed& feed : tracks_.feeds[e]) {
      if (!needed_until_ || pushed_until_[feed.track] < *needed_until_) inbox_->Feed(e);
    }
  }
  if (const auto due = mux_->NextDeadline(); due && HasBegun()) {
    const Duration wait =
        std::clamp(*due - Clock::System().Now(), Duration(), Duration::FromSeconds(3600));
    deadline = std::min(deadline, SteadyNow() + ToChrono(wait));
  }
  // Readers may come to wait with a nearer deadline than they have now.
  deadline = std::min(deadline, SteadyNow() + std::chrono::seconds(1));
  ARROW_RETURN_NOT_OK(inbox_->Wait(deadline, ToInterrupt(context)));
  for (Reading& reading : reading_) {
    if (reading.state != State::kReading) continue;
    const Status expired = reading.reader->Expired(SteadyNow());
    if (!expired.ok()) Fail(expired);
  }
  return Status::OK();
}

}  // namespace

Result<std::unique_ptr<BlockStream>> OpenStream(std::shared_ptr<const Session> session,
                                                StreamPlan plan, const TimeSpan& span,
                                                const StreamOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto tracks, StreamTracks::Make(plan));
  std::vector<mux::QueueSpec> queues;
  mux::MuxOptions mux_options;
  int64_t awaited = 0;  // strides that come of others while one endpoint is away
  for (const Track& track : tracks.tracks) {
    queues.push_back({track.name, track.stride, track.timeout});
    if (plan.reconnect) awaited = std::max(awaited, *plan.reconnect / track.stride);
  }
  mux_options.min_capacity += awaited;
  mux_options.start = span.start;
  mux_options.end = span.end;
  mux_options.stride = options.stride;
  mux_options.on_gap = options.on_gap;
  mux_options.on_drop = options.on_drop;
  ARROW_ASSIGN_OR_RAISE(auto mux, mux::BlockMux::Make(std::move(queues), mux_options));
  return std::make_unique<BlockStreamImpl>(std::move(session), std::move(plan),
                                           std::move(tracks), span, options,
                                           std::move(mux));
}

}  // namespace carryall::client
