#include "action_json.h"
#include "command.h"
#include "session.h"

namespace carryall::apps {
namespace {

using Json = nlohmann::json;

Status ScopeMap(Session& session) {
  ARROW_ASSIGN_OR_RAISE(const std::string text,
                        session.client().ScopeMap(session.context()));
  ARROW_ASSIGN_OR_RAISE(const Json map, ParseActionJson<Json>(text, "scope-map"));
  session.out().Append(map.dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
  return Status::OK();
}

}  // namespace

void AddScopeMapCommand(CLI::App& app, GlobalOptions& global) {
  AddPlainCommand(app, global, "scope-map", "Print which server serves what, as JSON.",
                  &ScopeMap);
}

}  // namespace carryall::apps
