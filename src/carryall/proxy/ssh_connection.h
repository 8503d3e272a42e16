#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "carryall/proxy/remote_host.h"

namespace carryall::proxy {

/// A connection that the ssh program of the system makes and keeps (a control master);
/// commands and port forwards go through it, so that the user is asked for a password
/// once. What ssh writes to standard error goes to the log.
///
/// The connection ends with this object, and with the process, however that ends: the
/// remote command that holds it open ends when our end of its standard input closes.
/// Thread safe, one call at a time.
class SshConnection final : public RemoteHost {
 public:
  /// `destination`: as ssh takes it, "[user@]host" or "ssh://[user@]host[:port]".
  explicit SshConnection(std::string destination);
  ~SshConnection() override;

  const std::string& destination() const { return destination_; }

  /// kInvalidArgument for a destination that is none; kUnavailable with ssh's words if it
  /// cannot connect; kTimeout after two minutes, in which passwords can be typed.
  Status Connect(const flight::Interrupt& interrupt) override;
  Result<Finished> Run(const std::vector<std::string>& command,
                       const flight::Interrupt& interrupt) override;
  Result<std::string> Forward(const std::string& remote,
                              const flight::Interrupt& interrupt) override {
    return Forward(remote, std::nullopt, interrupt);
  }
  bool connected() const override { return !lost_.load(); }
  /// From `local_port`; nothing: from one that is free.
  Result<std::string> Forward(const std::string& remote,
                              std::optional<uint16_t> local_port,
                              const flight::Interrupt& interrupt);
  /// Ends the connection with its forwards.
  void Close();

  /// The command line that runs `command` (nothing: none) over the connection, with
  /// further options of ssh. kUnavailable if there is no connection.
  Result<std::vector<std::string>> CommandLine(
      const std::vector<std::string>& ssh_options,
      const std::vector<std::string>& command) const;

 private:
  class Folder;
  Status Hold(const flight::Interrupt& interrupt);
  void Listen(const std::stop_token& stop);

  const std::string destination_;
  const std::string name_;  // the same, for messages
  mutable std::mutex mutex_;
  std::unique_ptr<Folder> folder_;        // of the control socket
  std::unique_ptr<ChildProcess> master_;  // the listener's while there is one
  std::atomic<bool> lost_{false};
  std::jthread listener_;
};

}  // namespace carryall::proxy
