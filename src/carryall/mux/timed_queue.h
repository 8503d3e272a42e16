#pragma once

#include <optional>
#include <vector>

#include "carryall/mux/block_mux.h"
#include "carryall/mux/block_ring.h"

namespace carryall::mux {

/// The blocks of one queue and what is known of its time line. Only real blocks are
/// stored; a gap is what lies before the horizon without a block. Used by BlockMux alone,
/// which has the rules.
class TimedQueue {
 public:
  TimedQueue(QueueSpec spec, const MuxOptions& options, size_t capacity);

  /// The first `now`: where a live queue without data stands.
  void SetOrigin(GpsTime origin);
  Status Push(GpsTime time, Duration duration, Payload payload);
  void DeclareComplete(GpsTime until);
  void Await(GpsTime now, GpsTime until);
  void Finish();
  /// Raises the horizon to what the wall clock says.
  void ApplyDeadline(GpsTime now);
  /// Forgets what lies before `time`, uncounted; from now on the first block sets no
  /// front.
  void DiscardBefore(GpsTime time);
  /// Moves the pieces of [begin, end), all of which is known, to the end of `out`.
  void Take(GpsTime begin, GpsTime end, std::vector<Piece>* out);

  /// When the wall clock will have raised the horizon to `until`; nothing: never.
  std::optional<GpsTime> DeadlineFor(GpsTime until) const;
  /// The start of its time line as far as it is known; nothing for a queue that finished
  /// without data.
  std::optional<GpsTime> front() const;
  GpsTime next_data() const {
    return blocks_.empty() ? GpsTime::Max() : blocks_.front().time;
  }
  GpsTime horizon() const { return horizon_; }
  /// The end of what was given or declared, as opposed to given up; Min() if nothing was.
  GpsTime claimed_until() const { return claimed_until_; }
  bool finished() const { return finished_; }
  /// Whether its next block may still move its front to an earlier time.
  bool may_rebase() const { return may_rebase_ && !finished_; }
  const DropCounts& drops() const { return drops_; }
  size_t size() const { return blocks_.size(); }
  size_t capacity() const { return capacity_; }

 private:
  bool OnGrid(GpsTime time) const;
  GpsTime NextOnGrid(GpsTime time) const;
  void Know(GpsTime until);
  void Count(DropKind kind, Duration length);
  Status Verdict(const DropCounts& before, GpsTime time, Duration duration) const;

  const QueueSpec spec_;
  const std::optional<GpsTime> start_;
  const GpsTime end_;
  const OnDrop on_drop_;
  const size_t capacity_;
  BlockRing blocks_;
  std::optional<GpsTime> origin_;
  GpsTime horizon_;
  GpsTime claimed_until_ = GpsTime::Min();
  bool may_rebase_;                       // live, no block yet, nothing given out
  bool live_;                             // the wall clock applies
  GpsTime live_from_ = GpsTime::Min();    // where its horizon has to be for that
  std::optional<GpsTime> awaited_until_;  // and when it applies in any case
  bool finished_ = false;
  DropCounts drops_;
};

}  // namespace carryall::mux
