#include "carryall/client/client.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/block.h"
#include "bindings/blocking.h"
#include "bindings/client.h"

namespace carryall::python {
namespace {

namespace nb = nanobind;
using Names = std::vector<std::string>;
using OptionalNs = std::optional<int64_t>;
using OptionalText = std::optional<std::string>;

std::optional<GpsTime> AsTime(OptionalNs ns) {
  return ns ? std::optional(GpsTime::FromNs(*ns)) : std::nullopt;
}
std::optional<Duration> AsDuration(OptionalNs ns) {
  return ns ? std::optional(Duration::FromNs(*ns)) : std::nullopt;
}

nb::list AsList(const std::vector<Channel>& channels) {
  nb::list list;
  for (const Channel& channel : channels) list.append(Checked(ToPython(channel)));
  return list;
}

wire::FindArgs FindArguments(std::string pattern, const Names& data_types,
                             int64_t min_rate, int64_t max_rate, Names publishers,
                             OptionalNs time, OptionalText replay_id) {
  wire::FindArgs args;
  args.pattern = std::move(pattern);
  for (const std::string& name : data_types) {
    const auto type = DataTypeFromName(name);
    if (!type.ok()) {
      Raise(type.status());
      throw nb::python_error();
    }
    args.data_types.push_back(*type);
  }
  args.min_rate = min_rate;
  args.max_rate = max_rate;
  args.publishers = std::move(publishers);
  args.time = AsTime(time);
  args.replay_id = std::move(replay_id);
  return args;
}

mux::OnGap OnGapOf(const std::string& name) {
  return name == "skip"    ? mux::OnGap::kSkip
         : name == "raise" ? mux::OnGap::kRaise
                           : mux::OnGap::kFill;
}
mux::OnDrop OnDropOf(const std::string& name) {
  return name == "warn"    ? mux::OnDrop::kWarn
         : name == "raise" ? mux::OnDrop::kRaise
                           : mux::OnDrop::kIgnore;
}

/// The blocks of a running stream.
class Stream {
 public:
  explicit Stream(std::unique_ptr<client::BlockStream> blocks)
      : blocks_(std::move(blocks)) {}
  Stream(Stream&&) = default;
  ~Stream() {
    if (blocks_ == nullptr) return;
    const nb::gil_scoped_release no_gil;  // it joins threads
    blocks_.reset();
  }

  nb::object Next() {
    auto block = Blocking([&] { return blocks_->Next(Interruptible()); });
    if (!block) return nb::none();
    if (!layout_ || AsLayout(layout_)->set != block->channels()) {
      layout_ = MakeLayout(block->channels());
    }
    if (!layout_) throw nb::python_error();
    return Checked(Ref::Take(
        MakeBlock(nullptr, *std::move(block), Ref::Share(layout_.get()), true)));
  }
  void Cancel() {
    const nb::gil_scoped_release no_gil;
    blocks_->Cancel();
  }

 private:
  std::unique_ptr<client::BlockStream> blocks_;
  Ref layout_;
};

/// client::Client with Python's values at its edges.
class PythonClient {
 public:
  PythonClient(std::string url, OptionalText token) {
    client::ClientOptions options;
    options.url = std::move(url);
    options.token = std::move(token);
    core_ = Blocking([&] { return client::Client::Make(std::move(options)); });
  }
  ~PythonClient() {
    const nb::gil_scoped_release no_gil;  // readers of brokers are threads, too
    core_.reset();
  }

  nb::list Find(const wire::FindArgs& args) {
    std::vector<Channel> found;
    Blocking([&] {
      return core_->Find(
          args,
          [&](const Channel& channel) {
            found.push_back(channel);
            return true;
          },
          Interruptible());
    });
    return AsList(found);
  }
  int64_t Count(const wire::FindArgs& args) {
    return Blocking([&] { return core_->Count(args, Interruptible()); });
  }
  nb::list Describe(Names channels, OptionalNs time, OptionalText replay_id) {
    const wire::DescribeArgs args{std::move(channels), AsTime(time),
                                  std::move(replay_id)};
    return AsList(Blocking([&] { return core_->Describe(args, Interruptible()); }));
  }

  nb::object Fetch(const Names& channels, const client::StreamOptions& options) {
    auto block =
        Blocking([&] { return core_->Fetch(channels, options, Interruptible()); });
    Ref layout = MakeLayout(block.channels());
    if (!layout) throw nb::python_error();
    return Checked(
        Ref::Take(MakeBlock(nullptr, std::move(block), std::move(layout), true)));
  }
  Stream Open(const Names& channels, const client::StreamOptions& options) {
    return Stream(
        Blocking([&] { return core_->Stream(channels, options, Interruptible()); }));
  }

