#pragma once

#include <memory>
#include <string>

#include "carryall/client/client.h"
#include "carryall/proxy/flight_proxy.h"
#include "carryall/proxy/remote_host.h"
#include "carryall/proxy/ssh_url.h"

namespace carryall::proxy {

struct SshProxyOptions {
  std::string server;  ///< as seen from the remote host; empty: its ARRAKIS_SERVER
  std::string bind = "localhost:0";  ///< where the proxy listens
  client::ClientOptions client;      ///< how the server is asked; not its URL
};

/// The servers of a platform that a remote host reaches, for clients of this machine: the
/// first server through a proxy, the others through port forwards that its plans name.
class SshProxy {
 public:
  /// kIo naming the place to listen if that is in use, before the host is connected to.
  /// kInvalidArgument if the host does not say where its server is; kUnavailable or
  /// kTimeout naming the host or the server that does not answer.
  static Result<std::unique_ptr<SshProxy>> Open(std::shared_ptr<RemoteHost> host,
                                                SshProxyOptions options,
                                                const client::CallContext& context);
  /// The same through the ssh program; `server` of the options does not count.
  static Result<std::unique_ptr<SshProxy>> Open(const SshUrl& url,
                                                SshProxyOptions options,
                                                const client::CallContext& context);

  /// What clients of this machine are to ask.
  const std::string& url() const { return proxy_->url(); }
  /// "host:port" as servers call it to where it is forwarded to.
  LocationMap forwards() const { return proxy_->locations(); }
  /// Whether the remote host is still connected to.
  bool connected() const { return host_->connected(); }

 private:
  SshProxy(std::shared_ptr<RemoteHost> host, std::unique_ptr<FlightProxy> proxy)
      : host_(std::move(host)), proxy_(std::move(proxy)) {}

  std::shared_ptr<RemoteHost> host_;
  std::unique_ptr<FlightProxy> proxy_;  // goes before what it uses
};

}  // namespace carryall::proxy
