#include "command.h"
#include "session.h"

namespace carryall::apps {
namespace {

Status Domains(Session& session) {
  ARROW_ASSIGN_OR_RAISE(const auto domains, session.client().Domains(session.context()));
  for (const std::string& domain : domains) session.out().Append(domain + "\n");
  return Status::OK();
}

}  // namespace

void AddDomainsCommand(CLI::App& app, GlobalOptions& global) {
  AddPlainCommand(app, global, "domains", "List the domains of all servers.", &Domains);
}

}  // namespace carryall::apps
