#include "carryall/base/status.h"

#include <memory>

namespace carryall {
namespace {

constexpr const char kDetailType[] = "carryall::ErrorKind";

class KindDetail : public arrow::StatusDetail {
 public:
  explicit KindDetail(ErrorKind kind) : kind_(kind) {}
  const char* type_id() const override { return kDetailType; }
  std::string ToString() const override { return ErrorKindName(kind_); }
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

arrow::StatusCode CodeOf(ErrorKind kind) {
  using arrow::StatusCode;
  switch (kind) {
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kUnknownArgument:
    case ErrorKind::kInvalidReplay:
    case ErrorKind::kCorrupt:
      return StatusCode::Invalid;
    case ErrorKind::kUnsupported:
      return StatusCode::NotImplemented;
    case ErrorKind::kCancelled:
      return StatusCode::Cancelled;
    case ErrorKind::kResourceExhausted:
      return StatusCode::CapacityError;
    case ErrorKind::kNotFound:
      return StatusCode::KeyError;
    case ErrorKind::kInternal:
      return StatusCode::UnknownError;
    default:
      return StatusCode::IOError;
  }
}

}  // namespace

const char* ErrorKindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return "invalid argument";
    case ErrorKind::kInvalidRequest:
      return "invalid request";
    case ErrorKind::kUnknownArgument:
      return "unknown argument";
    case ErrorKind::kNoEndpoint:
      return "no endpoint";
    case ErrorKind::kInvalidReplay:
      return "invalid replay";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kUnauthenticated:
      return "unauthenticated";
    case ErrorKind::kPermissionDenied:
      return "permission denied";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kGap:
      return "gap";
    case ErrorKind::kDropped:
      return "dropped";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kResourceExhausted:
      return "resource exhausted";
    case ErrorKind::kNotFound:
      return "not found";
    case ErrorKind::kIo:
      return "input/output";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

Status MakeError(ErrorKind kind, std::string message) {
  return Status(CodeOf(kind), std::move(message), std::make_shared<KindDetail>(kind));
}

ErrorKind KindOf(const Status& status) {
  if (const auto& detail = status.detail();
      detail != nullptr && std::string_view(detail->type_id()) == kDetailType) {
    return static_cast<const KindDetail&>(*detail).kind();
  }
  switch (status.code()) {
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
    case arrow::StatusCode::IndexError:
      return ErrorKind::kInvalidArgument;
    case arrow::StatusCode::KeyError:
      return ErrorKind::kNotFound;
    case arrow::StatusCode::OutOfMemory:
    case arrow::StatusCode::CapacityError:
      return ErrorKind::kResourceExhausted;
    case arrow::StatusCode::Cancelled:
      return ErrorKind::kCancelled;
    case arrow::StatusCode::IOError:
      return ErrorKind::kIo;
    case arrow::StatusCode::NotImplemented:
      return ErrorKind::kUnsupported;
    case arrow::StatusCode::SerializationError:
      return ErrorKind::kCorrupt;
    default:
      return ErrorKind::kInternal;
  }
}

Status WithContext(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return Status(status.code(), fmt::format("{}: {}", context, status.message()),
                status.detail());
}

}  // namespace carryall
