#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/server/claims.h"
#include "carryall/server/replay.h"
#include "carryall/server/scope_map.h"
#include "carryall/wire/request.h"

namespace carryall::server {

/// What to ask, and where: an endpoint of a plan.
struct PlannedEndpoint {
  wire::Request request;
  std::vector<std::string> locations;  ///< never empty
};

/// The replay a request runs under.
struct ReplayContext {
  ReplayWindow window;
  std::optional<std::string> id;  ///< nothing: an anonymous one
};

/// Decides by the scope map where a request is to be sent (protocol 5.5, 5.6), as far as
/// the answering server itself is concerned: channels that only other servers claim are
/// refused. Immutable, thread safe; a reload makes a new one.
class Router {
 public:
  /// `local` is the position of the answering server in `map.servers`.
  Router(ScopeMap map, size_t local);

  /// Endpoints for a request of any type but Publish and Partition. kUnavailable naming
  /// the channels nobody claims, kNoEndpoint where nothing covers the time,
  /// kInvalidReplay.
  Result<std::vector<PlannedEndpoint>> Plan(const wire::Request& request,
                                            GpsTime now) const;

  /// The replay a request asks for; kInvalidReplay naming the id and the known ones, or
  /// what is wrong with the bounds.
  Result<std::optional<ReplayContext>> ResolveReplay(const wire::Request& request) const;

  /// kUnavailable naming channels and id if this server serves only a part of its
  /// channels under that replay and these are not among them.
  Status CheckReplayScope(const std::vector<std::string>& channels,
                          const std::string& replay_id) const;

  const ScopeMap& map() const { return map_; }
  const ServerEntry& local() const { return map_.servers[local_]; }

 private:
  /// What the local server serves under one named replay.
  struct ReplayView {
    bool narrows = false;  ///< only `claims`; otherwise all its untagged scopes
    ClaimIndex claims;
  };

  Result<std::vector<PlannedEndpoint>> PlanFind(
      const wire::Request& request, const std::optional<ReplayContext>& replay,
      GpsTime now) const;
  Result<std::vector<PlannedEndpoint>> PlanChannels(
      const wire::Request& request, const std::optional<ReplayContext>& replay,
      GpsTime now) const;
  /// Whether this server may answer for the times of the request, mapped into the replay
  /// if one is given.
  bool Covers(const wire::Request& request, const ReplayContext* replay,
              GpsTime now) const;
  /// The endpoints of some of a request's channels: those read from brokers apart, by
  /// the brokers that `direct` names for them, if it is given.
  static Status AddEndpoints(const wire::Request& request,
                             std::vector<std::string> channels,
                             const std::vector<const ClaimIndex*>& direct,
                             std::vector<PlannedEndpoint>* out);
  bool CoversTime(std::optional<GpsTime> t, GpsTime now) const;
  const ReplayView* FindView(const std::optional<ReplayContext>& replay) const;

  ScopeMap map_;
  size_t local_;
  ClaimIndex anyone_;  ///< every scope of every server
  ClaimIndex raw_;     ///< untagged scopes of the local server
  bool has_raw_;       ///< false if all it has is tagged with replays
  std::map<std::string, ReplayView, std::less<>> views_;
};

}  // namespace carryall::server
