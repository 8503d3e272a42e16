#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace carryall::flight {

/// A loopback port that passes bytes on to another one, until it is told to break: then
/// every connection is reset, as when a machine dies. With target port 0 it accepts
/// connections and never says a word.
class TcpRelay {
 public:
  explicit TcpRelay(int target_port) : target_(target_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = Loopback(0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~TcpRelay() { Break(); }

  std::string url() const { return fmt::format("grpc://127.0.0.1:{}", port_); }

  void Break() {
    if (!thread_.joinable()) return;
    stop_ = true;
    thread_.join();
  }

 private:
  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }

  void Accept() {
    const int inner = ::accept(listener_, nullptr, nullptr);
    if (inner < 0) return;
    int outer = -1;
    if (target_ != 0) {
      outer = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address = Loopback(target_);
      if (::connect(outer, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(outer);
        ::close(inner);
        return;
      }
    }
    pairs_.emplace_back(inner, outer);
  }

  static bool Copy(int from, int to) {
    char bytes[65536];
    const ssize_t count = ::recv(from, bytes, sizeof bytes, 0);
    for (ssize_t done = 0; done < count;) {
      const ssize_t sent =
          ::send(to, bytes + done, static_cast<size_t>(count - done), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += sent;
    }
    return count > 0;
  }

  void Run() {
    while (!stop_) {
      std::vector<pollfd> waits{{listener_, POLLIN, 0}};
      for (const auto& [inner, outer] : pairs_) {
        waits.push_back({outer < 0 ? -1 : inner, POLLIN, 0});
        waits.push_back({outer, POLLIN, 0});
      }
      ::poll(waits.data(), waits.size(), 20);
      for (size_t i = 0; i < pairs_.size(); ++i) {
        auto& [inner, outer] = pairs_[i];
        bool alive = true;
        if (waits[1 + 2 * i].revents != 0) alive = Copy(inner, outer);
        if (alive && waits[2 + 2 * i].revents != 0) alive = Copy(outer, inner);
        if (!alive) Reset(&pairs_[i]);
      }
      if (waits[0].revents != 0) Accept();
    }
    ::close(listener_);
    for (auto& pair : pairs_) Reset(&pair);
  }

  static void Reset(std::pair<int, int>* pair) {
    const linger hard{1, 0};
    for (int* fd : {&pair->first, &pair->second}) {
      if (*fd < 0) continue;
      ::setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      ::close(*fd);
      *fd = -1;
    }
  }

  const int target_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::vector<std::pair<int, int>> pairs_;
  std::thread thread_;
};

}  // namespace carryall::flight
