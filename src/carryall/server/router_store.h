#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "carryall/backend/backend.h"
#include "carryall/server/router.h"

namespace carryall::server {

/// The current router, made again when the scope map file or the backend's channels
/// change: looks once a minute and when told to. A bad edit keeps the old one and says
/// why, once per content. Thread safe.
class RouterStore {
 public:
  /// What the answering server is called in a scope map: its port, and every local name.
  /// `file` may be empty: then only the backend's own scopes are served.
  static Result<std::unique_ptr<RouterStore>> Make(
      std::shared_ptr<backend::Backend> backend, std::string file, uint16_t port);
  ~RouterStore();

  std::shared_ptr<const Router> router() const;

  /// Looks whether the backend has other channels now. True if that made another router.
  bool Refresh();

  /// Backend::Reload, then the scope map if it has changed; soon, in a thread of the
  /// store.
  void RequestReload();

 private:
  RouterStore(std::shared_ptr<backend::Backend> backend, std::string file, uint16_t port);
  /// Reads the file again if it has changed, and the backend's scopes.
  Status Load();
  /// Makes the router of the last good map and these channels. Loading.
  void UseCatalogue(std::shared_ptr<const metadata::Catalogue> catalogue);
  void Reload();
  void Watch(std::stop_token stop);

  const std::shared_ptr<backend::Backend> backend_;
  const std::string file_;
  const uint16_t port_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Router> router_;
  bool reload_requested_ = false;
  std::condition_variable_any wake_;

  std::mutex load_mutex_;        ///< one load at a time; guards what follows
  std::string text_;             ///< of the last map that was read, good or bad
  ScopeMap map_;                 ///< the last good one
  std::optional<size_t> local_;  ///< this server's entry in map_
  std::shared_ptr<const metadata::Catalogue> catalogue_;  ///< of the current router
  bool loaded_ = false;

  std::jthread watcher_;  ///< last: stops before the rest goes
};

/// The position in `map.servers` of the entry that means this machine and this port, if
/// there is one. May ask the resolver for host names.
std::optional<size_t> FindLocalEntry(const ScopeMap& map, uint16_t port);

}  // namespace carryall::server
