#include "carryall/client/client.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <mutex>

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

/// Tells a Python function how far a fetch is. What it raises ends the fetch.
auto Reporter(nb::handle function) {
  return [function](const client::CallContext::Progress& progress) {
    const GilIfAny gil;
    if (!gil || PyErr_Occurred()) return;
    const Ref answer = Ref::Take(PyObject_CallFunction(
        function.ptr(), "LLs", static_cast<long long>(progress.bytes),  // NOLINT
        static_cast<long long>(progress.complete_until.ns()),           // NOLINT
        progress.waiting_for.c_str()));
  };
}

/// The options of a call as Python gives them.
struct CallOptions {
  Names channels;
  client::StreamOptions stream;
};

/// A stream, opened when its first block is asked for.
class Stream {
 public:
  Stream(std::shared_ptr<client::Client> client, std::stop_token client_closed,
         CallOptions options)
      : client_(std::move(client)),
        options_(std::move(options)),
        state_(std::make_shared<State>()),
        with_client_(
            std::make_unique<WithClient>(std::move(client_closed), Ending{state_})) {}
  Stream(Stream&&) = default;
  ~Stream() {
    if (state_ == nullptr) return;  // moved from
    if (!IsOrphan()) Cancel();
    LetGo(with_client_);
    LetGo(state_);
    LetGo(client_);
  }

  nb::object Next() {
    if (state_->busy.exchange(true)) {
      PyErr_SetString(PyExc_ValueError, "another thread is waiting for the next block");
      throw nb::python_error();
    }
    const std::shared_ptr<State> state = state_;
    const std::unique_ptr<State, void (*)(State*)> free(
        state.get(), [](State* held) { held->busy.store(false); });
    const auto context = Interruptible(state->stop.get_token());
    if (state->blocks == nullptr) {
      state->Keep(Blocking(
          [&] { return client_->Stream(options_.channels, options_.stream, context); }));
    }
    auto block = Blocking([&] { return state->blocks->Next(context); });
    if (!block) return nb::none();
    if (!layout_ || AsLayout(layout_)->set != block->channels()) {
      layout_ = MakeLayout(block->channels());
    }
    if (!layout_) throw nb::python_error();
    return Checked(Ref::Take(
        MakeBlock(nullptr, *std::move(block), Ref::Share(layout_.get()), true)));
  }
  void Cancel() {
    WithoutGil([&] { state_->Cancel(); });
  }

 private:
  struct State {
    void Keep(std::unique_ptr<client::BlockStream> opened) {
      const std::lock_guard lock(mutex);
      blocks = std::move(opened);
      if (stop.stop_requested()) blocks->Cancel();
    }
    void Cancel() {
      stop.request_stop();
      const std::lock_guard lock(mutex);
      if (blocks != nullptr) blocks->Cancel();
    }
    std::mutex mutex;  // blocks is set once, by whoever asks for the first
    std::unique_ptr<client::BlockStream> blocks;
    std::stop_source stop;
    std::atomic<bool> busy = false;
  };
  struct Ending {
    std::shared_ptr<State> state;
    void operator()() const { state->Cancel(); }
  };
  using WithClient = std::stop_callback<Ending>;

  std::shared_ptr<client::Client> client_;
  CallOptions options_;
  std::shared_ptr<State> state_;
  std::unique_ptr<WithClient> with_client_;
  Ref layout_;
};

/// client::Client with Python's values at its edges.
class PythonClient {
 public:
  PythonClient(std::string url, OptionalText token, OptionalNs request_timeout,
               OptionalNs stall_timeout) {
    client::ClientOptions options;
    options.url = std::move(url);
    options.token = std::move(token);
    options.answer_timeout = AsDuration(request_timeout).value_or(options.answer_timeout);
    options.connect_timeout = std::min(options.connect_timeout, options.answer_timeout);
    options.silence_timeout = AsDuration(stall_timeout);
    auto made = client::Client::Make(std::move(options));
    RaiseUnlessOk(made.status());
    core_ = *std::move(made);
  }
  ~PythonClient() {
    stop_.request_stop();
    LetGo(core_);  // readers of brokers are threads, too
  }

  void Close() {
    WithoutGil([&] { stop_.request_stop(); });
  }
  bool IsClosed() const { return stop_.stop_requested(); }

  nb::list Find(const wire::FindArgs& args) {
    std::vector<Channel> found;
    Blocking([&] {
      return core_->Find(
          args,
          [&](const Channel& channel) {
            found.push_back(channel);
            return true;
          },
          Context());
    });
    return AsList(found);
  }
  int64_t Count(const wire::FindArgs& args) {
    return Blocking([&] { return core_->Count(args, Context()); });
  }
  nb::list Describe(Names channels, OptionalNs time, OptionalText replay_id) {
    const wire::DescribeArgs args{std::move(channels), AsTime(time),
                                  std::move(replay_id)};
    return AsList(Blocking([&] { return core_->Describe(args, Context()); }));
  }

