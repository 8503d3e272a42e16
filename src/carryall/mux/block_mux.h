#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/base/time.h"

namespace carryall::mux {

/// What to do with an output stride for which every queue lacks data.
enum class OnGap {
  kFill,   ///< give a slot of gaps
  kSkip,   ///< give nothing, go on with the next stride that has data
  kRaise,  ///< kGap naming the stride, once; the next Pull goes on after it
};

/// What to do with a block, or a part of one, that cannot be used. It is counted in any
/// case. kWarn is the owner's business: it watches drops() and says so where users look.
enum class OnDrop { kIgnore, kWarn, kRaise };

/// One input: the blocks of one endpoint or partition, in its own time order.
struct QueueSpec {
  std::string name;  ///< for messages: "X1:A +3 more (endpoint)"
  Duration stride;   ///< least common multiple of its channels' strides
  /// How long after its slot began a block may arrive before the slot is declared a gap
  /// (see BlockMux, "Deadlines"); nothing: no deadline for this queue.
  std::optional<Duration> timeout;
};

struct MuxOptions {
  std::optional<GpsTime> start;    ///< nothing: live, from the first blocks on
  std::optional<GpsTime> end;      ///< output stops here, whatever a server sends beyond
  std::optional<Duration> stride;  ///< output; nothing: the native one
  OnGap on_gap = OnGap::kFill;
  OnDrop on_drop = OnDrop::kIgnore;
  /// A queue holds up to max(min_capacity, 2 timeout / stride, 2 output stride / stride)
  /// blocks; one more drops the oldest.
  int64_t min_capacity = 1000;
};

/// A block as the mux sees it: something that somebody else understands.
using Payload = std::shared_ptr<const void>;

/// A run of one queue inside an output stride; no payload: a gap. A piece may be a part
/// of the block that was pushed: `payload_time` says where that block began.
struct Piece {
  GpsTime time;
  Duration duration;
  Payload payload;
  GpsTime payload_time;
};

/// One output stride: the pieces of every queue, contiguous, covering [time,
/// time+duration).
struct Slot {
  GpsTime time;
  Duration duration;
  bool all_gap = false;  ///< no queue had data
  std::vector<std::vector<Piece>> queues;
};

enum class DropKind { kLate, kStrideMismatch, kOverflow };

/// Dropped so far, in strides of the queue (what is shorter than a stride counts as one).
struct DropCounts {
  int64_t late = 0;             ///< before the queue's horizon: too late, or a duplicate
  int64_t stride_mismatch = 0;  ///< of a length that a live stream cannot have
  int64_t overflow = 0;         ///< the oldest of a full queue
};

/// Puts the blocks of several queues on one time line.
///
/// **What is known.** Every queue has a horizon: all before it is known, as data or as a
/// gap. It rises with each block to the block's end (queues are in time order, so a later
/// block makes the missing ones before it gaps at once), with DeclareComplete, with
/// Finish, and by the wall clock. An output stride is given out once it lies before every
/// queue's horizon. What arrives from before the horizon is dropped as late.
///
/// **Deadlines.** Slot [T, T + stride) of a live queue with a timeout is known to be a
/// gap once now >= T + timeout; Pull is where that is decided. A queue with a `start` is
/// live from when its horizon has passed both the first `now` that the mux saw and now -
/// timeout: data that existed before somebody asked for them are never given up by the
/// clock, and data still to come are treated like everybody's. A queue without a timeout
/// has no deadline and does not take the others' away: an output stride waits for it
/// until it gives a later block, is declared complete or finishes.
///
/// **Where output begins and how it is cut.** With a start: at `start`; strides are
/// counted from `start` rounded down to the native stride, so an unaligned start has a
/// shorter first stride. Live: at the largest front time of all queues (a queue's first
/// block, or the first `now` rounded down to its stride while it has none), rounded up to
/// a multiple of the output stride counted from GPS 0; until the first stride has been
/// given out a queue's first block sets its front, earlier or later. What lies before is
/// left out without counting. At `end` output is cut, so the last stride may be shorter.
///
/// **The end of data.** When all queues have finished, output stops where the last of
/// them had known data or was declared complete, rounded up to the native stride: a
/// shorter stride at the end. To have gaps up to `end`, declare complete until `end`.
///
/// Not thread safe. Time enters only as `now` arguments. A slot costs the same however
/// many blocks are queued and however far apart they are; nothing is stored for gaps.
class BlockMux {
 public:
  virtual ~BlockMux() = default;
  /// kInvalidArgument if the output stride is not a positive integer multiple of the
  /// native one (the text says "integer multiple"), there is no queue, or a queue's
  /// stride is not positive. An empty or inverted span is legal: there is nothing to give
  /// out.
  static Result<std::unique_ptr<BlockMux>> Make(std::vector<QueueSpec> queues,
                                                MuxOptions options);

  /// The least common multiple of the queues' strides.
  virtual Duration native_stride() const = 0;
  virtual Duration output_stride() const = 0;

  /// Gives queue `q` a block of any whole number of its strides. Where the span has a
  /// start it may end anywhere (a shorter edge block): the rest of its last stride is a
  /// gap. Parts outside [start, end) are cut off and not counted; late or duplicate parts
  /// are dropped and counted, the rest of the block is used. on_drop = kRaise makes a
  /// drop kDropped, once the rest has been stored. A time off the queue's stride grid
  /// (multiples of the stride counted from GPS 0 or, as some servers send, from `start`)
  /// is kCorrupt naming the queue.
  virtual Status Push(size_t q, GpsTime time, Duration duration, Payload payload,
                      GpsTime now) = 0;
  /// Declares all whole strides of queue `q` before `until` known: what is absent is a
  /// gap.
  /// Before Finish; after it nothing changes any more.
  virtual void DeclareComplete(size_t q, GpsTime until) = 0;
  /// What feeds queue `q` broke off and is asked for again from where it left off: until
  /// it has caught up with `now`, no deadline applies to it before `until`. Without
  /// effect for a queue that no deadline applies to yet, and a live one that has given
  /// nothing: it has no place to go on from.
  virtual void Await(size_t q, GpsTime now, GpsTime until) = 0;
  /// Queue `q` will give no more blocks: what it has not given is a gap.
  virtual void Finish(size_t q) = 0;

  /// The next output stride, if every queue knows it all after applying deadlines at
  /// `now`; false: not ready, or done. on_gap = kRaise makes an all-gap stride kGap
  /// naming the span; kSkip jumps over it. Pieces go into the vectors that `slot` already
  /// has, so a caller that keeps one slot needs no allocation in the steady state.
  virtual Result<bool> Pull(GpsTime now, Slot* slot) = 0;
  Result<std::optional<Slot>> Pull(GpsTime now);

  /// When Pull could turn ready without a Push, as of the last Pull: the latest deadline
  /// that the next output stride waits for. Nothing: only a Push, DeclareComplete or
  /// Finish helps.
  virtual std::optional<GpsTime> NextDeadline() const = 0;
  /// Everything was given out: the end was reached, or all queues finished and drained.
  virtual bool done() const = 0;
  virtual DropCounts drops(size_t q) const = 0;
  /// All of queue `q` before this is known: what comes of before is late. The beginning
  /// of time while its first block decides where it begins.
  virtual GpsTime horizon(size_t q) const = 0;
  /// Blocks that queue `q` holds, and how many it can hold: readers of bounded spans
  /// should pause before a queue overflows.
  virtual size_t queued(size_t q) const = 0;
  virtual size_t capacity(size_t q) const = 0;
};

}  // namespace carryall::mux
