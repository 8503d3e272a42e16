#include "carryall/client/fetch.h"

#include <algorithm>

#include "carryall/client/endpoint_reader.h"
#include "carryall/codec/assemble.h"

namespace carryall::client {
namespace {

// Big enough that the price of a message is small, small enough to stay in the cache on
// the way to its place.
constexpr int64_t kBatchBytes = int64_t{2} << 20;
// Endpoints read at once; more wait for their turn.
constexpr size_t kMaxReaders = 16;
constexpr auto kProgressPause = std::chrono::milliseconds(100);

/// What the readers of a fetch share with the caller. Readers hold it by a shared
/// pointer.
class Assembly {
 public:
  Assembly(std::unique_ptr<codec::SpanAssembler> assembler, size_t endpoints,
           bool one_at_a_time, bool places_gaps)
      : assembler_(std::move(assembler)),
        one_at_a_time_(one_at_a_time),
        places_gaps_(places_gaps),
        parts_(endpoints) {}

  codec::SpanAssembler& assembler() { return *assembler_; }

  Status Place(size_t e, const flight::Delivery& delivery,
               const StreamEndpoint& endpoint) {
    {
      std::unique_lock placing(place_mutex_, std::defer_lock);
      if (one_at_a_time_) placing.lock();
      for (const SeriesBlock& block : delivery.blocks) {
        if (IsGap(endpoint, block)) continue;
        // What brokers' readers give is memory that they need again.
        const auto how = endpoint.endpoint.brokers.empty() ? codec::Placing::kKeep
                                                           : codec::Placing::kCopy;
        ARROW_RETURN_NOT_OK(
            assembler_->Place(block, Positions(block, endpoint.positions), how));
      }
    }
    std::lock_guard lock(mutex_);
    parts_[e].until = std::max(parts_[e].until, delivery.complete_until());
    bytes_ += delivery.bytes;
    return Status::OK();
  }
  void End(size_t e, const Status& status) {
    std::lock_guard lock(mutex_);
    parts_[e].end = status;
    ++ended_;
    changed_.notify_all();
  }

  /// Waits until more than `seen` readers have ended.
  Result<bool> Wait(size_t seen, SteadyTime deadline,
                    const flight::Interrupt& interrupt) {
    std::unique_lock lock(mutex_);
    return flight::WaitUntil(lock, changed_, deadline, interrupt,
                             [&] { return ended_ > seen; });
  }
  std::optional<Status> end(size_t e) const {
    std::lock_guard lock(mutex_);
    return parts_[e].end;
  }
  struct Behind {
    int64_t bytes = 0;
    GpsTime until = GpsTime::Max();
    std::optional<size_t> endpoint;
  };
  /// How far everything has come, and who keeps it waiting.
  Behind behind() const {
    std::lock_guard lock(mutex_);
    Behind worst;
    worst.bytes = bytes_;
    for (size_t e = 0; e < parts_.size(); ++e) {
      if (parts_[e].end || parts_[e].until >= worst.until) continue;
      worst.until = parts_[e].until;
      worst.endpoint = e;
    }
    return worst;
  }

 private:
  // Where a block's channels belong. One that is missing may yet come with another block
  // of the span.
  std::vector<int32_t> Positions(const SeriesBlock& block,
                                 std::vector<int32_t> positions) const {
    if (places_gaps_) return positions;
    for (size_t i = 0; i < std::min(positions.size(), block.size()); ++i) {
      if (block.view(i).all_missing()) positions[i] = -1;
    }
    return positions;
  }

