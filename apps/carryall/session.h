#pragma once

#include <functional>
#include <memory>
#include <string>

#include "carryall/base/log.h"
#include "carryall/client/client.h"
#include "carryall/proxy/ssh_proxy.h"
#include "command.h"
#include "output.h"

namespace carryall::apps {

/// Options of every verb that talks to a server.
struct ClientSettings {
  std::string timeout;  ///< seconds; empty: the client's defaults
  std::string codec = "none";
};

/// Adds --timeout.
void AddClientOptions(CLI::App& command, ClientSettings& settings);

/// What the options of a verb mean to a client; kInvalidArgument naming the option.
Result<client::ClientOptions> ClientOptionsOf(const GlobalOptions& global,
                                              const ClientSettings& settings);

/// A proxy for the server that the options (or ARRAKIS_SERVER) name by an ssh URL, at
/// `bind`; nothing if they name another. Ends on Ctrl-C.
Result<std::unique_ptr<proxy::SshProxy>> OpenProxy(const client::ClientOptions& options,
                                                   const std::string& bind);

/// Whether to show how far it is: where standard error is a terminal and not with
/// --quiet, or with --progress.
bool ShowsProgress(const GlobalOptions& global);

/// What a verb of the client works with. One thread.
class Session {
 public:
  static Result<std::unique_ptr<Session>> Open(const GlobalOptions& global,
                                               const ClientSettings& settings);

  client::Client& client() { return *client_; }
  Output& out() { return out_; }
  /// Ends calls on Ctrl-C.
  client::CallContext context() const;
  bool shows_progress() const { return shows_progress_; }
  /// An error with what it came from in front: the remote host of a server behind one,
  /// or the server if the text names none.
  Status Explain(const Status& status) const;

 private:
  Session(std::unique_ptr<proxy::SshProxy> proxy, std::string remote,
          std::shared_ptr<client::Client> client, bool shows_progress);

  std::unique_ptr<proxy::SshProxy> proxy_;  // first: goes last
  std::string remote_;                      // how the user named the server behind it
  std::shared_ptr<client::Client> client_;
  Output out_;
  bool shows_progress_;
};

/// Opens a session, runs the verb, writes what is left of its output and reports its
/// error. Gives the exit status.
int RunVerb(const GlobalOptions& global, const ClientSettings& settings,
            const std::function<Status(Session&)>& verb);

/// Adds a command that has no options of its own.
void AddPlainCommand(CLI::App& app, GlobalOptions& global, const char* name,
                     const char* description, Status (*verb)(Session&));

/// What -q and -v ask for, else ARRAKIS_LOG_LEVEL, else warnings: answers go to standard
/// output, and standard error stays empty where nothing is wrong. kInvalidArgument naming
/// the variable.
Result<LogLevel> LogLevelOf(const GlobalOptions& global);

/// Writes "carryall: <message>" as one line to standard error; gives the exit status of
/// the error table.
int ReportError(const Status& status);

/// kInvalidArgument with the option's name in front.
Status OptionError(std::string_view option, const Status& status);

}  // namespace carryall::apps
