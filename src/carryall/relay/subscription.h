#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/mux/block_mux.h"
#include "carryall/relay/options.h"
#include "carryall/relay/stride_window.h"
#include "carryall/relay/topic_warnings.h"

namespace carryall::relay {

/// What a stream wants of one topic.
struct TopicPart {
  TopicPlace place;
  std::vector<int32_t> positions;  ///< of its channels in the stream's set
  Duration stride;
  std::optional<Duration> latency;  ///< declared for all of them
  std::string what;                 ///< for messages
};

/// Sums over all streams since the relay was made, and what is said about topics.
struct Counters {
  std::atomic<int64_t> messages{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<int64_t> malformed{0};
  std::atomic<int64_t> blocks{0};
  std::atomic<int64_t> late_strides{0};  ///< of topics, came after they had become gaps
  std::atomic<int64_t> dropped_strides{0};  ///< no room for them in a subscriber's queue
  std::atomic<int64_t> released{0};         ///< queues given up because nobody read
  std::atomic<int64_t> subscribers{0};
  TopicWarnings warnings;
};

/// One stream between the readers that bring rows and the subscriber that takes blocks.
/// Thread safe: readers call Take, NoteEnd, TryLive and Tick; the subscriber Next.
class Subscription {
 public:
  static Result<std::shared_ptr<Subscription>> Make(const backend::StreamRequest& request,
                                                    std::vector<TopicPart> parts,
                                                    const RelayOptions& options,
                                                    std::shared_ptr<Counters> counters);
  ~Subscription();

  enum class Took {
    kYes,
    kNoRoom,  ///< of history only: bring it again when there is room
    kDone,    ///< nothing more is wanted of it
  };

  /// What a live reader says: before `offset` it gave everything from `after` on.
  Took TakeLive(size_t part, std::span<const codec::MessageRows> rows, int64_t after,
                int64_t offset);
  Took TakePast(size_t part, std::span<const codec::MessageRows> rows, int64_t offset);
  /// The part's past has been read up to `offset`, which is the end of its topic;
  /// nothing: there is no such topic.
  void NoteEnd(size_t part, std::optional<int64_t> offset);
  /// What comes on this cluster from now on is brought. A live stream begins when it is
  /// so everywhere (or cannot be for a while), so that it does not begin with what was
  /// missed.
  void NoteJoined(size_t cluster);
  /// The brokers of this cluster answered, or did not in time.
  void NoteReached(size_t cluster);
  void NoteUnreached(size_t cluster, const Status& why);
  /// Where the past is known up to `next` or further, the live reader, which goes on
  /// there, is enough.
  void TryLive(size_t part, int64_t next);
  bool IsLive(size_t part) const;
  /// Whether history was read up to the end of every topic of the cluster, so that what
  /// comes next is live.
  bool IsCaughtUp(size_t cluster) const;
  bool HasRoom() const;
  /// At least every 100 ms from some reader.
  void Tick();
  /// Nothing more can come: the subscriber is told why.
  void Fail(const Status& status);

  Result<backend::SourceStep> Next(const std::stop_token& stop, SteadyTime deadline);
  /// Nothing is taken any more, and nothing is asked of the memory pool of the request.
  void Close();
  bool closed() const { return closed_.load(); }

  const std::vector<TopicPart>& parts() const { return parts_; }
  const ChannelSet& channels() const { return *request_.channels; }
  /// Whether a stream that begins in the past goes on with what is not there yet.
  bool goes_live() const { return !request_.end || *request_.end > begun_; }
  /// The first time that is wanted of the past; nothing: the stream is live from the
  /// start.
  std::optional<GpsTime> past_from() const { return past_from_; }

 private:
  struct Part {
    explicit Part(RowPlan own_plan) : plan(std::move(own_plan)) {}
    RowPlan plan;
    std::optional<Duration> timeout;
    GpsTime known_end = GpsTime::Min();
    bool live = true;
    bool joined = false;
    bool reached = false;
    int64_t next_offset = -1;
    bool at_end = false;
  };
  struct Run {
    GpsTime begin, end;
    std::optional<GpsTime> chunk_end;  ///< nothing: gaps
  };

  Subscription(const backend::StreamRequest& request, std::vector<TopicPart> parts,
               const RelayOptions& options, std::shared_ptr<Counters> counters)
      : request_(request),
        parts_(std::move(parts)),
        options_(options),
        counters_(std::move(counters)) {}
  Status Init();

  Took TakeRows(size_t q, const codec::MessageRows& rows, bool past);
  void Complain(size_t q, const std::string& why);
  void NoteKnown(Part* part, GpsTime until);
  void CountMissing(GpsTime now);
  void Wake();
  void DeclareAbsent(GpsTime now);
  void CheckStall();

  Result<std::optional<SeriesBlock>> PullBlock(GpsTime now);
  void NoteGaps();
  Result<std::optional<SeriesBlock>> Emit(const Run& run);
  Status CheckSilence() const;
  void SetReached(size_t cluster);
  bool HasBegun() const;

  const backend::StreamRequest request_;
  const std::vector<TopicPart> parts_;
  const RelayOptions options_;
  const std::shared_ptr<Counters> counters_;
  std::optional<GpsTime> past_from_;
  GpsTime begun_;
  Duration stride_;

  mutable std::mutex mutex_;
  std::condition_variable_any news_;
  bool has_news_ = false;
  std::vector<Part> state_;
  std::unique_ptr<mux::BlockMux> mux_;
  std::optional<StrideWindow> window_;
  mux::Slot slot_;
  std::optional<Run> run_;
  GpsTime pulled_until_ = GpsTime::Min();  ///< what comes of before is too late
  /// The end of the stride that comes next, where that is known, and how many parts are
  /// not known up to there.
  std::optional<GpsTime> head_end_;
  size_t missing_ = 0;
  Status failed_;
  bool joined_ = false;   ///< all parts are
  bool reached_ = false;  ///< all parts are, or need not be
  const SteadyTime made_ = SteadyNow();
  bool reading_ = false;
  bool released_ = false;
  SteadyTime last_read_ = SteadyNow();
  SteadyTime last_progress_ = SteadyNow();
  std::atomic<bool> closed_{false};
};

}  // namespace carryall::relay
