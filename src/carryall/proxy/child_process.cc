#include "carryall/proxy/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace carryall::proxy {
namespace {

constexpr size_t kMostOutput = 1 << 20;
constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kSlice = std::chrono::milliseconds(100);

void CloseFd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

// For poll, which is to look for an interrupt now and then.
int MillisecondsTo(SteadyTime when) {
  const auto left = std::min<SteadyTime::duration>(when - SteadyNow(), kSlice);
  return std::max(
      0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

// Three pipes. What is ours is not inherited by programs that are started elsewhere.
class Pipes {
 public:
  Pipes() = default;
  Pipes(const Pipes&) = delete;
  Pipes& operator=(const Pipes&) = delete;
  ~Pipes() {
    for (auto& pipe : pipes_) {
      for (int& fd : pipe) CloseFd(fd);
    }
  }
  bool Open() {
    for (auto& pipe : pipes_) {
      if (pipe2(pipe.data(), O_CLOEXEC) != 0) return false;
    }
    return true;
  }
  int Theirs(int stream) const { return pipes_[stream][stream == 0 ? 0 : 1]; }
  int TakeOurs(int stream) {
    return std::exchange(pipes_[stream][stream == 0 ? 1 : 0], -1);
  }

 private:
  std::array<std::array<int, 2>, 3> pipes_{{{-1, -1}, {-1, -1}, {-1, -1}}};
};

int ExitStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
                                  : WEXITSTATUS(wait_status);
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv) {
  const auto fail = [&](int error) {
    return Error(ErrorKind::kIo, "cannot start {}: {}", argv.at(0), std::strerror(error));
  };
  Pipes pipes;
  if (!pipes.Open()) return fail(errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int stream : {0, 1, 2}) {
    posix_spawn_file_actions_adddup2(&actions, pipes.Theirs(stream), stream);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int number : {SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&defaults, number);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  // The shell ignores SIGINT, and so does what it becomes: a Ctrl-C that is meant for the
  // command that uses a connection must not end the connection.
  std::vector<std::string> words = {"sh", "-c", "trap '' INT; exec \"$0\" \"$@\""};
  words.insert(words.end(), argv.begin(), argv.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, "/bin/sh", &actions, &attributes, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(error);
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, pipes.TakeOurs(0), pipes.TakeOurs(1), pipes.TakeOurs(2)));
}

ChildProcess::ChildProcess(pid_t pid, int in, int out, int err)
    : pid_(pid),
      process_fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
      in_(in),
      out_fd_(out),
      err_fd_(err) {}

ChildProcess::~ChildProcess() {
  End();
  for (int* fd : {&process_fd_, &out_fd_, &err_fd_}) CloseFd(*fd);
}

void ChildProcess::CloseInput() { CloseFd(in_); }

bool ChildProcess::ReadMore(SteadyTime deadline) {
  if (out_fd_ < 0 && err_fd_ < 0) return false;
  pollfd fds[] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
  if (poll(fds, 2, MillisecondsTo(deadline)) <= 0) return true;
  const auto take = [](const pollfd& ready, int& fd, std::string* text) {
    if (ready.revents == 0) return;
    std::array<char, 4096> bytes;
    const ssize_t count = read(fd, bytes.data(), bytes.size());
    if (count == 0 || (count < 0 && errno != EINTR)) return CloseFd(fd);
    if (count < 0) return;
    text->append(bytes.data(),
                 std::min(static_cast<size_t>(count), kMostOutput - text->size()));
  };
  take(fds[0], out_fd_, &out_);
  take(fds[1], err_fd_, &err_);
  return true;
}

Status ChildProcess::ReadUntil(std::string_view marker, SteadyTime deadline,
                               const flight::Interrupt& interrupt) {
  const std::string line = fmt::format("\n{}\n", marker);
  while (true) {
    const bool come = out_.starts_with(std::string_view(line).substr(1)) ||
                      out_.find(line) != std::string::npos;
    if (come && !marker.empty()) return Status::OK();
    ARROW_RETURN_NOT_OK(interrupt.Check());
    if (SteadyNow() >= deadline)
      return Error(ErrorKind::kTimeout, "nothing came in time");
    if (!ReadMore(deadline)) return Status::OK();
  }
}

bool ChildProcess::Reap(bool block) {
  int wait_status = 0;
  pid_t done = 0;
  do {
    done = waitpid(pid_, &wait_status, block ? 0 : WNOHANG);
  } while (done < 0 && errno == EINTR);
  if (done == 0) return false;
  ended_ = true;
  // Somebody else may have waited for all children of the process.
  status_ = done == pid_ ? ExitStatus(wait_status) : 0;
  return true;
}

Result<int> ChildProcess::Wait(SteadyTime deadline, const flight::Interrupt& interrupt) {
  while (!ended_ && !Reap(false)) {
    ARROW_RETURN_NOT_OK(interrupt.Check());
    if (SteadyNow() >= deadline)
      return Error(ErrorKind::kTimeout, "it did not end in time");
    // A kernel without descriptors of processes is asked now and then.
    pollfd ended{process_fd_, POLLIN, 0};
    poll(&ended, 1, process_fd_ >= 0 ? MillisecondsTo(deadline) : 10);
  }
  return status_;
}

int ChildProcess::End() {
  CloseInput();
  if (ended_) return status_;
  kill(pid_, SIGTERM);
  if (!Wait(SteadyNow() + kPatience, {}).ok()) {
    kill(pid_, SIGKILL);
    Reap(true);
  }
  return status_;
}

Result<Finished> RunProgram(const std::vector<std::string>& argv, Duration timeout,
                            const flight::Interrupt& interrupt) {
  ARROW_ASSIGN_OR_RAISE(const auto child, ChildProcess::Start(argv));
  const SteadyTime deadline = SteadyNow() + ToChrono(timeout);
  child->CloseInput();
  const auto failed = [&](const Status& status) {
    if (KindOf(status) != ErrorKind::kTimeout) return status;
    return Error(ErrorKind::kTimeout, "{} did not end within {}", argv.at(0),
                 ToString(timeout));
  };
  const Status read = child->ReadUntil("", deadline, interrupt);
  if (!read.ok()) return failed(read);
  const Result<int> status = child->Wait(deadline, interrupt);
  if (!status.ok()) return failed(status.status());
  return Finished{*status, child->out(), child->err()};
}

}  // namespace carryall::proxy
