#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>

#include "carryall/publish/publisher.h"
#include "carryall/wire/url.h"
#include "command.h"
#include "interrupt.h"
#include "log_to_stderr.h"
#include "output.h"
#include "progress.h"
#include "publish_feed.h"
#include "query_options.h"
#include "session.h"
#include "text.h"

namespace carryall::apps {
namespace {

struct Options {
  std::string publisher;
  std::vector<std::string> files;
  std::vector<std::string> mock;
  bool known_only = false, registers = false, partial = false, transactional = false;
  bool live = false;
  std::string start, end, duration, replay_id, delivery_timeout;
  ClientSettings client;
};

Result<std::unique_ptr<Feed>> OpenFeed(const Options& options) {
  if (options.files.empty() == options.mock.empty()) {
    return Error(ErrorKind::kInvalidArgument,
                 "say what to publish: files, '-' for standard input, or --mock");
  }
  if (!options.mock.empty()) {
    MockSpan span;
    ARROW_ASSIGN_OR_RAISE(span.start, TimeOf("--start", options.start));
    ARROW_ASSIGN_OR_RAISE(span.end, TimeOf("--end", options.end));
    if (!options.duration.empty()) {
      const Result<Duration> duration = ParseSeconds(options.duration);
      if (!duration.ok()) return OptionError("--duration", duration.status());
      span.end = span.start.value_or(Clock::System().Now()) + *duration;
    }
    return OpenMock(options.mock, span, options.known_only);
  }
  if (options.files.size() == 1 && options.files.front() == "-") {
    if (options.known_only) {
      return Error(ErrorKind::kInvalidArgument,
                   "--known-only: not possible with standard input");
    }
    return OpenStandardInput();
  }
  return OpenFiles(options.files, options.known_only);
}

Result<publish::PublisherOptions> PublisherOptionsOf(const Options& options,
                                                     const GlobalOptions& global) {
  publish::PublisherOptions out;
  out.id = options.publisher;
  if (!options.replay_id.empty()) out.replay_id = options.replay_id;
  out.partial = options.partial;
  out.transactional = options.transactional;
  ARROW_ASSIGN_OR_RAISE(out.server, ClientOptionsOf(global, options.client));
  if (proxy::IsSshUrl(wire::NamedServer(out.server.url))) {
    return Error(ErrorKind::kUnsupported, "{}", proxy::kPublishUnsupported);
  }
  const char* token = std::getenv("ARRAKIS_TOKEN");
  if (token != nullptr && *token != '\0') out.server.token = token;
  if (!options.delivery_timeout.empty()) {
    const Result<Duration> timeout = ParseSeconds(options.delivery_timeout);
    if (!timeout.ok()) return OptionError("--delivery-timeout", timeout.status());
    out.delivery_timeout = *timeout;
  }
  return out;
}

/// Publishes what a feed gives, a stride a block.
class Pump {
 public:
  Pump(publish::Publisher& publisher, bool live, ProgressLine& line)
      : publisher_(publisher), live_(live), line_(line) {
    context_.poll = &CheckInterrupt;
  }

  Status Run(Feed& feed) {
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto some, feed.Next());
      if (!some) break;
      const Duration stride = publisher_.registration()->stride();
      if (some->duration() <= stride) {
        ARROW_RETURN_NOT_OK(Take(*some));
        continue;
      }
      for (GpsTime time = some->time(); time < some->end(); time = time + stride) {
        const Duration length = std::min(stride, some->end() - time);
        ARROW_ASSIGN_OR_RAISE(const SeriesBlock block, some->Slice(time, length));
        ARROW_RETURN_NOT_OK(Take(block));
      }
    }
    return publisher_.Flush({}, context_);
  }

  int64_t bytes() const { return bytes_; }
  std::optional<GpsTime> end() const { return end_; }

 private:
  Status Take(const SeriesBlock& block) {
    ARROW_RETURN_NOT_OK(CheckInterrupt());
    if (live_) {
      const SeriesBlock moved = MovedToNow(block);
      ARROW_RETURN_NOT_OK(WaitUntil(moved.end()));
      ARROW_RETURN_NOT_OK(publisher_.Publish(moved, {}, context_));
      Count(moved);
    } else {
      ARROW_RETURN_NOT_OK(publisher_.Send(block, context_));
      Count(block);
    }
    return Status::OK();
  }

  /// The same samples, so much later that the first block of all begins now.
  SeriesBlock MovedToNow(const SeriesBlock& block) {
    if (!shift_) {
      const Duration stride = publisher_.registration()->stride();
      shift_ = Clock::System().Now().Ceil(stride) - block.time();
    }
    return SeriesBlock(block.time() + *shift_, block.duration(), block.channels(),
                       block.views(), block.owners());
  }

  void Count(const SeriesBlock& block) {
    for (const SampleView view : block.views()) {
      bytes_ += view.length * ByteWidth(view.data_type);
    }
    end_ = block.end();
    line_.Update(bytes_, *end_, "");
  }

