#pragma once

#include <map>
#include <optional>
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
  /// The brokers that the first item with any names for this channel; empty: none.
  std::string DirectRead(std::string_view channel) const;

 private:
  /// Brokers, and which item of all it was that named them.
  struct Direct {
    size_t order = 0;
    std::string brokers;
  };
  using Directs = std::map<std::string, Direct, std::less<>>;
  struct Domain {
    bool all = false;
    std::set<std::string, std::less<>> subsystems;
    std::set<std::string, std::less<>> channels;
    std::optional<Direct> direct;
    Directs direct_subsystems, direct_channels;
  };
  std::map<std::string, Domain, std::less<>> domains_;
  size_t items_ = 0;
};

}  // namespace carryall::server
