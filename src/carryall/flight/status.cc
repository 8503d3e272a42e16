#include "carryall/flight/status.h"

#include <arrow/flight/types.h>

#include <optional>

#include "carryall/wire/error_table.h"

namespace carryall::flight {
namespace {

using arrow::flight::FlightStatusCode;
using arrow::flight::FlightStatusDetail;
using arrow::flight::TransportStatusCode;
using arrow::flight::TransportStatusDetail;
using wire::FlightCode;

constexpr std::string_view kKindPrefix = "carryall-kind: ";
// The trailer in which Arrow carries a Flight detail's extra information.
constexpr std::string_view kExtraInfoKey = "grpc-status-details-bin";

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

FlightCode FromTransport(TransportStatusCode code) {
  switch (code) {
    case TransportStatusCode::kInternal:
      return FlightCode::kInternal;
    case TransportStatusCode::kInvalidArgument:
      return FlightCode::kInvalid;
    case TransportStatusCode::kTimedOut:
      return FlightCode::kTimedOut;
    case TransportStatusCode::kCancelled:
      return FlightCode::kCancelled;
    case TransportStatusCode::kUnauthenticated:
      return FlightCode::kUnauthenticated;
    case TransportStatusCode::kUnauthorized:
      return FlightCode::kUnauthorized;
    case TransportStatusCode::kUnimplemented:
      return FlightCode::kNotImplemented;
    case TransportStatusCode::kUnavailable:
      return FlightCode::kUnavailable;
    default:
      return FlightCode::kFailed;
  }
}

std::optional<ErrorKind> NamedKind(std::string_view extra) {
  if (!extra.starts_with(kKindPrefix)) return std::nullopt;
  return wire::KindFromName(extra.substr(kKindPrefix.size()));
}

// What the transport wraps around a server's words.
std::string_view StripTransportText(std::string_view text) {
  constexpr std::string_view kIntroduction = ", with message: ";
  if (const size_t at = text.find(kIntroduction);
      text.starts_with("Flight ") && at != std::string_view::npos) {
    text.remove_prefix(at + kIntroduction.size());
  }
  if (text.starts_with("Flight error: ")) text.remove_prefix(14);
  for (const std::string_view mark :
       {". Detail:", " Detail:", ". gRPC client debug context:"}) {
    text = text.substr(0, text.find(mark));
  }
  return text;
}

struct Received {
  ErrorKind kind;
  std::string_view text;
};

Received Read(const TransportStatusDetail& detail) {
  ErrorKind kind = wire::KindOfFlightCode(FromTransport(detail.code()));
  for (const auto& [key, value] : detail.details()) {
    if (key == kExtraInfoKey) kind = NamedKind(value).value_or(kind);
  }
  return {kind, detail.message()};
}

Received Read(const Status& status) {
  if (const auto detail = TransportStatusDetail::Unwrap(status))
    return Read(detail->get());
  if (const auto detail = FlightStatusDetail::UnwrapStatus(status)) {
    const ErrorKind kind = wire::KindOfFlightCode(FromArrow(detail->code()));
    return {NamedKind(detail->extra_info()).value_or(kind), status.message()};
  }
  // The base class of stock servers' errors arrives as "unknown" without a detail.
  if (status.IsUnknownError() && status.detail() == nullptr) {
    return {wire::KindOfFlightCode(FlightCode::kFailed), status.message()};
  }
  return {KindOf(status), status.message()};
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
  const Received received = Read(status);
  return MakeError(received.kind,
                   fmt::format("{}: {}", endpoint, StripTransportText(received.text)));
}

Status RelayFlightStatus(const Status& status) {
  if (status.ok()) return status;
  const Received received = Read(status);
  const std::string text(StripTransportText(received.text));
  const auto transport = TransportStatusDetail::Unwrap(status);
  // No kind of ours has this code.
  if (transport ? transport->get().code() == TransportStatusCode::kUnimplemented
                : status.IsNotImplemented()) {
    return Status::NotImplemented(text);
  }
  return ToFlightStatus(MakeError(received.kind, text));
}

}  // namespace carryall::flight