  nb::object Fetch(const CallOptions& options, const nb::object& progress) {
    auto context = Context();
    if (!progress.is_none()) context.progress = Reporter(progress);
    auto block =
        Blocking([&] { return core_->Fetch(options.channels, options.stream, context); });
    Ref layout = MakeLayout(block.channels());
    if (!layout) throw nb::python_error();
    return Checked(
        Ref::Take(MakeBlock(nullptr, std::move(block), std::move(layout), true)));
  }
  Stream Open(CallOptions options) {
    return Stream(core_, stop_.get_token(), std::move(options));
  }

  std::string ServerInfo() {
    return Blocking([&] { return core_->ServerInfo(Context()); });
  }
  std::string ScopeMap() {
    return Blocking([&] { return core_->ScopeMap(Context()); });
  }
  std::string Replays() {
    return Blocking([&] { return core_->Replays(Context()); });
  }
  Names Endpoints() {
    return Blocking([&] { return core_->Endpoints(Context()); });
  }
  Names Domains() {
    return Blocking([&] { return core_->Domains(Context()); });
  }

 private:
  client::CallContext Context() const { return Interruptible(stop_.get_token()); }

  std::stop_source stop_;
  std::shared_ptr<client::Client> core_;
};

/// What fetch and stream have in common.
CallOptions OptionsOf(Names channels, OptionalNs start, OptionalNs end,
                      OptionalNs duration, OptionalNs replay_start, OptionalNs replay_end,
                      OptionalText replay_id, const std::string& on_gap,
                      OptionalText kafka_url, OptionalNs stall_timeout) {
  client::StreamOptions options;
  options.start = AsTime(start);
  options.end = AsTime(end);
  options.duration = AsDuration(duration);
  options.replay_start = AsTime(replay_start);
  options.replay_end = AsTime(replay_end);
  options.replay_id = std::move(replay_id);
  options.on_gap = OnGapOf(on_gap);
  options.kafka_url = std::move(kafka_url);
  options.silence_timeout = AsDuration(stall_timeout);
  return {std::move(channels), std::move(options)};
}

}  // namespace

void BindClient(nb::module_& m) {
  using nb::arg;
  InstallLogSink();
  nb::class_<Cancellation>(m, "Cancellation")
      .def(nb::init<>())
      .def("cancel", &Cancellation::Cancel)
      .def("run", &Cancellation::Run, arg("function"));
  nb::class_<Stream>(m, "Stream")
      .def("next", &Stream::Next)
      .def("cancel", &Stream::Cancel);
  nb::class_<PythonClient>(m, "Client")
      .def(nb::init<std::string, OptionalText, OptionalNs, OptionalNs>(), arg("url"),
           arg("token").none(), arg("request_timeout").none(),
           arg("stall_timeout").none())
      .def("close", &PythonClient::Close)
      .def("is_closed", &PythonClient::IsClosed)
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
          [](PythonClient& self, Names channels, OptionalNs start, OptionalNs end,
             OptionalNs duration, OptionalNs replay_start, OptionalNs replay_end,
             OptionalText replay_id, const std::string& on_gap, OptionalText kafka_url,
             OptionalNs stall_timeout, const nb::object& progress) {
            return self.Fetch(OptionsOf(std::move(channels), start, end, duration,
                                        replay_start, replay_end, std::move(replay_id),
                                        on_gap, std::move(kafka_url), stall_timeout),
                              progress);
          },
          arg("channels"), arg("start").none(), arg("end").none(), arg("duration").none(),
          arg("replay_start").none(), arg("replay_end").none(), arg("replay_id").none(),
          arg("on_gap"), arg("kafka_url").none(), arg("stall_timeout").none(),
          arg("progress").none())
      .def(
          "stream",
          [](PythonClient& self, Names channels, OptionalNs start, OptionalNs end,
             OptionalNs duration, OptionalNs replay_start, OptionalNs replay_end,
             OptionalText replay_id, const std::string& on_gap, OptionalText kafka_url,
             OptionalNs stall_timeout, const std::string& on_drop, OptionalNs stride,
             OptionalNs latency_tolerance, OptionalNs reconnect,
             std::optional<int64_t> max_queued_bytes) {
            CallOptions options = OptionsOf(
                std::move(channels), start, end, duration, replay_start, replay_end,
                std::move(replay_id), on_gap, std::move(kafka_url), stall_timeout);
            client::StreamOptions& stream = options.stream;
            stream.on_drop = OnDropOf(on_drop);
            stream.stride = AsDuration(stride);
            stream.latency_tolerance = AsDuration(latency_tolerance);
            stream.reconnect = AsDuration(reconnect);
            stream.max_queued_bytes = max_queued_bytes.value_or(stream.max_queued_bytes);
            return self.Open(std::move(options));
          },
          arg("channels"), arg("start").none(), arg("end").none(), arg("duration").none(),
          arg("replay_start").none(), arg("replay_end").none(), arg("replay_id").none(),
          arg("on_gap"), arg("kafka_url").none(), arg("stall_timeout").none(),
          arg("on_drop"), arg("stride").none(), arg("latency_tolerance").none(),
          arg("reconnect").none(), arg("max_queued_bytes").none())
      .def("server_info", &PythonClient::ServerInfo)
      .def("scope_map", &PythonClient::ScopeMap)
      .def("replays", &PythonClient::Replays)
      .def("endpoints", &PythonClient::Endpoints)
      .def("domains", &PythonClient::Domains);
}

}  // namespace carryall::python
