#include "bindings/publisher.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>

#include "bindings/block.h"
#include "bindings/blocking.h"
#include "carryall/publish/publisher.h"

namespace carryall::python {
namespace {

namespace nb = nanobind;
using OptionalNs = std::optional<int64_t>;
using OptionalText = std::optional<std::string>;

std::optional<Duration> AsTimeout(OptionalNs ns) {
  return ns ? std::optional(Duration::FromNs(*ns)) : std::nullopt;
}

/// publish::Publisher with Python's values at its edges.
class PythonPublisher {
 public:
  PythonPublisher(std::string id, std::string url, OptionalText replay_id,
                  OptionalText token, bool partial, bool transactional,
                  int64_t delivery_timeout_ns) {
    publish::PublisherOptions options;
    options.id = std::move(id);
    options.replay_id = std::move(replay_id);
    options.server.url = std::move(url);
    options.server.token = std::move(token);
    options.partial = partial;
    options.transactional = transactional;
    options.delivery_timeout = Duration::FromNs(delivery_timeout_ns);
    core_ = Blocking([&] { return publish::Publisher::Make(std::move(options)); });
  }
  PythonPublisher(PythonPublisher&&) = default;
  ~PythonPublisher() { LetGo(core_); }

  void Register(const nb::list& channels) {
    const std::vector<Channel> given = ChannelsOf(channels);
    Blocking([&] { return core_->Register(given, Interruptible()); });
  }
  void Adopt(const nb::list& channels) {
    std::vector<Channel> found = ChannelsOf(channels);
    Blocking([&] { return core_->Adopt(std::move(found)); });
  }
  static std::vector<Channel> ChannelsOf(const nb::list& channels) {
    std::vector<Channel> given;
    for (const nb::handle object : channels) {
      auto channel = FromPython(object.ptr());
      Status status = channel.status();
      if (status.ok()) status = AddDetails(object.ptr(), &*channel);
      if (!status.ok()) {
        Raise(status);
        throw nb::python_error();
      }
      given.push_back(*std::move(channel));
    }
    return given;
  }
  nb::list Channels() const {
    nb::list list;
    if (core_->registration() == nullptr) return list;
    for (const Channel& channel : core_->registration()->channels()->channels()) {
      list.append(Checked(ToPython(channel)));
    }
    return list;
  }
  OptionalNs Stride() const {
    if (core_->registration() == nullptr) return std::nullopt;
    return core_->registration()->stride().ns();
  }

  void Open() {
    Blocking([&] { return core_->Open(Interruptible()); });
  }
  void Publish(nb::handle block, OptionalNs timeout_ns) {
    const SeriesBlock views = Views(block);
    Blocking(
        [&] { return core_->Publish(views, AsTimeout(timeout_ns), Interruptible()); });
  }
  void Send(nb::handle block) {
    const SeriesBlock views = Views(block);
    Blocking([&] { return core_->Send(views, Interruptible()); });
  }
  void Flush(OptionalNs timeout_ns) {
    Blocking([&] { return core_->Flush(AsTimeout(timeout_ns), Interruptible()); });
  }
  void Close(int64_t timeout_ns) {
    Blocking([&] { return core_->Close(Duration::FromNs(timeout_ns), Interruptible()); });
  }
  bool IsOpen() const { return core_->is_open(); }
  int64_t Confirmed() const { return core_->confirmed(); }
  std::string Url() const { return core_->url(); }

 private:
  SeriesBlock Views(nb::handle block) {
    if (!IsBlock(block.ptr())) {
      PyErr_Format(PyExc_TypeError, "expected a SeriesBlock, got %s",
                   Py_TYPE(block.ptr())->tp_name);
      throw nb::python_error();
    }
    auto views = ViewsOf(reinterpret_cast<Block*>(block.ptr()), &known_);
    if (!views.ok()) {
      Raise(views.status());
      throw nb::python_error();
    }
    return *std::move(views);
  }

  std::unique_ptr<publish::Publisher> core_;
  KnownChannels known_{/*detailed=*/true};
};

}  // namespace

void BindPublisher(nb::module_& m) {
  using nb::arg;
  nb::class_<PythonPublisher>(m, "Publisher")
      .def(nb::init<std::string, std::string, OptionalText, OptionalText, bool, bool,
                    int64_t>(),
           arg("publisher_id"), arg("url"), arg("replay_id").none(), arg("token").none(),
           arg("partial"), arg("transactional"), arg("delivery_timeout"))
      .def("register", &PythonPublisher::Register, arg("channels"))
      .def("adopt", &PythonPublisher::Adopt, arg("channels"))
      .def("channels", &PythonPublisher::Channels)
      .def("stride", &PythonPublisher::Stride)
      .def("open", &PythonPublisher::Open)
      .def("publish", &PythonPublisher::Publish, arg("block"), arg("timeout").none())
      .def("send", &PythonPublisher::Send, arg("block"))
      .def("flush", &PythonPublisher::Flush, arg("timeout").none())
      .def("close", &PythonPublisher::Close, arg("timeout"))
      .def("is_open", &PythonPublisher::IsOpen)
      .def("confirmed", &PythonPublisher::Confirmed)
      .def("url", &PythonPublisher::Url);
}

}  // namespace carryall::python
