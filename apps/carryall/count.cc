#include <CLI/CLI.hpp>

#include "channel_printer.h"
#include "command.h"
#include "query_options.h"
#include "session.h"

namespace carryall::apps {
namespace {

struct Options {
  FilterOptions filter;
  ChannelFormat format = ChannelFormat::kTable;  // no matter
  ClientSettings client;
};

Status Count(const Options& options, Session& session) {
  ARROW_ASSIGN_OR_RAISE(const wire::FindArgs args, FindArgsOf(options.filter));
  ARROW_ASSIGN_OR_RAISE(const int64_t count,
                        session.client().Count(args, session.context()));
  session.out().Append(fmt::format("{}\n", count));
  return Status::OK();
}

}  // namespace

void AddCountCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand("count", "Count channels.");
  auto options = std::make_shared<Options>();
  command->add_option("PATTERN", options->filter.pattern,
                      "regular expression (RE2) that names begin with");
  AddFilterOptions(*command, options->filter);
  // A number is the same in every format; scripts that ask for one keep working.
  AddChannelFormats(*command, options->format);
  AddClientOptions(*command, options->client);
  command->callback([&global, options] {
    global.run = [&global, options] {
      return RunVerb(global, options->client,
                     [&](Session& session) { return Count(*options, session); });
    };
  });
}

}  // namespace carryall::apps
