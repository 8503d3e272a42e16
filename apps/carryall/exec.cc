#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "carryall/wire/url.h"
#include "command.h"
#include "interrupt.h"
#include "log_to_stderr.h"
#include "session.h"

extern char** environ;

namespace carryall::apps {
namespace {

constexpr const char* kVariable = "ARRAKIS_SERVER";
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

struct Options {
  std::string bind = "localhost:31206";
  std::vector<std::string> words;
  ClientSettings client;
};

// What the handler and the main thread share.
std::atomic<pid_t> g_command{0};
volatile std::sig_atomic_t g_number = 0;
sem_t g_came;

// A command gets what is sent to us, but for what a terminal sends to both.
void PassOn(int number, siginfo_t* info, void*) {
  const int error = errno;
  const pid_t command = g_command.load();
  if (command == 0) {
    g_number = number;
    sem_post(&g_came);
  } else if (info->si_code != SI_KERNEL) {
    kill(command, number);
  }
  errno = error;
}

void HandleSignals() {
  sem_init(&g_came, 0, 0);
  struct sigaction action {};
  action.sa_sigaction = &PassOn;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

// By the shell, with the default for signals.
Result<pid_t> StartCommand(const std::string& command) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  for (const int number : kSignals) sigaddset(&defaults, number);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string words[] = {"sh", "-c", command};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/bin/sh", nullptr, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  return Error(ErrorKind::kIo, "cannot start /bin/sh: {}", std::strerror(error));
}

Result<int> RunCommand(const std::string& command, const std::string& url) {
  setenv(kVariable, url.c_str(), 1);
  ARROW_ASSIGN_OR_RAISE(const pid_t pid, StartCommand(command));
  g_command.store(pid);
  if (sem_trywait(&g_came) == 0) kill(pid, g_number);  // it came just before
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<int> StayOpen(const proxy::SshProxy* proxy, const std::string& url) {
  fmt::print("{}={}\n", kVariable, url);
  std::fflush(stdout);
  while (true) {
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    // Ctrl-C is how it is meant to be ended.
    if (sem_timedwait(&g_came, &until) == 0)
      return g_number == SIGINT ? 0 : 128 + g_number;
    if (proxy != nullptr && !proxy->connected()) {
      return Error(ErrorKind::kUnavailable, "the connection ended");
    }
  }
}

Result<int> Exec(const GlobalOptions& global, const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);
  RememberInterrupts();
  ARROW_ASSIGN_OR_RAISE(const LogLevel level, LogLevelOf(global));
  LogToStderr(level);
  ARROW_ASSIGN_OR_RAISE(const client::ClientOptions client,
                        ClientOptionsOf(global, options.client));
  const std::string named = wire::NamedServer(client.url);
  const auto proxy = OpenProxy(client, options.bind);
  if (InterruptSignal() != 0) return 128 + InterruptSignal();
  if (!proxy.ok()) return WithContext(proxy.status(), named);
  HandleSignals();
  std::string url;
  if (*proxy != nullptr) {
    url = (*proxy)->url();
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto server, wire::ResolveServerUrl(client.url));
    url = server.ToString();
  }
  const std::string command = fmt::to_string(fmt::join(options.words, " "));
  const auto status =
      command.empty() ? StayOpen(proxy->get(), url) : RunCommand(command, url);
  return status.ok() ? status : WithContext(status.status(), named);
}

}  // namespace

void AddExecCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand(
      "exec",
      "Run a command with ARRAKIS_SERVER set: the server of --url, or a proxy for one "
      "behind ssh. Without a command: keep the proxy open and say where it is.");
  command->alias("proxy");
  auto options = std::make_shared<Options>();
  command
      ->add_option("--bind", options->bind,
                   "where a proxy listens, localhost:31206; port 0 is any free one")
      ->type_name("HOST:PORT");
  AddClientOptions(*command, options->client);
  command->add_option("COMMAND", options->words,
                      "words for the shell; after -- those of its own options too");
  command->callback([&global, options] {
    global.run = [&global, options] {
      const Result<int> status = Exec(global, *options);
      return status.ok() ? *status : ReportError(status.status());
    };
  });
}

}  // namespace carryall::apps
