#include "action_json.h"
#include "command.h"
#include "session.h"
#include "text.h"

namespace carryall::apps {
namespace {

using Json = nlohmann::json;

Status Replays(Session& session) {
  ARROW_ASSIGN_OR_RAISE(const std::string text,
                        session.client().Replays(session.context()));
  ARROW_ASSIGN_OR_RAISE(const Json replays, ParseActionJson<Json>(text, "replays"));
  for (const auto& [id, window] : replays.items()) {
    if (!window.is_object() || !window.contains("start") || !window.contains("end")) {
      return Error(ErrorKind::kCorrupt, "replay '{}' has no start and end", id);
    }
    session.out().Append(fmt::format("{}: start={}, end={}\n", Printable(id),
                                     window["start"].dump(), window["end"].dump()));
  }
  if (replays.empty()) session.out().Append("no replays configured\n");
  return Status::OK();
}

}  // namespace

void AddReplaysCommand(CLI::App& app, GlobalOptions& global) {
  AddPlainCommand(app, global, "replays",
                  "List the replays that can be asked for by name.", &Replays);
}

}  // namespace carryall::apps
