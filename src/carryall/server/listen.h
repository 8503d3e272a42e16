#pragma once

#include <string>

#include "carryall/base/status.h"
#include "carryall/wire/url.h"

namespace carryall::server {

/// Holds a TCP port for one process. gRPC shares ports between processes that ask for the
/// same one (SO_REUSEPORT), so two servers would answer in turns: this socket is bound
/// alone first, and lets gRPC's in beside it afterwards. Keep it as long as the server.
class PortReservation {
 public:
  /// Port 0 picks a free one. kIo naming the address if it is in use or not ours.
  static Result<PortReservation> Make(const wire::ServerUrl& address);
  PortReservation(PortReservation&& other) noexcept;
  PortReservation& operator=(PortReservation&&) = delete;
  ~PortReservation();

  uint16_t port() const { return port_; }

 private:
  PortReservation(int fd, uint16_t port) : fd_(fd), port_(port) {}
  int fd_;
  uint16_t port_;
};

/// Whether a host name or address of a scope map means this machine. May ask the
/// resolver.
bool IsLocalHost(const std::string& host);

}  // namespace carryall::server
