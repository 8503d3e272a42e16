#include <CLI/CLI.hpp>
#include <iostream>

#include "channel_names.h"
#include "channel_printer.h"
#include "command.h"
#include "query_options.h"
#include "session.h"

namespace carryall::apps {
namespace {

struct Options {
  std::vector<std::string> names;
  std::string time, replay_id;
  ChannelFormat format = ChannelFormat::kTable;
  ClientSettings client;
};

Status Describe(const Options& options, Session& session) {
  wire::DescribeArgs args;
  ARROW_ASSIGN_OR_RAISE(args.channels, ExpandNames(options.names, std::cin));
  ARROW_ASSIGN_OR_RAISE(args.time, TimeOf("--time", options.time));
  if (!options.replay_id.empty()) args.replay_id = options.replay_id;
  ARROW_ASSIGN_OR_RAISE(const std::vector<Channel> channels,
                        session.client().Describe(args, session.context()));
  const auto printer = ChannelPrinter::Make(options.format, &session.out());
  for (const Channel& channel : channels) printer->Print(channel);
  printer->Finish();
  return Status::OK();
}

}  // namespace

void AddDescribeCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand("describe", "Say what is known of channels.");
  command->alias("show");
  auto options = std::make_shared<Options>();
  AddChannelNames(*command, options->names);
  command->add_option("--time", options->time, "ask the servers that hold this time")
      ->type_name("TIME");
  command->add_option("--replay-id", options->replay_id, "replay by name")
      ->type_name("ID");
  AddChannelFormats(*command, options->format);
  AddClientOptions(*command, options->client);
  command->callback([&global, options] {
    global.run = [&global, options] {
      return RunVerb(global, options->client,
                     [&](Session& session) { return Describe(*options, session); });
    };
  });
}

}  // namespace carryall::apps
