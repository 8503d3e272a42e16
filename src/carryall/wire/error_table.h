#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::wire {

/// How an error travels: the Flight status detail a server attaches, or a plain Arrow
/// code. The gRPC status follows from it (Arrow's fixed mapping); stock clients raise by
/// it.
enum class FlightCode : uint8_t {
  kInternal,         ///< detail Internal -> INTERNAL
  kUnavailable,      ///< detail Unavailable -> UNAVAILABLE
  kFailed,           ///< detail Failed -> UNKNOWN
  kTimedOut,         ///< detail TimedOut -> DEADLINE_EXCEEDED
  kCancelled,        ///< detail Cancelled -> CANCELLED
  kUnauthenticated,  ///< detail Unauthenticated -> UNAUTHENTICATED
  kUnauthorized,     ///< detail Unauthorized -> PERMISSION_DENIED
  kInvalid,          ///< plain arrow Invalid -> INVALID_ARGUMENT
  kNotImplemented,   ///< plain arrow NotImplemented -> UNIMPLEMENTED; never sent for a
                     ///< kind, but received for RPCs that a server does not have
};
inline constexpr int kFlightCodeCount = 9;

/// The gRPC status name, e.g. "INVALID_ARGUMENT".
std::string_view GrpcName(FlightCode code);

/// What the program exits with. Documented in docs/errors.md.
enum class ExitStatus : int {
  kOk = 0,
  kFailed = 1,        ///< the request failed
  kUsage = 2,         ///< a value that was given is wrong
  kGap = 3,           ///< data are missing and the caller asked to be told
  kTimeout = 4,       ///< a deadline passed
  kInterrupted = 130  ///< Ctrl-C
};

/// One kind of error and what becomes of it at every edge.
struct ErrorRow {
  ErrorKind kind;
  FlightCode flight;
  std::string_view python;  ///< class in module carryall.errors
  ExitStatus exit;
  std::string_view meaning;  ///< one line for docs/errors.md
};

/// The table, one row for each ErrorKind in the order of the enum. The only such mapping.
std::span<const ErrorRow> ErrorTable();
const ErrorRow& RowOf(ErrorKind kind);
inline const ErrorRow& RowOf(const Status& status) { return RowOf(KindOf(status)); }

/// The kind that a received code stands for where the sender did not say more. kFailed is
/// shared by several kinds and becomes kNoEndpoint, the widest of them.
ErrorKind KindOfFlightCode(FlightCode code);
/// The kind whose ErrorKindName is `name`: how our own servers name it beside the code.
std::optional<ErrorKind> KindFromName(std::string_view name);

}  // namespace carryall::wire
