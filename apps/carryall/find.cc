#include <CLI/CLI.hpp>
#include <cstdio>

#include "channel_printer.h"
#include "command.h"
#include "query_options.h"
#include "session.h"

namespace carryall::apps {
namespace {

struct Options {
  FilterOptions filter;
  ChannelFormat format = ChannelFormat::kTable;
  ClientSettings client;
};

Status Find(const Options& options, Session& session) {
  ARROW_ASSIGN_OR_RAISE(const wire::FindArgs args, FindArgsOf(options.filter));
  const auto printer = ChannelPrinter::Make(options.format, &session.out());
  int64_t count = 0;
  ARROW_RETURN_NOT_OK(session.client().Find(
      args,
      [&](const Channel& channel) {
        ++count;
        printer->Print(channel);
        return session.out().status().ok();
      },
      session.context()));
  printer->Finish();
  ARROW_RETURN_NOT_OK(session.out().Flush());
  if (session.shows_progress()) fmt::print(stderr, "{} channels\n", count);
  return Status::OK();
}

}  // namespace

void AddFindCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand("find", "Find channels by name, type and rate.");
  command->alias("search")->alias("list");
  auto options = std::make_shared<Options>();
  command
      ->add_option("PATTERN", options->filter.pattern,
                   "regular expression (RE2) that names begin with; . is any channel")
      ->required();
  AddFilterOptions(*command, options->filter);
  AddChannelFormats(*command, options->format);
  AddClientOptions(*command, options->client);
  command->callback([&global, options] {
    global.run = [&global, options] {
      return RunVerb(global, options->client,
                     [&](Session& session) { return Find(*options, session); });
    };
  });
}

}  // namespace carryall::apps
