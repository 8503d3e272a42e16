#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::wire {

/// Request header with which our own client asks for more than a stock client
/// understands. Absent: stock behaviour.
inline constexpr std::string_view kAcceptHeader = "x-carryall-accept";
inline constexpr int64_t kMaxAcceptRows = 1024;

/// What a client can take: "rows=N; form=row|column; codec=none|lz4|zstd", and what it
/// wants with a plan: "describe=yes|no".
struct Accept {
  enum class Form { kColumn, kRow };
  enum class Codec { kNone, kLz4, kZstd };
  int64_t rows = 1;  ///< strides a batch may span, 1..kMaxAcceptRows
  Form form = Form::kColumn;
  Codec codec = Codec::kNone;
  bool describe = false;  ///< the channels, with the plan of a stream

  bool operator==(const Accept&) const = default;
};

/// Reads the header. Keys in any order, unknown keys are ignored, rows above the limit
/// become the limit. kInvalidArgument naming the part for a value that is none.
Result<Accept> ParseAccept(std::string_view header);
/// Writes the parts; ParseAccept reads them back equal.
std::string FormatAccept(const Accept& accept);

/// "none", "lz4", "zstd".
std::string_view Name(Accept::Codec codec);
Result<Accept::Codec> CodecFromName(std::string_view name);

}  // namespace carryall::wire
