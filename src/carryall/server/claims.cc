#include "carryall/server/claims.h"

namespace carryall::server {

void ClaimIndex::Add(const std::string& domain, const ScopeItem& item) {
  Domain& claims = domains_[domain];
  if (item.all) {
    claims.all = true;
  } else if (!item.channel.empty()) {
    claims.channels.insert(item.channel);
  } else {
    claims.subsystems.insert(item.subsystem);
  }
}

Claim ClaimIndex::Of(std::string_view channel) const {
  const Result<ChannelNameParts> parts = ParseChannelName(channel);
  if (!parts.ok()) return Claim::kNone;
  const auto found = domains_.find(parts->domain);
  if (found == domains_.end()) return Claim::kNone;
  const Domain& claims = found->second;
  if (claims.channels.contains(channel)) return Claim::kChannel;
  if (claims.subsystems.contains(parts->subsystem)) return Claim::kSubsystem;
  return claims.all ? Claim::kDomain : Claim::kNone;
}

}  // namespace carryall::server
