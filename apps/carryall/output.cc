#include "output.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "interrupt.h"

namespace carryall::apps {
namespace {
constexpr size_t kBufferBytes = 64 << 10;
}  // namespace

void Output::Append(std::string_view text) {
  if (!status_.ok()) return;
  buffer_.append(text);
  if (buffer_.size() >= kBufferBytes) static_cast<void>(Flush());
}

Status Output::Flush() {
  std::string_view rest = buffer_;
  while (status_.ok() && !rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      reader_gone_ = true;
      status_ = Error(ErrorKind::kCancelled, "nobody reads standard output any more");
    } else if (errno == EINTR) {
      status_ = CheckInterrupt();
    } else {
      status_ = Error(ErrorKind::kIo, "cannot write to standard output: {}",
                      std::generic_category().message(errno));
    }
  }
  buffer_.clear();
  return status_;
}

bool Output::is_terminal() const { return isatty(fd_) == 1; }

}  // namespace carryall::apps
