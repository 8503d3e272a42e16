#include <CLI/CLI.hpp>

#include "action_json.h"
#include "command.h"
#include "session.h"
#include "text.h"

namespace carryall::apps {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  bool endpoints_only = false;
  bool json = false;
  ClientSettings client;
};

// A value as the stock program shows it.
std::string Shown(const Json& value) {
  if (value.is_string()) return Printable(value.get<std::string>());
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (!value.is_array()) return value.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string out;
  for (const Json& item : value) {
    if (!out.empty()) out += ", ";
    out += Shown(item);
  }
  return out;
}

Status ServerInfo(const Options& options, Session& session) {
  const client::CallContext context = session.context();
  Output& out = session.out();
  if (options.endpoints_only) {
    ARROW_ASSIGN_OR_RAISE(const auto endpoints, session.client().Endpoints(context));
    for (const std::string& endpoint : endpoints) out.Append(endpoint + "\n");
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const std::string text, session.client().ServerInfo(context));
  if (options.json) {
    out.Append(text + "\n");
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const Json info, ParseActionJson<Json>(text, "server-info"));
  for (const auto& [key, value] : info.items()) {
    out.Append(fmt::format("{}: {}\n", Printable(key), Shown(value)));
  }
  ARROW_ASSIGN_OR_RAISE(const auto endpoints, session.client().Endpoints(context));
  out.Append(fmt::format("endpoints: {}\n", fmt::to_string(fmt::join(endpoints, ", "))));
  return Status::OK();
}

}  // namespace

void AddServerInfoCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command =
      app.add_subcommand("server-info", "Say what a server is and offers.");
  auto options = std::make_shared<Options>();
  CLI::Option* endpoints = command->add_flag("-e,--endpoints", options->endpoints_only,
                                             "only the endpoints, one a line");
  command->add_flag("--json", options->json, "as the server's JSON")->excludes(endpoints);
  AddClientOptions(*command, options->client);
  command->callback([&global, options] {
    global.run = [&global, options] {
      return RunVerb(global, options->client,
                     [&](Session& session) { return ServerInfo(*options, session); });
    };
  });
}

}  // namespace carryall::apps