  struct Part {
    GpsTime until = GpsTime::Min();
    std::optional<Status> end;
  };
  const std::unique_ptr<codec::SpanAssembler> assembler_;
  const bool one_at_a_time_;
  const bool places_gaps_;  ///< since it counts what nobody placed
  std::mutex place_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Part> parts_;
  size_t ended_ = 0;
  int64_t bytes_ = 0;
};

class Fetch {
 public:
  Fetch(std::shared_ptr<const Session> session, const StreamPlan& plan, GpsTime start,
        GpsTime end, mux::OnGap on_gap, std::shared_ptr<Assembly> assembly,
        const CallContext& context)
      : session_(std::move(session)),
        plan_(plan),
        on_gap_(on_gap),
        start_(start),
        end_(end),
        assembly_(std::move(assembly)),
        context_(context),
        readers_(plan.endpoints.size()) {}
  ~Fetch() {
    for (const auto& reader : readers_) {
      if (reader != nullptr) reader->Cancel();
    }
  }

  Status Run() {
    size_t ended = 0;
    while (ended < readers_.size()) {
      while (started_ < readers_.size() && started_ < ended + kMaxReaders) Start();
      ARROW_ASSIGN_OR_RAISE(
          const bool another,
          assembly_->Wait(ended, SteadyNow() + kProgressPause, ToInterrupt(context_)));
      if (another) {
        ARROW_ASSIGN_OR_RAISE(ended, Collect());
      }
      for (const auto& reader : readers_) {
        if (reader != nullptr) ARROW_RETURN_NOT_OK(reader->Expired(SteadyNow()));
      }
      Tell();
    }
    return Status::OK();
  }

 private:
  void Start() {
    const size_t e = started_++;
    readers_[e] = EndpointReader::Start(
        session_, plan_, e,
        {.batch_bytes = kBatchBytes,
         .single_strides = on_gap_ != mux::OnGap::kFill,
         .by_channel = on_gap_ == mux::OnGap::kFill},
        {[assembly = assembly_, e,
          endpoint = plan_.endpoints[e]](const flight::Delivery& delivery) {
           return assembly->Place(e, delivery, endpoint);
         },
         [assembly = assembly_, e](const Status& status) { assembly->End(e, status); }});
  }

  // How many have ended; the first error, if one of them failed.
  Result<size_t> Collect() {
    size_t ended = 0;
    for (size_t e = 0; e < readers_.size(); ++e) {
      const auto end = assembly_->end(e);
      if (!end) continue;
      ARROW_RETURN_NOT_OK(*end);
      readers_[e].reset();
      ++ended;
    }
    return ended;
  }

  void Tell() const {
    if (!context_.progress) return;
    const Assembly::Behind behind = assembly_->behind();
    CallContext::Progress progress;
    progress.bytes = behind.bytes;
    progress.complete_until = std::clamp(behind.until, start_, end_);
    if (behind.endpoint && readers_[*behind.endpoint] != nullptr) {
      progress.waiting_for = readers_[*behind.endpoint]->url();
    }
    context_.progress(progress);
  }

  const std::shared_ptr<const Session> session_;
  const StreamPlan& plan_;
  const mux::OnGap on_gap_;
  const GpsTime start_, end_;
  const std::shared_ptr<Assembly> assembly_;
  const CallContext& context_;
  std::vector<std::unique_ptr<EndpointReader>> readers_;
  size_t started_ = 0;
};

}  // namespace

Result<SeriesBlock> FetchSpan(const std::shared_ptr<const Session>& session,
                              const StreamPlan& plan, GpsTime start, GpsTime end,
                              const StreamOptions& options, const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(
      auto assembler,
      codec::SpanAssembler::Make(start, end, plan.channels, options.max_result_bytes));
  const auto assembly = std::make_shared<Assembly>(
      std::move(assembler), plan.endpoints.size(), plan.has_shared_channels(),
      options.on_gap != mux::OnGap::kFill);
  ARROW_RETURN_NOT_OK(
      Fetch(session, plan, start, end, options.on_gap, assembly, context).Run());
  if (options.on_gap == mux::OnGap::kRaise) {
    if (const auto gap = assembly->assembler().FirstFullGap(plan.native_stride)) {
      return Error(ErrorKind::kGap, "no data of any channel in [{}, {})",
                   ToString(gap->first), ToString(gap->second));
    }
  }
  return assembly->assembler().Finish();
}

}  // namespace carryall::client
