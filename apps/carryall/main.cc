#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>

#include "abbreviations.h"
#include "command.h"
#include "session.h"

namespace carryall::apps {
namespace {

constexpr const char* kUrlHelp =
    R"(A server is [grpc://]HOST[:PORT]. Without a port 31206 is taken, without a host
localhost; an IPv6 address stands in brackets. Without --url the environment variable
ARRAKIS_SERVER says which server is asked, and without that grpc://localhost:31206.

A server that only another host reaches is ssh://[USER@]HOST[:PORT][::SERVER[:PORT]]: the
ssh program connects to HOST, and SERVER (without it what ARRAKIS_SERVER says there) and the
servers it names are asked through that connection. `carryall -u ssh://... exec` keeps it
open for other programs.
)";

// Help without the lists of what excludes what, which the program says where it matters.
class ShortHelp final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string out;
    if (option->get_type_size() != 0 && !option->get_positional()) {
      out = " " + option->get_type_name();
    }
    return option->get_expected_max() > 1 ? out + " ..." : out;
  }
};

void AddCommands(CLI::App& app, GlobalOptions& global) {
  AddFindCommand(app, global);
  AddCountCommand(app, global);
  AddDescribeCommand(app, global);
  AddFetchCommand(app, global);
  AddStreamCommand(app, global);
  AddServerInfoCommand(app, global);
  AddDomainsCommand(app, global);
  AddScopeMapCommand(app, global);
  AddReplaysCommand(app, global);
  AddExecCommand(app, global);
  AddServeCommand(app, global);
  AddImportCommand(app, global);
  AddPublishCommand(app, global);
  AddCompletionCommand(app, global);
}

void AddGlobalOptions(CLI::App& app, GlobalOptions& global) {
  app.set_version_flag("--version", "carryall " CARRYALL_VERSION);
  app.add_option("-u,--url", global.url, "the server to ask; serve: where to listen")
      ->type_name("URL");
  app.add_flag_callback(
      "--url-help", [] { throw CLI::CallForVersion(kUrlHelp, 0); },
      "how a server's URL is written");
  CLI::Option* quiet = app.add_flag("-q,--quiet", global.quiet, "log warnings only");
  app.add_flag("-v,--verbose", global.verbose, "log details")->excludes(quiet);
  app.add_flag("--progress", global.progress,
               "show how far it is, also where standard error is no terminal")
      ->excludes(quiet);
}

// The last of an option that is given several times counts.
void LetTheLastCount(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const bool one = option->get_expected_max() == 1 && !option->get_positional();
    if (one && option->get_items_expected_max() == 1 &&
        option->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw) {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    LetTheLastCount(*command);
  }
}

int Run(int argc, char** argv) {
  CLI::App app("Arrakis data, served and read at high rates.", "carryall");
  GlobalOptions global;
  app.formatter(std::make_shared<ShortHelp>());
  // Commands inherit this: what they do not know is looked up outside of them, so that
  // the global options may stand before and after a command's name.
  app.fallthrough();
  app.require_subcommand(0, 1);
  AddGlobalOptions(app, global);
  AddCommands(app, global);
  LetTheLastCount(app);
  try {
    // The last word first, as the parser takes them.
    std::vector<std::string> words = ExpandAbbreviations(app, {argv + 1, argv + argc});
    std::reverse(words.begin(), words.end());
    app.parse(std::move(words));
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return ReportError(Error(ErrorKind::kInvalidArgument, "{}", e.what()));
  }
  if (!global.run) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  }
  return global.run();
}

}  // namespace
}  // namespace carryall::apps

int main(int argc, char** argv) {
  try {
    return carryall::apps::Run(argc, argv);
  } catch (const std::exception& e) {
    return carryall::apps::ReportError(
        carryall::Error(carryall::ErrorKind::kInternal, "{}", e.what()));
  }
}
