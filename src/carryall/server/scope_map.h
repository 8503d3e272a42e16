#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/server/replay.h"

namespace carryall::server {

/// One thing a server says it serves in a domain: everything, a subsystem or a channel.
struct ScopeItem {
  bool all = false;
  std::string subsystem;  ///< if neither `all` nor `channel`; may be empty text
  std::string channel;    ///< full name
  std::optional<std::string> publisher;
  std::optional<std::string> direct_read;
  std::optional<std::string> replay;

  bool operator==(const ScopeItem&) const = default;
};

/// domain -> what of it.
using Scopes = std::map<std::string, std::vector<ScopeItem>, std::less<>>;

/// What one server of the platform serves.
struct ServerEntry {
  std::string url;
  Scopes scopes;
  backend::Retention retention;
  std::vector<std::string> replay_ids;
  std::map<std::string, Scopes> replay_scopes;  ///< explicit ones, by replay id
  std::vector<std::string> allowed_publishers;
};

/// The servers of a platform and its named replays. A value.
struct ScopeMap {
  std::vector<ServerEntry> servers;  ///< in file order
  std::map<std::string, ReplayWindow, std::less<>> replays;
  std::vector<std::string> warnings;  ///< "file:line: what was ignored"
};

/// Caps on a scope map file.
inline constexpr size_t kMaxScopeMapBytes = 16 << 20;
inline constexpr int kMaxScopeMapNodes = 2'000'000;

/// Reads the YAML of a scope map (protocol 5.4). `file` is only named in messages. Every
/// error is kInvalidArgument beginning "file:line: ". Infinity may be written inf, .inf
/// or Infinity. Grouped and flat forms both honour `publisher` and `direct_read`.
Result<ScopeMap> ParseScopeMap(std::string_view yaml, std::string_view file);

/// The scopes of a backend that no scope map mentions: every subsystem of its catalogue.
Scopes ScopesOf(const metadata::Catalogue& catalogue);

}  // namespace carryall::server
