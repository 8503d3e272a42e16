#include "carryall/flight/status.h"

#include <arrow/flight/types.h>

#include <optional>

namespace carryall::flight {
namespace {

using arrow::flight::FlightStatusCode;
using arrow::flight::FlightStatusDetail;

constexpr std::string_view kKindPrefix = "carryall-kind: ";

/// Nothing: the plain Arrow status of that kind, which Flight turns into
/// INVALID_ARGUMENT.
std::optional<FlightStatusCode> CodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return std::nullopt;
    case ErrorKind::kUnavailable:
    case ErrorKind::kNotFound:
      return FlightStatusCode::Unavailable;
    case ErrorKind::kUnauthenticated:
      return FlightStatusCode::Unauthenticated;
    case ErrorKind::kPermissionDenied:
      return FlightStatusCode::Unauthorized;
    case ErrorKind::kTimeout:
      return FlightStatusCode::TimedOut;
    case ErrorKind::kCancelled:
      return FlightStatusCode::Cancelled;
    case ErrorKind::kUnknownArgument:
    case ErrorKind::kNoEndpoint:
    case ErrorKind::kInvalidReplay:
    case ErrorKind::kUnsupported:
    case ErrorKind::kResourceExhausted:
      return FlightStatusCode::Failed;
    default:
      return FlightStatusCode::Internal;
  }
}

ErrorKind KindOf(const FlightStatusDetail& detail) {
  const std::string extra = detail.extra_info();
  if (std::string_view(extra).substr(0, kKindPrefix.size()) == kKindPrefix) {
    const auto name = std::string_view(extra).substr(kKindPrefix.size());
    for (int i = 0; i <= static_cast<int>(ErrorKind::kInternal); ++i) {
      const auto kind = static_cast<ErrorKind>(i);
      if (name == ErrorKindName(kind)) return kind;
    }
  }
  switch (detail.code()) {
    case FlightStatusCode::TimedOut:
      return ErrorKind::kTimeout;
    case FlightStatusCode::Cancelled:
      return ErrorKind::kCancelled;
    case FlightStatusCode::Unauthenticated:
      return ErrorKind::kUnauthenticated;
    case FlightStatusCode::Unauthorized:
      return ErrorKind::kPermissionDenied;
    case FlightStatusCode::Unavailable:
      return ErrorKind::kUnavailable;
    case FlightStatusCode::Failed:
      return ErrorKind::kNoEndpoint;
    default:
      return ErrorKind::kInternal;
  }
}

std::string_view StripDetail(std::string_view text) {
  return text.substr(0, text.find(" Detail:"));
}

}  // namespace

Status ToFlightStatus(const Status& status) {
  if (status.ok() || FlightStatusDetail::UnwrapStatus(status) != nullptr) return status;
  const ErrorKind kind = carryall::KindOf(status);
  const auto code = CodeOf(kind);
  if (!code) return Status::Invalid(status.message());
  return arrow::flight::MakeFlightError(*code, status.message(),
                                        std::string(kKindPrefix) + ErrorKindName(kind));
}

Status FromFlightStatus(const Status& status, std::string_view endpoint) {
  if (status.ok()) return status;
  ErrorKind kind = carryall::KindOf(status);
  if (const auto detail = FlightStatusDetail::UnwrapStatus(status))
    kind = KindOf(*detail);
  return MakeError(kind, fmt::format("{}: {}", endpoint, StripDetail(status.message())));
}

}  // namespace carryall::flight
