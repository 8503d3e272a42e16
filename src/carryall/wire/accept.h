#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "carryall/base/time.h"

namespace carryall::wire {

/// Request header with which our own client asks for more than a stock client
/// understands. Absent: stock behaviour.
inline constexpr std::string_view kAcceptHeader = "x-carryall-accept";
inline constexpr int64_t kMaxAcceptRows = 1024;
/// Of a latency that a client asks for (protocol 9.1).
inline constexpr Duration kLeastLatency = Duration::FromMs(10);
inline constexpr Duration kLargestLatency = Duration::FromSeconds(86'400);
/// The shortest time between heartbeats; who asks for less gets this.
inline constexpr Duration kLeastHeartbeat = Duration::FromMs(100);
/// The application metadata of a message that says only that the server is alive.
inline constexpr std::string_view kHeartbeat = "heartbeat";
/// The application metadata of a message that has some channels of a span, before others.
inline constexpr std::string_view kMore = "more";

/// What a client can take: "rows=N; bytes=N; form=row|column; order=time|channel;
/// codec=none|lz4|zstd", what it wants with a plan: "describe=yes|no", and of a live
/// stream: "latency=S; heartbeat=S".
struct Accept {
  enum class Form { kColumn, kRow };
  enum class Order { kTime, kChannel };
  enum class Codec { kNone, kLz4, kZstd };
  int64_t rows = 1;  ///< strides a batch may span, 1..kMaxAcceptRows
  Form form = Form::kColumn;
  Codec codec = Codec::kNone;
  bool describe = false;  ///< the channels, with a plan or stream that is for some
  /// How long after its end a stride may be late before it is a gap; nothing: as
  /// declared.
  std::optional<Duration> latency = {};
  /// How long a stream may say nothing before it says that it is alive; nothing: for
  /// ever.
  std::optional<Duration> heartbeat = {};
  /// kChannel: of the row form, long spans with some channels a batch are welcome.
  Order order = Order::kTime;
  /// About as many bytes a batch of several strides; nothing: as many as rows say.
  std::optional<int64_t> bytes = {};

  bool operator==(const Accept&) const = default;
};

/// kInvalidArgument naming `what` and the value for a latency out of its limits.
Status CheckLatency(std::string_view what, Duration latency);

/// Reads the header. Keys in any order, unknown keys are ignored, rows above their limit
/// and heartbeats below theirs become the limit. kInvalidArgument naming the part for a
/// value that is none.
Result<Accept> ParseAccept(std::string_view header);
/// Writes the parts; ParseAccept reads them back equal.
std::string FormatAccept(const Accept& accept);

/// "none", "lz4", "zstd".
std::string_view Name(Accept::Codec codec);
Result<Accept::Codec> CodecFromName(std::string_view name);

}  // namespace carryall::wire
