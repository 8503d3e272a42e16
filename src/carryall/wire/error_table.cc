#include "carryall/wire/error_table.h"

#include <array>

namespace carryall::wire {
namespace {

using enum ErrorKind;
using F = FlightCode;
using X = ExitStatus;

constexpr std::array<ErrorRow, 18> kTable = {{
    {kInvalidArgument, F::kInvalid, "InvalidArgumentError", X::kUsage,
     "a value that was given is wrong: pattern, channel file, span, option, envelope"},
    // Stock clients and their tests expect INTERNAL where the request schema says no.
    {kInvalidRequest, F::kInternal, "InvalidRequestError", X::kFailed,
     "a request that its schema refuses"},
    {kUnknownArgument, F::kFailed, "UnknownArgumentError", X::kFailed,
     "a request with arguments its type does not have"},
    {kNoEndpoint, F::kFailed, "NoEndpointError", X::kFailed,
     "no server can serve the request"},
    {kInvalidReplay, F::kFailed, "InvalidReplayError", X::kFailed,
     "a replay id or window that cannot be resolved"},
    {kUnsupported, F::kFailed, "UnsupportedError", X::kFailed,
     "the operation is not available from this server or build"},
    {kUnavailable, F::kUnavailable, "UnavailableError", X::kFailed,
     "channels, a span or a server that is not available (now)"},
    {kUnauthenticated, F::kUnauthenticated, "UnauthenticatedError", X::kFailed,
     "a credential is needed and none was accepted"},
    {kPermissionDenied, F::kUnauthorized, "PermissionDeniedError", X::kFailed,
     "the credential does not suffice"},
    {kTimeout, F::kTimedOut, "DeadlineError", X::kTimeout,
     "a deadline passed: connecting, answering or silence"},
    {kCancelled, F::kCancelled, "CancelledError", X::kInterrupted,
     "the caller asked to stop"},
    {kGap, F::kInternal, "GapError", X::kGap,
     "data are missing and the caller chose to be told (client side only)"},
    {kDropped, F::kInternal, "DroppedError", X::kGap,
     "a block came too late and the caller chose to be told (client side only)"},
    {kCorrupt, F::kInternal, "CorruptError", X::kFailed,
     "bytes that are not what they claim to be"},
    // Flight has no code for it; UNAVAILABLE tells a client to try later or elsewhere.
    {kResourceExhausted, F::kUnavailable, "ResourceExhaustedError", X::kFailed,
     "a cap was hit: size, memory, admission"},
    {kNotFound, F::kUnavailable, "NotFoundError", X::kFailed,
     "a file, directory or channel that does not exist"},
    {kIo, F::kInternal, "InputOutputError", X::kFailed,
     "the operating system refused: disk full, permission, port in use"},
    {kInternal, F::kInternal, "InternalError", X::kFailed, "a defect of Carryall"},
}};

constexpr bool InEnumOrder() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<size_t>(kTable[i].kind) != i) return false;
  }
  return true;
}
static_assert(InEnumOrder() && kTable.back().kind == kInternal,
              "one row for each ErrorKind, in the order of the enum");

}  // namespace

std::string_view GrpcName(FlightCode code) {
  constexpr std::array<std::string_view, kFlightCodeCount> kNames = {
      "INTERNAL",          "UNAVAILABLE",      "UNKNOWN",
      "DEADLINE_EXCEEDED", "CANCELLED",        "UNAUTHENTICATED",
      "PERMISSION_DENIED", "INVALID_ARGUMENT", "UNIMPLEMENTED"};
  return kNames[static_cast<size_t>(code)];
}

std::span<const ErrorRow> ErrorTable() { return kTable; }

const ErrorRow& RowOf(ErrorKind kind) { return kTable[static_cast<size_t>(kind)]; }

ErrorKind KindOfFlightCode(FlightCode code) {
  switch (code) {
    case F::kInternal:
      return kInternal;
    case F::kUnavailable:
      return kUnavailable;
    case F::kFailed:
      return kNoEndpoint;
    case F::kTimedOut:
      return kTimeout;
    case F::kCancelled:
      return kCancelled;
    case F::kUnauthenticated:
      return kUnauthenticated;
    case F::kUnauthorized:
      return kPermissionDenied;
    case F::kInvalid:
      return kInvalidArgument;
    case F::kNotImplemented:
      return kUnsupported;
  }
  return kInternal;
}

std::optional<ErrorKind> KindFromName(std::string_view name) {
  for (const ErrorRow& row : kTable) {
    if (name == ErrorKindName(row.kind)) return row.kind;
  }
  return std::nullopt;
}

}  // namespace carryall::wire
