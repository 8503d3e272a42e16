#include "carryall/server/scope_map.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <set>

#include "carryall/wire/url.h"

namespace carryall::server {
namespace {

// Aliases are shared in the tree that yaml-cpp builds but not in what is made of it, so
// what counts is the number of nodes that are visited.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  Result<ScopeMap> Read(const YAML::Node& root);

 private:
  Status Fail(const YAML::Node& at, std::string text) const {
    return Error(ErrorKind::kInvalidArgument, "{}:{}: {}", file_, at.Mark().line + 1,
                 text);
  }
  void Warn(const YAML::Node& at, std::string_view text) {
    map_.warnings.push_back(fmt::format("{}:{}: {}", file_, at.Mark().line + 1, text));
  }
  Status Visit(const YAML::Node& node) {
    if (++visited_ <= kMaxScopeMapNodes) return Status::OK();
    return Fail(node, fmt::format("scope map has more than {} items", kMaxScopeMapNodes));
  }

  Result<std::string> Text(const YAML::Node& node, std::string_view what) {
    ARROW_RETURN_NOT_OK(Visit(node));
    if (!node.IsScalar()) return Fail(node, fmt::format("{} must be text", what));
    return node.Scalar();
  }
  Result<std::vector<std::string>> Texts(const YAML::Node& node, std::string_view what);
  Result<double> Seconds(const YAML::Node& node, std::string_view what);
  Status Members(const YAML::Node& map, std::string_view what,
                 const std::function<Status(const std::string& key,
                                            const YAML::Node& value)>& visit);

  Status ReadReplays(const YAML::Node& node);
  Status ReadServer(const std::string& url, const YAML::Node& node);
  Status ReadRetention(const YAML::Node& node, backend::Retention* out);
  Status ReadReplayIds(const YAML::Node& node, ServerEntry* server);
  Result<Scopes> ReadScopes(const YAML::Node& node);
  Status ReadItem(const YAML::Node& node, std::vector<ScopeItem>* out);