  publish::Publisher& publisher_;
  const bool live_;
  ProgressLine& line_;
  client::CallContext context_;
  std::optional<Duration> shift_;
  int64_t bytes_ = 0;
  std::optional<GpsTime> end_;
};

Status Publish(const Options& options, const GlobalOptions& global) {
  ARROW_ASSIGN_OR_RAISE(const LogLevel level, LogLevelOf(global));
  LogToStderr(level);
  ARROW_ASSIGN_OR_RAISE(auto how, PublisherOptionsOf(options, global));
  ARROW_ASSIGN_OR_RAISE(const auto publisher, publish::Publisher::Make(std::move(how)));
  ARROW_ASSIGN_OR_RAISE(const auto feed, OpenFeed(options));
  client::CallContext context;
  context.poll = &CheckInterrupt;
  ARROW_RETURN_NOT_OK(options.registers ? publisher->Register(feed->channels(), context)
                                        : publisher->Register(context));
  ARROW_RETURN_NOT_OK(feed->Begin(*publisher->registration()));
  ARROW_RETURN_NOT_OK(publisher->Open(context));

  ProgressLine line(ShowsProgress(global), std::nullopt, std::nullopt);
  Pump pump(*publisher, options.live, line);
  const Status pumped = pump.Run(*feed);
  // After an interrupt too: what was sent is to arrive.
  const Status closed = publisher->Close();
  line.Clear();
  if (!global.quiet) {
    Output out(STDOUT_FILENO);
    out.Append(fmt::format("{} blocks of {} channels confirmed ({}){}\n",
                           GroupedDigits(publisher->confirmed()),
                           publisher->registration()->channels()->size(),
                           FormatBytes(pump.bytes()),
                           pump.end() ? ", to " + ToString(*pump.end()) : ""));
    const Status said = out.Flush();
    if (pumped.ok() && closed.ok() && !out.reader_gone()) return said;
  }
  return pumped.ok() ? closed : pumped;
}

int Run(const Options& options, const GlobalOptions& global) {
  std::signal(SIGPIPE, SIG_IGN);
  RememberInterrupts();
  const Status status = Publish(options, global);
  if (status.ok()) return 0;
  const int number = InterruptSignal();
  if (KindOf(status) != ErrorKind::kCancelled || number == 0) return ReportError(status);
  // What has no end of its own is ended so.
  const bool endless =
      !options.mock.empty() && options.end.empty() && options.duration.empty();
  return endless && number == SIGINT ? 0 : 128 + number;
}

void AddOptions(CLI::App& command, Options& options) {
  command.add_option("publisher", options.publisher, "publisher ID")
      ->type_name("ID")
      ->required();
  command
      .add_option("files", options.files,
                  "what to publish: HDF5 or Arrow files, or - for an Arrow IPC stream on "
                  "standard input")
      ->type_name("FILE");
  CLI::Option* mock =
      command
          .add_option("--mock", options.mock,
                      "publish the functions of time of a channel file (repeatable)")
          ->type_name("FILE.toml")
          ->allow_extra_args(false);
  command.add_flag("--register", options.registers,
                   "register channels first that the server does not have");
  command.add_flag("--known-only", options.known_only,
                   "leave out channels that are not registered");
  command.add_flag("--partial", options.partial,
                   "publish although registered channels are missing");
  command.add_flag("--transactional", options.transactional,
                   "each block as a whole or not at all; only one process at a time "
                   "publishes under this ID");
  command
      .add_flag("--live", options.live,
                "as if it happened now: move times to the present, one stride at a time")
      ->excludes(mock);
  command.add_option("--start", options.start, "--mock: begin at a time that is past")
      ->type_name("TIME")
      ->needs(mock);
  CLI::Option* end = command.add_option("--end", options.end, "--mock: when to end")
                         ->type_name("TIME")
                         ->needs(mock);
  command.add_option("--duration", options.duration, "--mock: how long to publish")
      ->type_name("SECONDS")
      ->needs(mock)
      ->excludes(end);
  command.add_option("--replay-id", options.replay_id, "replay to publish under")
      ->type_name("ID");
  command
      .add_option("--delivery-timeout", options.delivery_timeout,
                  "how long brokers may take to confirm a block, by default 30")
      ->type_name("SECONDS");
  AddClientOptions(command, options.client);
}

}  // namespace

void AddPublishCommand(CLI::App& app, GlobalOptions& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "publish", "Send samples of a publisher's channels to where its server says.");
  AddOptions(*command, *options);
  command->footer(
      "The delivery of every block is confirmed. Channels must be registered as they "
      "are\n"
      "published; nothing is sent of a block that is not as it should be. "
      "ARRAKIS_TOKEN is\nthe publisher's token.");
  command->callback([options, &global] {
    global.run = [options, &global] { return Run(*options, global); };
  });
}

}  // namespace carryall::apps
