#include "carryall/proxy/ssh_proxy.h"

#include "carryall/base/log.h"
#include "carryall/proxy/ssh_connection.h"
#include "carryall/wire/url.h"

namespace carryall::proxy {
namespace {

// The last line: what a shell prints when it starts comes before it.
std::string LastLine(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t end = text.find_last_not_of(kBlanks);
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end + 1);
  const size_t before = text.find_last_of(kBlanks);
  return std::string(before == std::string_view::npos ? text : text.substr(before + 1));
}

Result<wire::ServerUrl> FindServer(RemoteHost& host, const std::string& given,
                                   const flight::Interrupt& interrupt) {
  if (!given.empty()) return wire::ParseServerUrl(given);
  ARROW_ASSIGN_OR_RAISE(const Finished said,
                        host.Run({"printenv", "ARRAKIS_SERVER"}, interrupt));
  const std::string server = said.status == 0 ? LastLine(said.out) : "";
  if (server.empty()) {
    return Error(ErrorKind::kInvalidArgument,
                 "the remote host does not say where its server is: ARRAKIS_SERVER is "
                 "not set there for commands; name it as in ssh://host::server:port");
  }
  auto url = wire::ParseServerUrl(server);
  if (url.ok()) return url;
  return WithContext(url.status(), "ARRAKIS_SERVER of the remote host");
}

// "host:port", as ssh and the locations of plans write it.
std::string HostPort(const wire::ServerUrl& url) { return HostPortOf(url.ToString()); }

Result<LocationMap> ForwardAll(RemoteHost& host, const wire::ServerUrl& server,
                               client::ClientOptions options,
                               const client::CallContext& context, std::string* backend) {
  const flight::Interrupt interrupt{context.stop, context.poll};
  ARROW_ASSIGN_OR_RAISE(const std::string first,
                        host.Forward(HostPort(server), interrupt));
  wire::ServerUrl here = server;
  ARROW_ASSIGN_OR_RAISE(const wire::ServerUrl forwarded, wire::ParseServerUrl(first));
  here.host = forwarded.host;
  here.port = forwarded.port;
  *backend = here.ToString();
  LocationMap map = {{HostPort(server), first}};

  options.url = *backend;
  ARROW_ASSIGN_OR_RAISE(const auto client, client::Client::Make(std::move(options)));
  const auto endpoints = client->Endpoints(context);
  if (!endpoints.ok()) {
    return WithContext(endpoints.status(),
                       fmt::format("server {} of the remote host", HostPort(server)));
  }
  for (const std::string& endpoint : *endpoints) {
    if (endpoint == client->url()) continue;  // that is how it calls itself
    const auto url = wire::ParseServerUrl(endpoint);
    if (!url.ok()) {
      Log(LogLevel::kWarning, "not forwarded: {}", endpoint);
      continue;
    }
    // Plans name it as it is written there, which need not have a port.
    const std::string written = HostPortOf(endpoint);
    if (map.contains(written)) continue;
    ARROW_ASSIGN_OR_RAISE(map[written], host.Forward(HostPort(*url), interrupt));
  }
  return map;
}

}  // namespace

Result<std::unique_ptr<SshProxy>> SshProxy::Open(std::shared_ptr<RemoteHost> host,
                                                 SshProxyOptions options,
                                                 const client::CallContext& context) {
  const flight::Interrupt interrupt{context.stop, context.poll};
  // A look only: a place that nobody listens at is safe for moments, not for as long as
  // it takes to connect.
  ARROW_RETURN_NOT_OK(FlightProxy::Place::Reserve(options.bind));
  ARROW_RETURN_NOT_OK(host->Connect(interrupt));
  ARROW_ASSIGN_OR_RAISE(const wire::ServerUrl server,
                        FindServer(*host, options.server, interrupt));
  std::string backend;
  ARROW_ASSIGN_OR_RAISE(
      auto map, ForwardAll(*host, server, std::move(options.client), context, &backend));
  ARROW_ASSIGN_OR_RAISE(auto place, FlightProxy::Place::Reserve(options.bind));
  ARROW_ASSIGN_OR_RAISE(auto proxy,
                        FlightProxy::Start(std::move(place), backend, std::move(map)));
  return std::unique_ptr<SshProxy>(new SshProxy(std::move(host), std::move(proxy)));
}

Result<std::unique_ptr<SshProxy>> SshProxy::Open(const SshUrl& url,
                                                 SshProxyOptions options,
                                                 const client::CallContext& context) {
  options.server = url.server;
  return Open(std::make_shared<SshConnection>(url.destination), std::move(options),
              context);
}

}  // namespace carryall::proxy
