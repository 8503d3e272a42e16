#include "serve.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "carryall/server/server.h"
#include "carryall/wire/url.h"
#include "log_to_stderr.h"

namespace carryall::apps {
namespace {

constexpr const char* kDefaultUrl = "grpc://0.0.0.0:31206";

// Clients that read end well before `kPatience`; the others are cancelled then.
// Whatever still hangs at `kLimit` ends with the process.
constexpr Duration kPatience = Duration::FromMs(1000);
constexpr Duration kLimit = Duration::FromMs(1800);

int Fail(const Status& status) {
  std::fprintf(stderr, "carryall serve: %s\n", status.message().c_str());
  return 1;
}

// The signals a server is steered by; blocked in every thread and waited for in one.
sigset_t SteeringSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

void WaitForEnd(server::Server& server, const sigset_t& signals) {
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    if (number == SIGHUP) {
      Log(LogLevel::kInfo, "SIGHUP received, reloading");
      server.Reload();
      continue;
    }
    Log(LogLevel::kInfo, "{} received, shutting down",
        number == SIGTERM ? "SIGTERM" : "SIGINT");
    return;
  }
}

}  // namespace

int FailUsage(const Status& status) {
  Fail(status);
  return 2;
}

int Serve(const GlobalOptions& global, const ServeOptions& serve,
          const MakeBackend& make) {
  const std::string url = global.url.empty() ? kDefaultUrl : global.url;
  if (const auto parsed = wire::ParseBindUrl(url); !parsed.ok()) {
    return FailUsage(parsed.status());
  }
  const sigset_t signals = SteeringSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is there
  signal(SIGPIPE, SIG_IGN);
  LogToStderr(global.verbose ? LogLevel::kDebug
                             : (global.quiet ? LogLevel::kWarning : LogLevel::kInfo));

  auto backend = make();
  if (!backend.ok()) return Fail(backend.status());
  server::ServerOptions options;
  options.url = url;
  options.scope_map_file = serve.scope_map;
  options.version = CARRYALL_VERSION;
  auto server = server::Server::Start(*std::move(backend), options);
  if (!server.ok()) return Fail(server.status());
  std::printf("listening on %s\n", (*server)->url().c_str());
  std::fflush(stdout);

  WaitForEnd(**server, signals);
  std::thread([] {
    std::this_thread::sleep_for(ToChrono(kLimit));
    Log(LogLevel::kWarning, "calls that do not end are left behind");
    _exit(0);
  }).detach();
  (*server)->Stop(kPatience);
  const server::Counters& counters = (*server)->counters();
  Log(LogLevel::kInfo, "served {} requests, {} streams, {} batches, {} bytes",
      counters.requests.load(), counters.streams_total.load(), counters.batches.load(),
      counters.body_bytes.load());
  std::fflush(stdout);
  // Not by way of destructors: a call that was left behind may still use what they free.
  _exit(0);
}

void AddServeCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command =
      app.add_subcommand("serve", "Serve data over the Arrakis protocol.");
  command->require_subcommand(0, 1);
  auto serve = std::make_shared<ServeOptions>();
  command
      ->add_option("-s,--scope-map,--scope-map-file", serve->scope_map,
                   "YAML file: which server of the platform serves what, and replays")
      ->type_name("FILE");
  command->footer(
      "URL is where to listen, by default grpc://0.0.0.0:31206; 0 or - for any free port "
      "of 127.0.0.1.");
  AddServeMockCommand(*command, global, *serve);
  AddServeArchiveCommand(*command, global, *serve);
  AddServeKafkaCommand(*command, global, *serve);
  // Runs after the callback of the backend's command, and keeps the options alive.
  command->callback([serve, &global] {
    if (global.run) return;
    global.run = [] {
      return FailUsage(Error(ErrorKind::kInvalidArgument,
                             "which backend is to be served? mock, archive or kafka"));
    };
  });
}

}  // namespace carryall::apps
