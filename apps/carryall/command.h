#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace carryall::apps {

/// Options that every command understands, before and after its name.
struct GlobalOptions {
  std::string url;  ///< --url as given; empty: not given
  bool quiet = false;
  bool verbose = false;
  bool progress = false;  ///< shown wherever standard error goes
  /// What the chosen command does; gives the exit status. Set while parsing.
  std::function<int()> run;
};

// One file a verb: it adds its command to the program and sets GlobalOptions::run in the
// command's callback.
void AddFindCommand(CLI::App& app, GlobalOptions& options);
void AddCountCommand(CLI::App& app, GlobalOptions& options);
void AddDescribeCommand(CLI::App& app, GlobalOptions& options);
void AddFetchCommand(CLI::App& app, GlobalOptions& options);
void AddStreamCommand(CLI::App& app, GlobalOptions& options);
void AddServerInfoCommand(CLI::App& app, GlobalOptions& options);
void AddDomainsCommand(CLI::App& app, GlobalOptions& options);
void AddScopeMapCommand(CLI::App& app, GlobalOptions& options);
void AddReplaysCommand(CLI::App& app, GlobalOptions& options);
void AddExecCommand(CLI::App& app, GlobalOptions& options);
void AddServeCommand(CLI::App& app, GlobalOptions& options);
void AddImportCommand(CLI::App& app, GlobalOptions& options);
void AddPublishCommand(CLI::App& app, GlobalOptions& options);
void AddCompletionCommand(CLI::App& app, GlobalOptions& options);

}  // namespace carryall::apps
