#include "carryall/proxy/ssh_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "carryall/base/log.h"

namespace carryall::proxy {
namespace {

constexpr std::string_view kConnected = "carryall-connected";
constexpr Duration kConnectTimeout = Duration::FromSeconds(120);
constexpr Duration kCommandTimeout = Duration::FromSeconds(30);
// Of the path of a Unix socket, 108 bytes with what ssh appends while it makes it.
constexpr size_t kMaxFolderBytes = 70;
constexpr int kForwardTries = 3;

// The last words of a program, on one line.
std::string LastWords(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  constexpr size_t kMost = 400;
  if (text.size() > kMost) text.remove_prefix(text.size() - kMost);
  std::string out;
  for (const char c : text) {
    if (c == '\r') continue;
    out += c == '\n' ? std::string("; ") : std::string(1, c);
  }
  return out.empty() ? "it did not say why" : out;
}

// A port of this machine that is free now.
Result<uint16_t> FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool found =
      fd >= 0 && bind(fd, any, size) == 0 && getsockname(fd, any, &size) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (found) return ntohs(address.sin_port);
  return Error(ErrorKind::kIo, "no free port on this machine: {}", std::strerror(error));
}

Status CheckDestination(const std::string& destination) {
  bool good = !destination.empty() && destination.front() != '-';
  for (const char c : destination) {
    good &= std::isgraph(static_cast<unsigned char>(c)) != 0;
  }
  if (good) return Status::OK();
  return Error(ErrorKind::kInvalidArgument,
               "not an ssh destination, [user@]host or ssh://[user@]host[:port]: '{}'",
               destination.substr(0, 200));
}

}  // namespace

// A folder of our own that goes with everything in it.
class SshConnection::Folder {
 public:
  static Result<std::unique_ptr<Folder>> Make() {
    const char* given = std::getenv("TMPDIR");
    std::string path = given == nullptr ? "" : given;
    if (path.empty() || path.size() > kMaxFolderBytes) path = "/tmp";
    path += "/carryall-ssh-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return Error(ErrorKind::kIo, "cannot make a folder for ssh: {}: {}", path,
                   std::strerror(errno));
    }
    return std::unique_ptr<Folder>(new Folder(path));
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string socket() const { return path_ + "/control"; }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

SshConnection::SshConnection(std::string destination)
    : destination_(std::move(destination)),
      name_(destination_.substr(destination_.starts_with("ssh://") ? 6 : 0)) {}

SshConnection::~SshConnection() { Close(); }

Status SshConnection::Connect(const flight::Interrupt& interrupt) {
  ARROW_RETURN_NOT_OK(CheckDestination(destination_));
  if (folder_ != nullptr) {
    return Error(ErrorKind::kInvalidArgument, "already connected to {}", destination_);
  }
  {
    ARROW_ASSIGN_OR_RAISE(auto folder, Folder::Make());
    const std::lock_guard lock(mutex_);
    folder_ = std::move(folder);
  }
  const Status held = Hold(interrupt);
  if (!held.ok()) Close();
  return held;
}

Status SshConnection::Hold(const flight::Interrupt& interrupt) {
  // What a user's configuration has for sessions of his own is not for this one. ssh
  // asks for passwords at the terminal, not by these pipes.
  ARROW_ASSIGN_OR_RAISE(
      master_, ChildProcess::Start({"ssh", "-M", "-S", folder_->socket(), "-T", "-o",
                                    "ControlPersist=no", "-o", "ClearAllForwardings=yes",
                                    "-o", "RemoteCommand=none", "-o", "ConnectTimeout=20",
                                    "-o", "ServerAliveInterval=15", destination_,
                                    fmt::format("echo {} && exec cat", kConnected)}));
  const SteadyTime deadline = SteadyNow() + ToChrono(kConnectTimeout);
  const Status told = master_->ReadUntil(kConnected, deadline, interrupt);
  if (!told.ok()) {
    if (KindOf(told) != ErrorKind::kTimeout) return told;
    return Error(ErrorKind::kTimeout, "ssh to {}: no connection within {}: {}", name_,
                 ToString(kConnectTimeout), LastWords(master_->err()));
  }
  if (master_->out().find(kConnected) == std::string::npos) {
    const int status = master_->End();
    return Error(ErrorKind::kUnavailable, "ssh to {} failed (exit status {}): {}", name_,
                 status, LastWords(master_->err()));
  }
  Log(LogLevel::kInfo, "connected to {} by ssh", name_);
  listener_ = std::jthread([this](const std::stop_token& stop) { Listen(stop); });
  return Status::OK();
}

// Reads what ssh says, so that it is never held up by it.
void SshConnection::Listen(const std::stop_token& stop) {
  size_t told = master_->err().size();
  while (!stop.stop_requested()) {
    const bool more = master_->ReadMore(SteadyNow() + std::chrono::milliseconds(100));
    const std::string& err = master_->err();
    for (size_t end; (end = err.find('\n', told)) != std::string::npos; told = end + 1) {
      Log(LogLevel::kWarning, "ssh to {}: {}", name_,
          LastWords(std::string_view(err).substr(told, end - told)));
    }
    if (more) continue;
    if (!stop.stop_requested()) {
      lost_.store(true);
      Log(LogLevel::kWarning, "the ssh connection to {} ended", name_);
    }
    return;
  }
}

void SshConnection::Close() {
  if (listener_.joinable()) {
    listener_.request_stop();
    listener_.join();
  }
  // SIGTERM: ssh takes its forwards and its control socket with it.
  master_.reset();
  const std::lock_guard lock(mutex_);
  folder_.reset();
}

Result<std::vector<std::string>> SshConnection::CommandLine(
    const std::vector<std::string>& ssh_options,
    const std::vector<std::string>& command) const {
  const std::lock_guard lock(mutex_);
  if (folder_ == nullptr) {
    return Error(ErrorKind::kUnavailable, "not connected to {}", destination_);
  }
  std::vector<std::string> out = {"ssh", "-S", folder_->socket(), "-o",
                                  "ControlMaster=no"};
  out.insert(out.end(), ssh_options.begin(), ssh_options.end());
  out.push_back(destination_);
  out.insert(out.end(), command.begin(), command.end());
  return out;
}

Result<Finished> SshConnection::Run(const std::vector<std::string>& command,
                                    const flight::Interrupt& interrupt) {
  ARROW_ASSIGN_OR_RAISE(const auto line, CommandLine({}, command));
  return RunProgram(line, kCommandTimeout, interrupt);
}

Result<std::string> SshConnection::Forward(const std::string& remote,
                                           std::optional<uint16_t> local_port,
                                           const flight::Interrupt& interrupt) {
  for (int tries = 0;; ++tries) {
    uint16_t port = local_port.value_or(0);
    if (!local_port) {
      ARROW_ASSIGN_OR_RAISE(port, FreePort());
    }
    ARROW_ASSIGN_OR_RAISE(
        const auto line,
        CommandLine({"-O", "forward", "-L", fmt::format("localhost:{}:{}", port, remote)},
                    {}));
    ARROW_ASSIGN_OR_RAISE(const Finished done,
                          RunProgram(line, kCommandTimeout, interrupt));
    if (done.status == 0) return fmt::format("localhost:{}", port);
    // Somebody may have taken the port meanwhile.
    if (!local_port && tries + 1 < kForwardTries) continue;
    return Error(ErrorKind::kUnavailable,
                 "ssh to {}: cannot forward port {} to {} (exit status {}): {}", name_,
                 port, remote, done.status, LastWords(done.err));
  }
}

}  // namespace carryall::proxy
