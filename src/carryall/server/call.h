#pragma once

#include <arrow/flight/server.h>

#include <exception>
#include <string>
#include <string_view>

#include "carryall/base/log.h"
#include "carryall/base/status.h"
#include "carryall/wire/request.h"

namespace carryall::server {

/// One call on its way through the server: its id, its lines in the log, and the last
/// touch to its errors. A value; may outlive the call.
class Call {
 public:
  explicit Call(const arrow::flight::ServerCallContext& context);

  const std::string& id() const { return id_; }

  /// The access line: "[id] request=<what> peer=<peer> <args>" (protocol 5.11).
  void Access(std::string_view what, std::string_view args = {}) const;
  /// Access line of a parsed request, and all its arguments at debug level.
  void Access(std::string_view what, const wire::Request& request) const;

  template <typename... Args>
  void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (!LogEnabled(level)) return;
    LogLine(level, fmt::format("[{}] {}", id_,
                               fmt::format(format, std::forward<Args>(args)...)));
  }

  /// The status to hand to Flight: short enough for the trailers of a call, printable,
  /// and ending with the id. OK stays OK.
  Status Finish(const Status& status) const;
  /// " [request: <id>]", the end of every error text.
  std::string Suffix() const;

 private:
  std::string id_;
  std::string peer_;
};

/// Runs `body`. Nothing of ours throws, but memory may run out below us: that becomes an
/// error of this call instead of an end without words.
template <typename Body>
auto Shielded(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& e) {
    return Error(ErrorKind::kInternal, "unexpected failure: {}", e.what());
  }
}

/// The arguments of a request as the access line shows them: empty ones left out, channel
/// lists counted, other lists joined with commas.
std::string CompactArgs(const wire::Request& request);

/// `text` with control characters and broken UTF-8 replaced by '?', cut to `max_bytes`.
std::string Printable(std::string_view text, size_t max_bytes);

}  // namespace carryall::server
