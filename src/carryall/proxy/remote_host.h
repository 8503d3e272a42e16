#pragma once

#include <string>
#include <vector>

#include "carryall/flight/interrupt.h"
#include "carryall/proxy/child_process.h"

namespace carryall::proxy {

/// A host that runs commands for us and forwards ports of this machine to where it can
/// reach. One thread at a time.
class RemoteHost {
 public:
  virtual ~RemoteHost() = default;
  /// To be called first, once. kUnavailable or kTimeout naming the host.
  virtual Status Connect(const flight::Interrupt& interrupt) = 0;
  /// Runs a command there.
  virtual Result<Finished> Run(const std::vector<std::string>& command,
                               const flight::Interrupt& interrupt) = 0;
  /// Forwards a port of this machine to `remote`, "host:port" as seen from there; gives
  /// it as "localhost:port".
  virtual Result<std::string> Forward(const std::string& remote,
                                      const flight::Interrupt& interrupt) = 0;
  /// Whether the connection is still there, as far as is known. Any thread.
  virtual bool connected() const { return true; }
};

}  // namespace carryall::proxy
