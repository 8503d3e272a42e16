#include "bindings/proxy.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/blocking.h"
#include "carryall/proxy/ssh_connection.h"
#include "carryall/proxy/ssh_proxy.h"

namespace carryall::python {
namespace {

namespace nb = nanobind;
using Words = std::vector<std::string>;
using OptionalText = std::optional<std::string>;

flight::Interrupt InterruptOf(const client::CallContext& context) {
  return {context.stop, context.poll};
}

/// A proxy::RemoteHost whose methods are those of a Python object: connect(),
/// run(command) -> (status, standard output), forward(remote) -> "host:port".
class PythonHost final : public proxy::RemoteHost {
 public:
  explicit PythonHost(nb::object host) : host_(std::move(host)) {}
  ~PythonHost() override {
    const nb::gil_scoped_acquire gil;
    host_.reset();
  }

  Status Connect(const flight::Interrupt&) override {
    return Ask([&] { host_.attr("connect")(); });
  }
  Result<proxy::Finished> Run(const Words& command, const flight::Interrupt&) override {
    proxy::Finished done;
    ARROW_RETURN_NOT_OK(Ask([&] {
      const auto [status, out] =
          nb::cast<std::pair<int, std::string>>(host_.attr("run")(nb::cast(command)));
      done = {status, out, ""};
    }));
    return done;
  }
  Result<std::string> Forward(const std::string& remote,
                              const flight::Interrupt&) override {
    std::string local;
    ARROW_RETURN_NOT_OK(
        Ask([&] { local = nb::cast<std::string>(host_.attr("forward")(remote)); }));
    return local;
  }

 private:
  template <typename Call>
  static Status Ask(Call&& call) {
    const nb::gil_scoped_acquire gil;
    try {
      call();
    } catch (nb::python_error& error) {
      error.restore();
      return AlreadySet();
    } catch (const nb::cast_error&) {
      PyErr_SetString(PyExc_TypeError, "a connection answered with another type");
      return AlreadySet();
    }
    return Status::OK();
  }

  nb::object host_;
};

class PythonFlightProxy {
 public:
  PythonFlightProxy(const std::string& url, const std::string& backend,
                    proxy::LocationMap map) {
    core_ = Blocking([&]() -> Result<std::unique_ptr<proxy::FlightProxy>> {
      ARROW_ASSIGN_OR_RAISE(auto place, proxy::FlightProxy::Place::Reserve(url));
      return proxy::FlightProxy::Start(std::move(place), backend, std::move(map));
    });
  }
  ~PythonFlightProxy() { Stop(0); }

  int Port() const { return core_->port(); }
  std::string Url() const { return core_->url(); }
  proxy::LocationMap Locations() const { return core_->locations(); }
  void SetLocations(proxy::LocationMap map) { core_->SetLocations(std::move(map)); }
  void Stop(int64_t patience_ns) {
    if (core_ == nullptr) return;
    const nb::gil_scoped_release no_gil;  // it waits for calls
    core_->Stop(Duration::FromNs(patience_ns));
  }

 private:
  std::unique_ptr<proxy::FlightProxy> core_;
};

class PythonSshConnection {
 public:
  explicit PythonSshConnection(std::string destination) : core_(std::move(destination)) {}
  ~PythonSshConnection() { Close(); }

  void Connect() {
    Blocking([&] { return core_.Connect(InterruptOf(Interruptible())); });
  }
  Words CommandLine(const Words& options, const Words& command) const {
    return Blocking([&] { return core_.CommandLine(options, command); });
  }
  std::string Forward(const std::string& remote, std::optional<uint16_t> local_port) {
    return Blocking(
        [&] { return core_.Forward(remote, local_port, InterruptOf(Interruptible())); });
  }
  void Close() {
    const nb::gil_scoped_release no_gil;  // it waits for ssh
    core_.Close();
  }

 private:
  proxy::SshConnection core_;
};

class PythonSshProxy {
 public:
  /// Through a host that Python has.
  PythonSshProxy(nb::object host, std::string server, std::string bind,
                 OptionalText token) {
    auto options = OptionsOf(std::move(server), std::move(bind), std::move(token));
    auto there = std::make_shared<PythonHost>(std::move(host));
    core_ = Blocking([&] {
      return proxy::SshProxy::Open(std::move(there), std::move(options), Interruptible());
    });
  }
  /// Through the ssh program.
  PythonSshProxy(const std::string& url, OptionalText token) {
    auto options = OptionsOf("", "localhost:0", std::move(token));
    core_ = Blocking([&]() -> Result<std::unique_ptr<proxy::SshProxy>> {
      ARROW_ASSIGN_OR_RAISE(const proxy::SshUrl parsed, proxy::ParseSshUrl(url));
      return proxy::SshProxy::Open(parsed, std::move(options), Interruptible());
    });
  }
  ~PythonSshProxy() { Close(); }

  std::string Url() const {
    if (core_ != nullptr) return core_->url();
    Raise(ErrorKind::kUnavailable, "the proxy is closed");
    throw nb::python_error();
  }
  void Close() {
    const nb::gil_scoped_release no_gil;
    core_.reset();
  }

 private:
  static proxy::SshProxyOptions OptionsOf(std::string server, std::string bind,
                                          OptionalText token) {
    proxy::SshProxyOptions options;
    options.server = std::move(server);
    options.bind = std::move(bind);
    options.client.token = std::move(token);
    return options;
  }

  std::unique_ptr<proxy::SshProxy> core_;
};

}  // namespace

void BindProxy(nb::module_& m) {
  using nb::arg;
  m.attr("PUBLISH_UNSUPPORTED_MSG") = proxy::kPublishUnsupported;
  nb::class_<PythonFlightProxy>(m, "FlightProxy")
      .def(nb::init<const std::string&, const std::string&, proxy::LocationMap>(),
           arg("url"), arg("backend_url"), arg("locations"))
      .def("port", &PythonFlightProxy::Port)
      .def("url", &PythonFlightProxy::Url)
      .def("locations", &PythonFlightProxy::Locations)
      .def("set_locations", &PythonFlightProxy::SetLocations, arg("locations"))
      .def("stop", &PythonFlightProxy::Stop, arg("patience"));
  nb::class_<PythonSshConnection>(m, "SshConnection")
      .def(nb::init<std::string>(), arg("destination"))
      .def("connect", &PythonSshConnection::Connect)
      .def("command_line", &PythonSshConnection::CommandLine, arg("ssh_options"),
           arg("command"))
      .def("forward", &PythonSshConnection::Forward, arg("remote"),
           arg("local_port").none())
      .def("close", &PythonSshConnection::Close);
  nb::class_<PythonSshProxy>(m, "SshProxy")
      .def(nb::init<nb::object, std::string, std::string, OptionalText>(), arg("host"),
           arg("server"), arg("bind"), arg("token").none())
      .def(nb::init<const std::string&, OptionalText>(), arg("url"), arg("token").none())
      .def("url", &PythonSshProxy::Url)
      .def("close", &PythonSshProxy::Close);
}

}  // namespace carryall::python