  std::string ServerInfo() {
    return Blocking([&] { return core_->ServerInfo(Interruptible()); });
  }
  std::string ScopeMap() {
    return Blocking([&] { return core_->ScopeMap(Interruptible()); });
  }
  std::string Replays() {
    return Blocking([&] { return core_->Replays(Interruptible()); });
  }
  Names Endpoints() {
    return Blocking([&] { return core_->Endpoints(Interruptible()); });
  }
  Names Domains() {
    return Blocking([&] { return core_->Domains(Interruptible()); });
  }

 private:
  std::shared_ptr<client::Client> core_;
};

client::StreamOptions OptionsOf(OptionalNs start, OptionalNs end, OptionalNs duration,
                                OptionalNs replay_start, OptionalNs replay_end,
                                OptionalText replay_id, const std::string& on_gap,
                                OptionalText kafka_url) {
  client::StreamOptions options;
  options.start = AsTime(start);
  options.end = AsTime(end);
  options.duration = AsDuration(duration);
  options.replay_start = AsTime(replay_start);
  options.replay_end = AsTime(replay_end);
  options.replay_id = std::move(replay_id);
  options.on_gap = OnGapOf(on_gap);
  options.kafka_url = std::move(kafka_url);
  return options;
}

}  // namespace

void BindClient(nb::module_& m) {
  using nb::arg;
  InstallLogSink();
  nb::class_<Stream>(m, "Stream")
      .def("next", &Stream::Next)
      .def("cancel", &Stream::Cancel);
  nb::class_<PythonClient>(m, "Client")
      .def(nb::init<std::string, OptionalText>(), arg("url"), arg("token").none())
      .def(
          "find",
          [](PythonClient& self, std::string pattern, const Names& data_types,
             int64_t min_rate, int64_t max_rate, Names publishers, OptionalNs time,
             OptionalText replay_id) {
            return self.Find(FindArguments(std::move(pattern), data_types, min_rate,
                                           max_rate, std::move(publishers), time,
                                           std::move(replay_id)));
          },
          arg("pattern"), arg("data_types"), arg("min_rate"), arg("max_rate"),
          arg("publishers"), arg("time").none(), arg("replay_id").none())
      .def(
          "count",
          [](PythonClient& self, std::string pattern, const Names& data_types,
             int64_t min_rate, int64_t max_rate, Names publishers, OptionalNs time,
             OptionalText replay_id) {
            return self.Count(FindArguments(std::move(pattern), data_types, min_rate,
                                            max_rate, std::move(publishers), time,
                                            std::move(replay_id)));
          },
          arg("pattern"), arg("data_types"), arg("min_rate"), arg("max_rate"),
          arg("publishers"), arg("time").none(), arg("replay_id").none())
      .def("describe", &PythonClient::Describe, arg("channels"), arg("time").none(),
           arg("replay_id").none())
      .def(
          "fetch",
          [](PythonClient& self, const Names& channels, OptionalNs start, OptionalNs end,
             OptionalNs duration, OptionalNs replay_start, OptionalNs replay_end,
             OptionalText replay_id, const std::string& on_gap, OptionalText kafka_url) {
            return self.Fetch(
                channels, OptionsOf(start, end, duration, replay_start, replay_end,
                                    std::move(replay_id), on_gap, std::move(kafka_url)));
          },
          arg("channels"), arg("start").none(), arg("end").none(), arg("duration").none(),
          arg("replay_start").none(), arg("replay_end").none(), arg("replay_id").none(),
          arg("on_gap"), arg("kafka_url").none())
      .def(
          "stream",
          [](PythonClient& self, const Names& channels, OptionalNs start, OptionalNs end,
             OptionalNs duration, OptionalNs replay_start, OptionalNs replay_end,
             OptionalText replay_id, const std::string& on_gap, OptionalText kafka_url,
             const std::string& on_drop, OptionalNs stride, OptionalNs latency_tolerance,
             OptionalNs reconnect) {
            auto options = OptionsOf(start, end, duration, replay_start, replay_end,
                                     std::move(replay_id), on_gap, std::move(kafka_url));
            options.on_drop = OnDropOf(on_drop);
            options.stride = AsDuration(stride);
            options.latency_tolerance = AsDuration(latency_tolerance);
            options.reconnect = AsDuration(reconnect);
            return self.Open(channels, options);
          },
          arg("channels"), arg("start").none(), arg("end").none(), arg("duration").none(),
          arg("replay_start").none(), arg("replay_end").none(), arg("replay_id").none(),
          arg("on_gap"), arg("kafka_url").none(), arg("on_drop"), arg("stride").none(),
          arg("latency_tolerance").none(), arg("reconnect").none())
      .def("server_info", &PythonClient::ServerInfo)
      .def("scope_map", &PythonClient::ScopeMap)
      .def("replays", &PythonClient::Replays)
      .def("endpoints", &PythonClient::Endpoints)
      .def("domains", &PythonClient::Domains);
}

}  // namespace carryall::python
