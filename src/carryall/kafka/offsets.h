#pragma once

#include <memory>
#include <string>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/kafka/handle.h"

namespace carryall::kafka {

/// A place in the partition of a topic, to start reading at.
class Position {
 public:
  /// The oldest message that is still there.
  static constexpr Position Oldest() { return Position(Kind::kOldest, 0); }
  /// After the newest message that is there when the position is resolved.
  static constexpr Position End() { return Position(Kind::kEnd, 0); }
  static constexpr Position Offset(int64_t offset) {
    return Position(Kind::kOffset, offset);
  }
  /// The first message whose timestamp is not before `time`, to the millisecond.
  static constexpr Position At(GpsTime time) { return Position(Kind::kTime, time.ns()); }

  enum class Kind { kOldest, kEnd, kOffset, kTime };
  constexpr Kind kind() const { return kind_; }
  constexpr int64_t offset() const { return value_; }
  constexpr GpsTime time() const { return GpsTime::FromNs(value_); }

 private:
  constexpr Position(Kind kind, int64_t value) : kind_(kind), value_(value) {}
  Kind kind_;
  int64_t value_;
};

/// What is in a topic. Empty if `oldest` equals `end`.
struct Watermarks {
  Status status;       ///< kNotFound, kUnavailable...: then nothing is known
  int64_t oldest = 0;  ///< offset of the oldest message that may still be there
  int64_t end = 0;     ///< offset that the next message will get
};

/// Asks for one offset a topic of partition 0: `what[i]` is RD_KAFKA_OFFSET_BEGINNING,
/// RD_KAFKA_OFFSET_END or a time in UNIX ms (answered with -1 where no message is as
/// new). One answer each, in the order asked; topics must differ.
Result<std::vector<Result<int64_t>>> QueryOffsets(const std::shared_ptr<Handle>& handle,
                                                  const std::vector<std::string>& topics,
                                                  const std::vector<int64_t>& what,
                                                  const Wait& wait);

Result<std::vector<Watermarks>> QueryWatermarks(const std::shared_ptr<Handle>& handle,
                                                const std::vector<std::string>& topics,
                                                const Wait& wait);

/// Where to start reading each topic, and what is in it.
struct Start {
  int64_t offset = 0;
  Watermarks watermarks;
};
/// Time by time: no message that is not before the time asked for lies before the offset,
/// also if it arrives while this is asked.
Result<std::vector<Start>> ResolvePositions(const std::shared_ptr<Handle>& handle,
                                            const std::vector<std::string>& topics,
                                            const std::vector<Position>& positions,
                                            const Wait& wait);

}  // namespace carryall::kafka
