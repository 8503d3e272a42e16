#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "carryall/server/scope_map.h"

namespace carryall::server {

/// How exactly a server claims a channel. Higher wins.
enum class Claim { kNone = 0, kDomain = 1, kSubsystem = 2, kChannel = 3 };

/// Scopes, indexed for looking channels up. Built once, then immutable.
class ClaimIndex {
 public:
  void Add(const std::string& domain, const ScopeItem& item);

  bool empty() const { return domains_.empty(); }
  /// kNone also for text that is no channel name.
  Claim Of(std::string_view channel) const;

 private:
  struct Domain {
    bool all = false;
    std::set<std::string, std::less<>> subsystems;
    std::set<std::string, std::less<>> channels;
  };
  std::map<std::string, Domain, std::less<>> domains_;
};

}  // namespace carryall::server
