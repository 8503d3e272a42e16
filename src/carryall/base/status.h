#pragma once

#include <arrow/result.h>
#include <arrow/status.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace carryall {

using arrow::Result;
using arrow::Status;

/// Why an operation failed, in terms a caller can act on. Every error that Carryall
/// makes carries one as a StatusDetail; wire/error_table.h maps each to a Flight code, a
/// Python exception and an exit status (that table is the only such mapping).
enum class ErrorKind {
  kInvalidArgument,    ///< a value that was given is wrong (pattern, TOML, span, option)
  kInvalidRequest,     ///< a request that its schema refuses
  kUnknownArgument,    ///< a request with arguments its type does not have
  kNoEndpoint,         ///< no server can serve this request
  kInvalidReplay,      ///< replay id or window that cannot be resolved
  kUnsupported,        ///< the operation is not available from this server or build
  kUnavailable,        ///< channels, a span or a server that is not available (now)
  kUnauthenticated,    ///< a credential is needed and none was accepted
  kPermissionDenied,   ///< the credential does not suffice
  kTimeout,            ///< a deadline passed: connecting, answering or silence
  kCancelled,          ///< the caller asked to stop
  kGap,                ///< data are missing and the caller chose to be told
  kDropped,            ///< a block came too late and the caller chose to be told
  kCorrupt,            ///< bytes that are not what they claim to be (IPC, segment, HDF5)
  kResourceExhausted,  ///< a cap was hit (size, memory, admission)
  kNotFound,           ///< a file, directory or channel that does not exist
  kIo,        ///< the operating system refused: disk full, permission, port in use
  kInternal,  ///< a defect of ours
};

/// Lower-case words of a kind, e.g. "invalid argument". Never null.
const char* ErrorKindName(ErrorKind kind);

/// Makes an error status. Text convention: what was asked and what is wrong, fixed words
/// first, values last; no trailing full stop.
Status MakeError(ErrorKind kind, std::string message);

/// Formats the message with {fmt}.
template <typename... Args>
Status Error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return MakeError(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// The kind of a status that is not OK. A status that Carryall did not make gets the
/// nearest kind by its Arrow code (IOError -> kIo, Invalid -> kInvalidArgument, ...).
ErrorKind KindOf(const Status& status);

/// The same error with `context` and ": " in front of its message; OK stays OK.
Status WithContext(const Status& status, std::string_view context);

}  // namespace carryall
