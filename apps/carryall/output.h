#pragma once

#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::apps {

/// Standard output of a verb, buffered. The first error sticks: kCancelled once the
/// reader has gone (a closed pipe) or a signal came, kIo for anything else. One thread.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Append(std::string_view text);
  Status Flush();
  const Status& status() const { return status_; }
  /// The reader closed the pipe: nobody wants more, which is no failure.
  bool reader_gone() const { return reader_gone_; }
  bool is_terminal() const;

 private:
  int fd_;
  std::string buffer_;
  Status status_;
  bool reader_gone_ = false;
};

}  // namespace carryall::apps
