#include "session.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "carryall/wire/error_table.h"
#include "carryall/wire/url.h"
#include "interrupt.h"
#include "log_to_stderr.h"
#include "text.h"

namespace carryall::apps {
namespace {

// What a finished verb exits with.
int Finish(Status status, Session& session) {
  const Status written = session.out().Flush();
  if (session.out().reader_gone()) return 0;
  if (status.ok()) status = written;
  const int number = InterruptSignal();
  if (!status.ok() && KindOf(status) == ErrorKind::kCancelled && number != 0) {
    return 128 + number;
  }
  return status.ok() ? 0 : ReportError(session.Explain(status));
}

}  // namespace

Result<LogLevel> LogLevelOf(const GlobalOptions& global) {
  if (global.verbose) return LogLevel::kDebug;
  if (global.quiet) return LogLevel::kWarning;
  const char* variable = std::getenv("ARRAKIS_LOG_LEVEL");
  if (variable == nullptr || *variable == '\0') return LogLevel::kWarning;
  std::string name = variable;
  std::transform(name.begin(), name.end(), name.begin(), ::toupper);
  if (name == "DEBUG") return LogLevel::kDebug;
  if (name == "INFO") return LogLevel::kInfo;
  if (name == "WARNING" || name == "WARN") return LogLevel::kWarning;
  if (name == "ERROR" || name == "CRITICAL") return LogLevel::kError;
  return Error(ErrorKind::kInvalidArgument,
               "ARRAKIS_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, got '{}'",
               variable);
}

void AddClientOptions(CLI::App& command, ClientSettings& settings) {
  command
      .add_option("--timeout", settings.timeout,
                  "longest wait for a connection, an answer or more data")
      ->type_name("SECONDS");
}

Session::Session(std::unique_ptr<proxy::SshProxy> proxy, std::string remote,
                 std::shared_ptr<client::Client> client, bool shows_progress)
    : proxy_(std::move(proxy)),
      remote_(std::move(remote)),
      client_(std::move(client)),
      out_(STDOUT_FILENO),
      shows_progress_(shows_progress) {}

Status Session::Explain(const Status& status) const {
  if (proxy_ != nullptr) return WithContext(status, remote_);
  switch (KindOf(status)) {
    case ErrorKind::kNoEndpoint:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kGap:
    case ErrorKind::kDropped:
    case ErrorKind::kCorrupt:
      // Most name it themselves, or the one of several that it was.
      if (status.message().find("://") != std::string::npos) return status;
      return WithContext(status, client_->url());
    default:
      return status;
  }
}

Result<client::ClientOptions> ClientOptionsOf(const GlobalOptions& global,
                                              const ClientSettings& settings) {
  client::ClientOptions options;
  options.url = global.url;
  options.codec = settings.codec;
  if (!settings.timeout.empty()) {
    const Result<Duration> timeout = ParseSeconds(settings.timeout);
    if (!timeout.ok()) return OptionError("--timeout", timeout.status());
    if (*timeout <= Duration()) {
      return Error(ErrorKind::kInvalidArgument, "--timeout: must be above 0");
    }
    options.connect_timeout = std::min(options.connect_timeout, *timeout);
    options.answer_timeout = *timeout;
    options.silence_timeout = *timeout;
  }
  return options;
}

Result<std::unique_ptr<Session>> Session::Open(const GlobalOptions& global,
                                               const ClientSettings& settings) {
  std::signal(SIGPIPE, SIG_IGN);
  RememberInterrupts();
  ARROW_ASSIGN_OR_RAISE(const LogLevel level, LogLevelOf(global));
  LogToStderr(level);
  ARROW_ASSIGN_OR_RAISE(client::ClientOptions options, ClientOptionsOf(global, settings));
  std::string named = wire::NamedServer(options.url);
  auto proxy = OpenProxy(options, "localhost:0");
  if (!proxy.ok()) return WithContext(proxy.status(), named);
  if (*proxy != nullptr) options.url = (*proxy)->url();
  ARROW_ASSIGN_OR_RAISE(auto client, client::Client::Make(std::move(options)));
  return std::unique_ptr<Session>(new Session(*std::move(proxy), std::move(named),
                                              std::move(client), ShowsProgress(global)));
}

Result<std::unique_ptr<proxy::SshProxy>> OpenProxy(const client::ClientOptions& options,
                                                   const std::string& bind) {
  const std::string named = wire::NamedServer(options.url);
  if (!proxy::IsSshUrl(named)) return nullptr;
  ARROW_ASSIGN_OR_RAISE(const proxy::SshUrl url, proxy::ParseSshUrl(named));
  client::CallContext context;
  context.poll = &CheckInterrupt;
  return proxy::SshProxy::Open(url, {url.server, bind, options}, context);
}

bool ShowsProgress(const GlobalOptions& global) {
  return global.progress || (!global.quiet && isatty(STDERR_FILENO) == 1);
}

client::CallContext Session::context() const {
  client::CallContext context;
  context.poll = &CheckInterrupt;
  return context;
}

int RunVerb(const GlobalOptions& global, const ClientSettings& settings,
            const std::function<Status(Session&)>& verb) {
  const Result<std::unique_ptr<Session>> session = Session::Open(global, settings);
  if (!session.ok()) {
    const bool stopped = InterruptSignal() != 0;  // while it connected to a remote host
    return stopped ? 128 + InterruptSignal() : ReportError(session.status());
  }
  return Finish(verb(**session), **session);
}

void AddPlainCommand(CLI::App& app, GlobalOptions& global, const char* name,
                     const char* description, Status (*verb)(Session&)) {
  CLI::App* command = app.add_subcommand(name, description);
  auto settings = std::make_shared<ClientSettings>();
  AddClientOptions(*command, *settings);
  command->callback([&global, settings, verb] {
    global.run = [&global, settings, verb] { return RunVerb(global, *settings, verb); };
  });
}

int ReportError(const Status& status) {
  const std::string line = fmt::format("carryall: {}\n", Printable(status.message()));
  std::fwrite(line.data(), 1, line.size(), stderr);
  return static_cast<int>(wire::RowOf(status).exit);
}

Status OptionError(std::string_view option, const Status& status) {
  return WithContext(status, option);
}

}  // namespace carryall::apps
