#include "carryall/server/claims.h"

namespace carryall::server {

void ClaimIndex::Add(const std::string& domain, const ScopeItem& item) {
  Domain& claims = domains_[domain];
  const Direct direct{items_++, item.direct_read.value_or("")};
  const bool has_brokers = !direct.brokers.empty();
  if (item.all) {
    claims.all = true;
    if (has_brokers && !claims.direct) claims.direct = direct;
  } else if (!item.channel.empty()) {
    claims.channels.insert(item.channel);
    if (has_brokers) claims.direct_channels.emplace(item.channel, direct);
  } else {
    claims.subsystems.insert(item.subsystem);
    if (has_brokers) claims.direct_subsystems.emplace(item.subsystem, direct);
  }
}

std::string ClaimIndex::DirectRead(std::string_view channel) const {
  const Result<ChannelNameParts> parts = ParseChannelName(channel);
  if (!parts.ok()) return "";
  const auto found = domains_.find(parts->domain);
  if (found == domains_.end()) return "";
  const Domain& claims = found->second;
  const Direct* first = claims.direct ? &*claims.direct : nullptr;
  const auto consider = [&](const Directs& directs, std::string_view key) {
    const auto at = directs.find(key);
    if (at == directs.end()) return;
    if (first == nullptr || at->second.order < first->order) first = &at->second;
  };
  consider(claims.direct_subsystems, parts->subsystem);
  consider(claims.direct_channels, channel);
  return first == nullptr ? "" : first->brokers;
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
