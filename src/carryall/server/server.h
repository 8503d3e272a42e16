#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "carryall/backend/backend.h"
#include "carryall/base/clock.h"
#include "carryall/server/limits.h"
#include "carryall/server/listen.h"

namespace carryall::server {

class FlightService;

struct ServerOptions {
  std::string url = "grpc://0.0.0.0:31206";  ///< as wire::ParseBindUrl reads it
  std::string scope_map_file;                ///< empty: none
  std::string version;                       ///< of the program, told to clients
  Limits limits;
  const Clock* clock = &Clock::System();  ///< outlives the server
};

/// A running server. Answers from Start on, in threads of its own, until Stop. Its
/// methods may be called from any thread.
class Server {
 public:
  /// kInvalidArgument for a bad URL or scope map (file:line), kIo naming the address for
  /// one that is in use.
  static Result<std::unique_ptr<Server>> Start(std::shared_ptr<backend::Backend> backend,
                                               ServerOptions options);
  /// Stops with no patience.
  ~Server();

  /// Where clients of this machine reach it: "grpc://127.0.0.1:PORT" for a wildcard.
  const std::string& url() const { return url_; }
  const Counters& counters() const;

  /// Reads scope map and backend configuration again, soon.
  void Reload();

  /// Ends the running streams, normally where their clients read, and waits for all calls
  /// to end; those that have not after `patience` are cancelled. Returns once nothing
  /// runs any more, which a cancelled call may delay by the time of one step of its
  /// source.
  void Stop(Duration patience);

 private:
  Server(PortReservation port, std::string url);

  PortReservation port_;
  std::string url_;
  std::unique_ptr<FlightService> service_;
  std::atomic<bool> stopped_{true};  ///< nothing runs (yet, or any more)
};

}  // namespace carryall::server