  std::string_view file_;
  ScopeMap map_;
  int visited_ = 0;
};

Status Reader::Members(
    const YAML::Node& map, std::string_view what,
    const std::function<Status(const std::string&, const YAML::Node&)>& visit) {
  if (!map.IsMap()) return Fail(map, fmt::format("{} must be a mapping", what));
  std::set<std::string> seen;
  for (const auto& member : map) {
    ARROW_ASSIGN_OR_RAISE(const std::string key, Text(member.first, "a key"));
    if (!seen.insert(key).second) {
      return Fail(member.first, fmt::format("key comes twice: {}", key));
    }
    ARROW_RETURN_NOT_OK(Visit(member.second));
    ARROW_RETURN_NOT_OK(visit(key, member.second));
  }
  return Status::OK();
}

Result<std::vector<std::string>> Reader::Texts(const YAML::Node& node,
                                               std::string_view what) {
  std::vector<std::string> out;
  if (node.IsScalar()) {  // a single name may stand for a list of one
    ARROW_ASSIGN_OR_RAISE(out.emplace_back(), Text(node, what));
    return out;
  }
  if (!node.IsSequence()) return Fail(node, fmt::format("{} must be a list", what));
  for (const auto& item : node) {
    ARROW_ASSIGN_OR_RAISE(out.emplace_back(), Text(item, what));
  }
  return out;
}

Result<double> Reader::Seconds(const YAML::Node& node, std::string_view what) {
  ARROW_ASSIGN_OR_RAISE(std::string text, Text(node, what));
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  for (const char* infinity : {"inf", ".inf", "+.inf", "+inf", "infinity"}) {
    if (lower == infinity) return HUGE_VAL;
  }
  double value = 0;
  const auto end = std::from_chars(lower.data(), lower.data() + lower.size(), value).ptr;
  if (lower.empty() || end != lower.data() + lower.size() || !std::isfinite(value)) {
    return Fail(node, fmt::format("{} must be a number of seconds, got '{}'", what,
                                  text.substr(0, 64)));
  }
  return value;
}

Result<ScopeMap> Reader::Read(const YAML::Node& root) {
  if (!root.IsNull()) {
    ARROW_RETURN_NOT_OK(Members(
        root, "a scope map", [&](const std::string& key, const YAML::Node& value) {
          return key == "replays" ? ReadReplays(value) : ReadServer(key, value);
        }));
  }
  return std::move(map_);
}

Status Reader::ReadReplays(const YAML::Node& node) {
  if (node.IsNull()) return Status::OK();
  return Members(node, "replays", [&](const std::string& id, const YAML::Node& value) {
    std::optional<double> start, end;
    ARROW_RETURN_NOT_OK(Members(
        value, "a replay",
        [&](const std::string& key, const YAML::Node& bound) -> Status {
          if (key == "start") {
            ARROW_ASSIGN_OR_RAISE(start, Seconds(bound, "start"));
          } else if (key == "end") {
            ARROW_ASSIGN_OR_RAISE(end, Seconds(bound, "end"));
          } else {
            Warn(bound, fmt::format("unknown key of a replay is ignored: {}", key));
          }
          return Status::OK();
        }));
    // 9.2e9 s is the end of the range of nanoseconds.
    if (!start || !end || !(*start < *end) || std::abs(*start) > 9.2e9 ||
        std::abs(*end) > 9.2e9) {
      return Fail(value, fmt::format("replay '{}' needs a start before its end, in GPS "
                                     "seconds",
                                     id));
    }
    const auto ns = [](double s) { return GpsTime::FromNs(std::llround(s * 1e9)); };
    map_.replays.emplace(id, ReplayWindow{ns(*start), ns(*end)});
    return Status::OK();
  });
}

Status Reader::ReadServer(const std::string& url, const YAML::Node& node) {
  ServerEntry server;
  server.url = url;
  if (url.find("://") == std::string::npos) {
    return Fail(node, fmt::format("a server is named by its URL, got '{}'", url));
  }
  ARROW_RETURN_NOT_OK(Members(
      node, "a server", [&](const std::string& key, const YAML::Node& value) -> Status {
        if (key == "scopes") {
          ARROW_ASSIGN_OR_RAISE(server.scopes, ReadScopes(value));
        } else if (key == "retention") {
          ARROW_RETURN_NOT_OK(ReadRetention(value, &server.retention));
        } else if (key == "replay_ids") {
          ARROW_RETURN_NOT_OK(ReadReplayIds(value, &server));
        } else if (key == "allowed_publishers") {
          ARROW_ASSIGN_OR_RAISE(server.allowed_publishers, Texts(value, key));
        } else {
          Warn(value, fmt::format("unknown key of a server is ignored: {}", key));
        }
        return Status::OK();
      }));
  for (const auto& [domain, items] : server.scopes) {
    for (const ScopeItem& item : items) {
      if (item.replay && std::find(server.replay_ids.begin(), server.replay_ids.end(),
                                   *item.replay) == server.replay_ids.end()) {
        server.replay_ids.push_back(*item.replay);
      }
    }
  }
  map_.servers.push_back(std::move(server));
  return Status::OK();
}

Status Reader::ReadRetention(const YAML::Node& node, backend::Retention* out) {
  if (node.IsNull()) return Status::OK();
  ARROW_RETURN_NOT_OK(Members(
      node, "retention", [&](const std::string& key, const YAML::Node& value) -> Status {
        if (key != "newest" && key != "oldest") {
          Warn(value, fmt::format("unknown key of a retention is ignored: {}", key));
          return Status::OK();
        }
        ARROW_ASSIGN_OR_RAISE(const double seconds, Seconds(value, key));
        if (seconds < 0 || (key == "newest" && std::isinf(seconds))) {
          return Fail(value, fmt::format("{} must be at least 0 seconds{}", key,
                                         key == "newest" ? " and finite" : ""));
        }
        if (key == "newest") {
          out->newest = seconds;
        } else {
          out->oldest = std::isinf(seconds) ? std::nullopt : std::optional(seconds);
        }
        return Status::OK();
      }));
  if (out->oldest && *out->oldest < out->newest) {
    return Fail(node, "retention ends before it begins: oldest is less than newest");
  }
  return Status::OK();
}

Status Reader::ReadReplayIds(const YAML::Node& node, ServerEntry* server) {
  if (node.IsNull()) return Status::OK();
  if (!node.IsSequence()) return Fail(node, "replay_ids must be a list");
  for (const auto& item : node) {
    std::string id;
    if (item.IsMap()) {
      ARROW_RETURN_NOT_OK(Members(
          item, "a replay id",
          [&](const std::string& key, const YAML::Node& value) -> Status {
            if (key == "id") {
              ARROW_ASSIGN_OR_RAISE(id, Text(value, key));
            } else if (key != "scopes") {
              Warn(value, fmt::format("unknown key of a replay id is ignored: {}", key));
            }
            return Status::OK();
          }));
      if (id.empty()) return Fail(item, "an entry of replay_ids lacks its 'id'");
      if (const YAML::Node scopes = item["scopes"]; scopes.IsDefined()) {
        ARROW_ASSIGN_OR_RAISE(server->replay_scopes[id], ReadScopes(scopes));
      }
    } else {
      ARROW_ASSIGN_OR_RAISE(id, Text(item, "a replay id"));
    }
    server->replay_ids.push_back(id);
  }
  return Status::OK();
}

Result<Scopes> Reader::ReadScopes(const YAML::Node& node) {
  Scopes out;
  if (node.IsNull()) return out;
  ARROW_RETURN_NOT_OK(Members(
      node, "scopes", [&](const std::string& domain, const YAML::Node& items) -> Status {
        std::vector<ScopeItem>& list = out[domain];
        if (items.IsNull()) return Status::OK();
        if (!items.IsSequence()) {
          return Fail(items, fmt::format("scopes of {} must be a list", domain));
        }
        for (const auto& item : items) ARROW_RETURN_NOT_OK(ReadItem(item, &list));
        return Status::OK();
      }));
  return out;
}

Status Reader::ReadItem(const YAML::Node& node, std::vector<ScopeItem>* out) {
  ScopeItem base;
  std::vector<std::string> subsystems, channels;
  bool has_all = false;
  const auto append = [](std::vector<std::string>* to, std::vector<std::string> from) {
    to->insert(to->end(), from.begin(), from.end());
  };
  ARROW_RETURN_NOT_OK(Members(
      node, "a scope", [&](const std::string& key, const YAML::Node& value) -> Status {
        if (key == "all") {
          ARROW_ASSIGN_OR_RAISE(const std::string text, Text(value, key));
          if (text != "true" && text != "True" && text != "TRUE") {
            return Fail(value, fmt::format("all must be true, got '{}'", text));
          }
          has_all = true;
        } else if (key == "publisher") {
          ARROW_ASSIGN_OR_RAISE(base.publisher, Text(value, key));
        } else if (key == "direct_read") {
          ARROW_ASSIGN_OR_RAISE(base.direct_read, Text(value, key));
          const Status read = wire::KafkaLocations(*base.direct_read).status();
          if (!read.ok()) return Fail(value, "direct_read: " + read.message());
        } else if (key == "replay") {
          ARROW_ASSIGN_OR_RAISE(base.replay, Text(value, key));
        } else if (key == "subsystem" || key == "subsystems") {
          ARROW_ASSIGN_OR_RAISE(auto names, Texts(value, key));
          append(&subsystems, std::move(names));
        } else if (key == "channel" || key == "channels") {
          ARROW_ASSIGN_OR_RAISE(auto names, Texts(value, key));
          append(&channels, std::move(names));
        } else {
          Warn(value, fmt::format("unknown key of a scope is ignored: {}", key));
        }
        return Status::OK();
      }));
  if (has_all) {
    out->push_back(base);
    out->back().all = true;
    return Status::OK();
  }
  if (subsystems.empty() && channels.empty()) {
    return Fail(node, "a scope needs 'all: true', a subsystem or a channel");
  }
  for (std::string& name : subsystems) {
    out->push_back(base);
    out->back().subsystem = std::move(name);
  }
  for (std::string& name : channels) {
    if (!ParseChannelName(name).ok()) {
      return Fail(node, fmt::format("not a channel name: '{}'", name.substr(0, 128)));
    }
    out->push_back(base);
    out->back().channel = std::move(name);
  }
  return Status::OK();
}

}  // namespace

Result<ScopeMap> ParseScopeMap(std::string_view yaml, std::string_view file) {
  if (yaml.size() > kMaxScopeMapBytes) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}:1: scope map is too large: {} bytes, limit {} bytes", file,
                 yaml.size(), kMaxScopeMapBytes);
  }
  try {
    return Reader(file).Read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& e) {
    return Error(ErrorKind::kInvalidArgument, "{}:{}: {}", file, e.mark.line + 1, e.msg);
  }
}

Scopes ScopesOf(const metadata::Catalogue& catalogue) {
  Scopes out;
  for (const auto& [domain, subsystems] : catalogue.scopes()) {
    std::vector<ScopeItem>& items = out[domain];
    for (const std::string& subsystem : subsystems) {
      items.emplace_back().subsystem = subsystem;
    }
  }
  return out;
}

}  // namespace carryall::server
