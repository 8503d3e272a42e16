#include "carryall/server/server.h"

#include <chrono>

#include "carryall/base/heap.h"
#include "carryall/server/service.h"
#include "carryall/server/upload_limit.h"
#include "carryall/wire/url.h"

namespace carryall::server {

Result<std::unique_ptr<Server>> Server::Start(std::shared_ptr<backend::Backend> backend,
                                              ServerOptions options) {
  TuneHeap();
  DropFastbins();
  ARROW_ASSIGN_OR_RAISE(wire::ServerUrl address, wire::ParseBindUrl(options.url));
  if (address.host == "localhost") address.host = "127.0.0.1";  // one address, not two
  ARROW_ASSIGN_OR_RAISE(PortReservation port, PortReservation::Make(address));
  address.port = port.port();
  wire::ServerUrl client_address = address;
  if (address.host == "0.0.0.0" || address.host == "::")
    client_address.host = "127.0.0.1";
  std::unique_ptr<Server> server(new Server(std::move(port), client_address.ToString()));

  ARROW_ASSIGN_OR_RAISE(
      auto routers,
      RouterStore::Make(backend, std::move(options.scope_map_file), address.port));
  Identity identity{std::move(options.version), std::string(backend->name()),
                    backend->registrar() != nullptr};
  server->service_ = std::make_unique<FlightService>(
      FlightService::Parts{std::move(backend), std::move(routers), std::move(identity),
                           options.limits, options.clock});
  ARROW_ASSIGN_OR_RAISE(const auto location,
                        arrow::flight::Location::Parse(address.ToString()));
  arrow::flight::FlightServerOptions flight_options(location);
  flight_options.middleware.emplace_back(
      "upload-limit", std::make_shared<UploadLimit>(options.limits.max_uploads));
  const Status status = server->service_->Init(flight_options);
  if (!status.ok()) {
    return Error(ErrorKind::kIo, "cannot listen on {}: {}", address.ToString(),
                 status.message());
  }
  server->stopped_ = false;
  return server;
}

Server::Server(PortReservation port, std::string url)
    : port_(std::move(port)), url_(std::move(url)) {}

Server::~Server() { Stop(Duration()); }

const Counters& Server::counters() const { return service_->counters(); }

void Server::Reload() { service_->routers().RequestReload(); }

void Server::Stop(Duration patience) {
  if (stopped_.exchange(true)) return;
  service_->EndStreams();
  // Without a deadline a client that keeps its connection would hold us for ever.
  const auto deadline = std::chrono::system_clock::now() + ToChrono(patience);
  const auto at =
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(deadline);
  if (const Status status = service_->Shutdown(&at); !status.ok()) {
    Log(LogLevel::kWarning, "shutdown: {}", status.message());
  }
}

}  // namespace carryall::server
