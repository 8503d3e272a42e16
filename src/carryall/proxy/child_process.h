#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/base/clock.h"
#include "carryall/flight/interrupt.h"

namespace carryall::proxy {

/// How a program ended.
struct Finished {
  int status = 0;  ///< its exit status; 128 + the signal that ended it
  std::string out, err;
};

/// A program that runs beside us, found on PATH, with pipes to its three streams. Ctrl-C
/// at the terminal does not reach it. One thread at a time; destruction ends it (SIGTERM,
/// after 2 s SIGKILL).
class ChildProcess {
 public:
  /// kIo if there is no process to be had. A program that does not exist ends with 127.
  static Result<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& argv);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Reads what it writes until `out` has a line `marker` or it closed both streams,
  /// whichever comes first. kTimeout at the deadline.
  Status ReadUntil(std::string_view marker, SteadyTime deadline,
                   const flight::Interrupt& interrupt);
  /// What it has written that is not read yet; false once both streams are closed. Waits
  /// for it at most until the deadline.
  bool ReadMore(SteadyTime deadline);
  /// What has been read, at most 1 MiB each: the rest is thrown away.
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

  /// Closes its standard input: nothing more will come.
  void CloseInput();
  /// The exit status, once it has ended; kTimeout at the deadline.
  Result<int> Wait(SteadyTime deadline, const flight::Interrupt& interrupt);
  /// Ends it. Gives its exit status.
  int End();

 private:
  ChildProcess(pid_t pid, int in, int out, int err);
  bool Reap(bool block);

  pid_t pid_;
  int process_fd_;  // readable once it has ended
  int in_, out_fd_, err_fd_;
  std::string out_, err_;
  bool ended_ = false;
  int status_ = 0;
};

/// Runs a program to its end, with nothing on its standard input. kTimeout at the
/// deadline, and the program is ended.
Result<Finished> RunProgram(const std::vector<std::string>& argv, Duration timeout,
                            const flight::Interrupt& interrupt);

}  // namespace carryall::proxy
