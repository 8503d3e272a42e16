#include "carryall/server/listen.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace carryall::server {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList Resolve(const std::string& host, uint16_t port, int flags, int* error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  *error = getaddrinfo(host.empty() ? nullptr : host.c_str(),
                       std::to_string(port).c_str(), &hints, &found);
  return AddressList(*error == 0 ? found : nullptr, &freeaddrinfo);
}

bool SameAddress(const sockaddr* a, const sockaddr* b) {
  if (a->sa_family != b->sa_family) return false;
  if (a->sa_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(a)->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(b)->sin_addr.s_addr;
  }
  return a->sa_family == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr,
                     &reinterpret_cast<const sockaddr_in6*>(b)->sin6_addr,
                     sizeof(in6_addr)) == 0;
}

uint16_t PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

Result<PortReservation> PortReservation::Make(const wire::ServerUrl& address) {
  const auto fail = [&](std::string_view why) {
    return Error(ErrorKind::kIo, "cannot listen on {}: {}", address.ToString(), why);
  };
  int error = 0;
  const AddressList found = Resolve(address.host, address.port, AI_PASSIVE, &error);
  if (found == nullptr) return fail(gai_strerror(error));
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(std::strerror(errno));
  PortReservation out(fd, 0);
  // REUSEADDR passes over connections that linger after an earlier server, not over one
  // that listens. REUSEPORT only after the bind: see the class.
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
    return fail(std::strerror(errno));
  }
  out.port_ = PortOf(fd);
  return out;
}

PortReservation::PortReservation(PortReservation&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}

PortReservation::~PortReservation() {
  if (fd_ >= 0) close(fd_);
}

bool IsLocalHost(const std::string& host) {
  for (const char* name : {"", "0.0.0.0", "::", "localhost", "127.0.0.1", "::1"}) {
    if (host == name) return true;
  }
  char own[256] = {};
  if (gethostname(own, sizeof(own) - 1) == 0 && host == own) return true;
  int error = 0;
  const AddressList found = Resolve(host, 0, 0, &error);
  ifaddrs* interfaces = nullptr;
  if (found == nullptr || getifaddrs(&interfaces) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> holder(interfaces, &freeifaddrs);
  for (const addrinfo* a = found.get(); a != nullptr; a = a->ai_next) {
    for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next) {
      if (i->ifa_addr != nullptr && SameAddress(a->ai_addr, i->ifa_addr)) return true;
    }
  }
  return false;
}

}  // namespace carryall::server
