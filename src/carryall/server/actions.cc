#include "carryall/server/actions.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "carryall/wire/request.h"

namespace carryall::server {
namespace {

using Json = nlohmann::ordered_json;

// Whole seconds without a point: what stock writes for the defaults.
Json Seconds(double seconds) {
  if (seconds == std::floor(seconds) && std::abs(seconds) < 1e15) {
    return static_cast<int64_t>(seconds);
  }
  return seconds;
}

Json ScopesJson(const Scopes& scopes) {
  Json out = Json::object();
  for (const auto& [domain, items] : scopes) {
    Json& list = out[domain] = Json::array();
    for (const ScopeItem& item : items) {
      Json object = Json::object();
      if (item.all) {
        object["all"] = true;
      } else if (!item.channel.empty()) {
        object["channel"] = item.channel;
      } else {
        object["subsystem"] = item.subsystem;
      }
      if (item.publisher) object["publisher"] = *item.publisher;
      if (item.replay) object["replay"] = *item.replay;
      // The addresses themselves are not for every reader.
      if (item.direct_read) object["direct_read"] = true;
      list.push_back(std::move(object));
    }
  }
  return out;
}

Json ServerJson(const ServerEntry& server) {
  Json out = Json::object();
  out["scopes"] = ScopesJson(server.scopes);
  out["retention"]["newest"] = Seconds(server.retention.newest);
  out["retention"]["oldest"] =
      server.retention.oldest ? Seconds(*server.retention.oldest) : Json("inf");
  if (!server.replay_ids.empty()) out["replay_ids"] = server.replay_ids;
  for (const auto& [id, scopes] : server.replay_scopes) {
    out["replay_scopes"][id] = ScopesJson(scopes);
  }
  if (!server.allowed_publishers.empty()) {
    out["allowed_publishers"] = server.allowed_publishers;
  }
  return out;
}

std::string Dump(const Json& json) {
  // Names come from files that need not be UTF-8.
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace

std::string ServerInfoJson(const Identity& identity, const ScopeMap& map) {
  std::set<std::string> domains;
  for (const ServerEntry& server : map.servers) {
    for (const auto& [domain, items] : server.scopes) domains.insert(domain);
  }
  Json out;
  out["server_version"] = identity.version;
  out["arrakis_version"] = identity.version;
  out["arrakis_schema_version"] = wire::kSchemaVersion;
  out["backend"] = identity.backend_name;
  out["backend_version"] = identity.version;
  out["capabilities"] = {"find", "count", "describe", "stream"};
  if (identity.publishes) {
    out["capabilities"].insert(out["capabilities"].end(), {"publish", "partition"});
  }
  out["domains"] = domains;
  out["auth"] = false;
  out["auth_mode"] = nullptr;
  out["auth_methods"] = nullptr;
  return Dump(out);
}

std::string ScopeMapJson(const Router& router) {
  Json out;
  out["endpoints"] = Json::object();
  for (const ServerEntry& server : router.map().servers) {
    out["endpoints"][server.url] = ServerJson(server);
  }
  out["local_endpoint"] = router.local().url;
  return Dump(out);
}

std::string ReplaysJson(const ScopeMap& map) {
  Json out = Json::object();
  for (const auto& [id, window] : map.replays) {
    out[id]["start"] = window.start.seconds();
    out[id]["end"] = window.end.seconds();
  }
  return Dump(out);
}

}  // namespace carryall::server
