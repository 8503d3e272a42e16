#pragma once

#include <string>

#include "carryall/server/router.h"

namespace carryall::server {

/// What this server says about itself.
struct Identity {
  std::string version;  ///< of server, client library and backends: they are one
  std::string backend_name;
  bool publishes = false;  ///< publishers can register
};

/// The JSON bodies of the actions (protocol 1.10).
std::string ServerInfoJson(const Identity& identity, const ScopeMap& map);
std::string ScopeMapJson(const Router& router);
std::string ReplaysJson(const ScopeMap& map);

}  // namespace carryall::server
