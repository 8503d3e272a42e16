#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/base/time.h"

namespace carryall::mux {

enum class OnGap { kFill, kSkip, kRaise };
enum class OnDrop { kIgnore, kWarn, kRaise };

/// One input: the blocks of one endpoint or partition, in its own time order.
struct QueueSpec {
  std::string name;  ///< for messages: "X1:A +3 more (endpoint)"
  Duration stride;   ///< least common multiple of its channels' strides
  /// How long after its slot began a block may arrive before the slot is declared a gap
  /// (protocol 6.5); nothing: no deadline for this queue.
  std::optional<Duration> timeout;
};

struct MuxOptions {
  std::optional<GpsTime> start;    ///< nothing: live, from the first blocks on
  std::optional<GpsTime> end;
  std::optional<Duration> stride;  ///< output; nothing: the native one
  OnGap on_gap = OnGap::kFill;
  OnDrop on_drop = OnDrop::kIgnore;
};

using Payload = std::shared_ptr<const void>;

/// A run of one queue inside an output stride; no payload: a gap. A piece may be a part of
/// the block that was pushed: `payload_time` says where that block began.
struct Piece {
  GpsTime time;
  Duration duration;
  Payload payload;
  GpsTime payload_time;
};

/// One output stride: the pieces of every queue, contiguous, covering [time, time+duration).
struct Slot {
  GpsTime time;
  Duration duration;
  bool all_gap = false;  ///< no queue had data
  std::vector<std::vector<Piece>> queues;
};

enum class DropKind { kLate, kStrideMismatch, kOverflow };
struct DropCounts {
  int64_t late = 0, stride_mismatch = 0, overflow = 0;
};

/// Not thread safe. Time enters only as `now` arguments.
class BlockMux {
 public:
  virtual ~BlockMux() = default;
  /// kInvalidArgument if the output stride is not a positive integer multiple of the native
  /// one (the text says "integer multiple"), or there is no queue.
  static Result<std::unique_ptr<BlockMux>> Make(std::vector<QueueSpec> queues,
                                                MuxOptions options);

  virtual Duration native_stride() const = 0;

  /// Gives queue `q` a block of any whole number of its strides (or a shorter edge block
  /// where the span is bounded). Late or duplicate parts are dropped and counted;
  /// on_drop = kRaise makes that kDropped. A time off the stride grid (but for the start)
  /// is kCorrupt naming the queue.
  virtual Status Push(size_t q, GpsTime time, Duration duration, Payload payload,
                      GpsTime now) = 0;
  /// Declares everything of queue `q` before `until` known: what is absent is a gap.
  virtual void DeclareComplete(size_t q, GpsTime until) = 0;
  /// Queue `q` will give no more blocks.
  virtual void Finish(size_t q) = 0;

  /// The next output stride if every queue knows it all, after applying deadlines at `now`.
  /// Nothing: not ready. on_gap = kRaise makes an all-gap stride kGap naming the span;
  /// kSkip jumps over it.
  virtual Result<std::optional<Slot>> Pull(GpsTime now) = 0;
  /// When Pull could turn ready without a Push: the earliest deadline, if any.
  virtual std::optional<GpsTime> NextDeadline() const = 0;
  /// Everything was given out: the end was reached, or all queues finished and drained.
  virtual bool done() const = 0;
  virtual DropCounts drops(size_t q) const = 0;
};

}  // namespace carryall::mux
