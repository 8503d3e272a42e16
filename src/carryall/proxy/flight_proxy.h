#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "carryall/base/time.h"
#include "carryall/proxy/locations.h"
#include "carryall/server/listen.h"

namespace carryall::proxy {

/// What a client is told who wants to publish through a proxy.
inline constexpr const char* kPublishUnsupported =
    "publishing through the SSH proxy is not supported";

/// A Flight server that gives what another one answers: plans with their locations
/// mapped, everything else as it is. The caller's authorization, request id and what he
/// accepts are passed on; uploads are refused. Errors keep their code and words.
///
/// Answers from Start on, in threads of its own, until Stop. Thread safe.
class FlightProxy {
 public:
  /// Where to listen ("host:port" or a URL, port 0 for any free one), to be used at once:
  /// until somebody listens there it is held against nobody else who would.
  class Place {
   public:
    /// kInvalidArgument for what is no place; kIo naming it if it is in use.
    static Result<Place> Reserve(const std::string& bind);
    /// "grpc://host:port", the host as given.
    const std::string& url() const { return url_; }

   private:
    friend FlightProxy;
    Place(server::PortReservation port, std::string url)
        : port_(std::move(port)), url_(std::move(url)) {}
    server::PortReservation port_;
    std::string url_;
  };

  /// `backend`: the URL of the server that answers. Nothing is sent to it yet.
  static Result<std::unique_ptr<FlightProxy>> Start(Place place,
                                                    const std::string& backend,
                                                    LocationMap locations);
  /// Stops with half a second of patience.
  ~FlightProxy();

  const std::string& url() const { return place_.url(); }
  uint16_t port() const { return place_.port_.port(); }
  LocationMap locations() const;
  void SetLocations(LocationMap locations);

  /// Ends the running streams (kUnavailable) and waits for all calls to end; those that
  /// have not after `patience` are cancelled.
  void Stop(Duration patience);

 private:
  class Service;
  explicit FlightProxy(Place place);

  Place place_;
  std::unique_ptr<Service> service_;
  std::atomic<bool> stopped_{true};
};

}  // namespace carryall::proxy
