#pragma once

#include <arrow/flight/transport.h>
#include <arrow/flight/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/flight/interrupt.h"

namespace carryall::flight {

struct ConnectionOptions {
  Duration connect_timeout = Duration::FromSeconds(5);
  std::optional<std::string> token;  ///< sent as bearer token with every call
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One gRPC channel to one server, opened by the first call. A server that cannot be
/// reached within the connect timeout gives kUnavailable naming the URL. Every call has a
/// deadline. Thread safe, but meant to be used by one call at a time (see
/// ConnectionPool).
class Connection {
 public:
  /// kInvalidArgument naming the URL if it is none of Flight's over gRPC.
  static Result<std::unique_ptr<Connection>> Make(const std::string& url,
                                                  const ConnectionOptions& options);
  ~Connection();

  const std::string& url() const { return url_; }

  /// An answer to GetFlightInfo that is under way. The connection is to outlive it.
  class PendingInfo {
   public:
    virtual ~PendingInfo() = default;  ///< cancels a call that was not waited for
    /// To be called once. kTimeout naming the URL if there is no answer in time.
    virtual Result<std::unique_ptr<arrow::flight::FlightInfo>> Wait(
        const Interrupt& interrupt) = 0;
  };

  /// Starts GetFlightInfo for a command descriptor; `timeout` counts from now.
  std::unique_ptr<PendingInfo> StartGetFlightInfo(const std::string& command,
                                                  const Headers& headers,
                                                  Duration timeout);
  Result<std::unique_ptr<arrow::flight::FlightInfo>> GetFlightInfo(
      const std::string& command, const Headers& headers, Duration timeout,
      const Interrupt& interrupt) {
    return StartGetFlightInfo(command, headers, timeout)->Wait(interrupt);
  }

  /// The body of the first result of an action. An interrupted call is left to end by its
  /// deadline on a thread of its own, which keeps `self` alive.
  static Result<std::string> DoAction(std::shared_ptr<Connection> self,
                                      const std::string& type, const Headers& headers,
                                      Duration timeout, const Interrupt& interrupt);

  /// Starts a DoGet: blocks until the connection is there or could not be made. The
  /// stream has no deadline of its own; its reader watches it.
  Result<std::unique_ptr<arrow::flight::internal::ClientDataStream>> DoGet(
      const std::string& ticket, const Headers& headers);

  /// Starts a DoExchange in the same way; nothing has been sent yet.
  Result<std::unique_ptr<arrow::flight::internal::ClientDataStream>> DoExchange(
      const Headers& headers);

 private:
  Connection(std::string url, std::optional<std::string> token)
      : url_(std::move(url)), token_(std::move(token)) {}
  arrow::flight::FlightCallOptions CallOptions(const Headers& headers) const;
  Result<std::string> ActionResult(const std::string& type, const Headers& headers,
                                   Duration timeout);

  std::string url_;
  std::optional<std::string> token_;
  std::unique_ptr<arrow::flight::internal::ClientTransport> transport_;
};

/// Connections that are open and idle, by URL, and the way to get one: a lease is
/// exclusive, so that a stream whose reader pauses holds up nobody else, and gives its
/// connection back when it ends. Thread safe. Leases keep the pool alive.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  explicit ConnectionPool(ConnectionOptions options);

  class Lease {
   public:
    Lease() = default;
    Lease(std::shared_ptr<ConnectionPool> pool, std::shared_ptr<Connection> connection)
        : pool_(std::move(pool)), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { Return(); }

    Connection* operator->() const { return connection_.get(); }
    const std::shared_ptr<Connection>& connection() const { return connection_; }
    /// The connection is not to be used again.
    void Drop() { connection_.reset(); }

   private:
    void Return();
    std::shared_ptr<ConnectionPool> pool_;
    std::shared_ptr<Connection> connection_;
  };

  /// An idle connection to `url`, else a new one.
  Result<Lease> Acquire(const std::string& url);

  size_t idle() const;

 private:
  static constexpr size_t kMaxIdlePerUrl = 8;
  void Return(std::shared_ptr<Connection> connection);

  const ConnectionOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::shared_ptr<Connection>>> idle_;
};

}  // namespace carryall::flight
