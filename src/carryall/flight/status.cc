#include "carryall/flight/status.h"

#include <arrow/flight/types.h>

#include "carryall/wire/error_table.h"

namespace carryall::flight {
namespace {

using arrow::flight::FlightStatusCode;
using arrow::flight::FlightStatusDetail;
using wire::FlightCode;

constexpr std::string_view kKindPrefix = "carryall-kind: ";

FlightStatusCode ToArrow(FlightCode code) {
  switch (code) {
    case FlightCode::kUnavailable:
      return FlightStatusCode::Unavailable;
    case FlightCode::kFailed:
      return FlightStatusCode::Failed;
    case FlightCode::kTimedOut:
      return FlightStatusCode::TimedOut;
    case FlightCode::kCancelled:
      return FlightStatusCode::Cancelled;
    case FlightCode::kUnauthenticated:
      return FlightStatusCode::Unauthenticated;
    case FlightCode::kUnauthorized:
      return FlightStatusCode::Unauthorized;
    default:
      return FlightStatusCode::Internal;
  }
}

FlightCode FromArrow(FlightStatusCode code) {
  switch (code) {
    case FlightStatusCode::TimedOut:
      return FlightCode::kTimedOut;
    case FlightStatusCode::Cancelled:
      return FlightCode::kCancelled;
    case FlightStatusCode::Unauthenticated:
      return FlightCode::kUnauthenticated;
    case FlightStatusCode::Unauthorized:
      return FlightCode::kUnauthorized;
    case FlightStatusCode::Unavailable:
      return FlightCode::kUnavailable;
    case FlightStatusCode::Failed:
      return FlightCode::kFailed;
    default:
      return FlightCode::kInternal;
  }
}

ErrorKind KindOfDetail(const FlightStatusDetail& detail) {
  const std::string extra = detail.extra_info();
  if (extra.starts_with(kKindPrefix)) {
    const auto name = std::string_view(extra).substr(kKindPrefix.size());
    if (const auto kind = wire::KindFromName(name)) return *kind;
  }
  return wire::KindOfFlightCode(FromArrow(detail.code()));
}

// What the transport appends to a server's words.
std::string_view StripTransportText(std::string_view text) {
  text = text.substr(0, text.find(" Detail:"));
  return text.substr(0, text.find(". gRPC client debug context:"));
}

}  // namespace

Status ToFlightStatus(const Status& status) {
  if (status.ok() || FlightStatusDetail::UnwrapStatus(status) != nullptr) return status;
  const wire::ErrorRow& row = wire::RowOf(status);
  if (row.flight == FlightCode::kInvalid) return Status::Invalid(status.message());
  if (row.flight == FlightCode::kNotImplemented) {
    return Status::NotImplemented(status.message());
  }
  return arrow::flight::MakeFlightError(
      ToArrow(row.flight), status.message(),
      std::string(kKindPrefix) + ErrorKindName(row.kind));
}

Status FromFlightStatus(const Status& status, std::string_view endpoint) {
  if (status.ok()) return status;
  const auto detail = FlightStatusDetail::UnwrapStatus(status);
  const ErrorKind kind = detail == nullptr ? KindOf(status) : KindOfDetail(*detail);
  return MakeError(kind,
                   fmt::format("{}: {}", endpoint, StripTransportText(status.message())));
}

}  // namespace carryall::flight
