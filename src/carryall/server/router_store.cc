#include "carryall/server/router_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "carryall/base/log.h"
#include "carryall/server/listen.h"

namespace carryall::server {
namespace {

constexpr std::chrono::seconds kLookEvery{60};

Result<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  if (error || !in) {
    return Error(ErrorKind::kNotFound, "cannot read the scope map: {}", path);
  }
  // One byte more than is allowed, so that the parser can say it is too large.
  std::string text(std::min<uintmax_t>(size, kMaxScopeMapBytes + 1), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

// Domains a backend has but its entry in the map does not speak of.
void WarnAboutDomains(const ServerEntry& entry, const metadata::Catalogue& catalogue,
                      const std::string& file) {
  for (const auto& [domain, subsystems] : catalogue.scopes()) {
    if (!entry.scopes.contains(domain)) {
      Log(LogLevel::kWarning,
          "{}: the entry of this server, {}, lacks a domain that its backend has: {}",
          file, entry.url, domain);
    }
  }
}

}  // namespace

std::optional<size_t> FindLocalEntry(const ScopeMap& map, uint16_t port) {
  for (size_t i = 0; i < map.servers.size(); ++i) {
    const Result<wire::ServerUrl> address = wire::ParseServerUrl(map.servers[i].url);
    if (address.ok() && address->port == port && IsLocalHost(address->host)) return i;
  }
  return std::nullopt;
}

RouterStore::RouterStore(std::shared_ptr<backend::Backend> backend, std::string file,
                         uint16_t port)
    : backend_(std::move(backend)), file_(std::move(file)), port_(port) {}

Result<std::unique_ptr<RouterStore>> RouterStore::Make(
    std::shared_ptr<backend::Backend> backend, std::string file, uint16_t port) {
  std::unique_ptr<RouterStore> store(
      new RouterStore(std::move(backend), std::move(file), port));
  ARROW_RETURN_NOT_OK(store->Load());
  store->watcher_ =
      std::jthread([raw = store.get()](std::stop_token stop) { raw->Watch(stop); });
  return store;
}

RouterStore::~RouterStore() = default;

std::shared_ptr<const Router> RouterStore::router() const {
  std::lock_guard lock(mutex_);
  return router_;
}

bool RouterStore::Refresh() {
  std::lock_guard loading(load_mutex_);
  if (local_ || backend_->catalogue() == catalogue_) return false;
  UseCatalogue(backend_->catalogue());
  return true;
}

Status RouterStore::Load() {
  std::lock_guard loading(load_mutex_);
  const std::shared_ptr<const metadata::Catalogue> catalogue = backend_->catalogue();
  bool changed = !loaded_;
  if (!file_.empty()) {
    ARROW_ASSIGN_OR_RAISE(std::string text, ReadFile(file_));
    if (!loaded_ || text != text_) {
      text_ = std::move(text);  // bad or good: not tried again until it changes
      ARROW_ASSIGN_OR_RAISE(map_, ParseScopeMap(text_, file_));
      local_ = FindLocalEntry(map_, port_);
      changed = true;
      for (const std::string& warning : map_.warnings) {
        Log(LogLevel::kWarning, "{}", warning);
      }
      if (local_) WarnAboutDomains(map_.servers[*local_], *catalogue, file_);
    }
  }
  if (changed || (!local_ && catalogue != catalogue_)) UseCatalogue(catalogue);
  loaded_ = true;
  return Status::OK();
}

void RouterStore::UseCatalogue(std::shared_ptr<const metadata::Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  ScopeMap map = map_;
  size_t local = 0;
  if (local_) {
    local = *local_;
  } else {
    ServerEntry own;
    own.url = wire::kReuseLocation;
    own.scopes = ScopesOf(*catalogue_);
    own.retention = backend_->retention();
    local = map.servers.size();
    map.servers.push_back(std::move(own));
  }
  auto router = std::make_shared<const Router>(std::move(map), local);
  Log(LogLevel::kInfo, "scope map: servers={} replays={} local={}",
      router->map().servers.size(), router->map().replays.size(), router->local().url);
  std::lock_guard lock(mutex_);
  router_ = std::move(router);
}

void RouterStore::Reload() {
  if (const Status status = Load(); !status.ok()) {
    Log(LogLevel::kError, "scope map is not taken over, the old one stays: {}",
        status.message());
  }
}

void RouterStore::RequestReload() {
  {
    std::lock_guard lock(mutex_);
    reload_requested_ = true;
  }
  wake_.notify_all();
}

void RouterStore::Watch(std::stop_token stop) {
  while (!stop.stop_requested()) {
    bool requested = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, kLookEvery, [this] { return reload_requested_; });
      requested = std::exchange(reload_requested_, false);
    }
    if (stop.stop_requested()) return;
    if (requested) {
      if (const Status status = backend_->Reload(); !status.ok()) {
        Log(LogLevel::kError, "backend is not reloaded, the old state stays: {}",
            status.message());
      }
    }
    Reload();
  }
}

}  // namespace carryall::server
