#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "carryall/catalogue/channel_index.h"
#include "carryall/metadata/catalogue.h"

namespace carryall::catalogue {

/// The channels of a catalogue at one moment, for queries: finds come in the order of
/// (name, replay id). A large index and a small one with what changed since, so that the
/// next snapshot is cheap: its cost follows the change, not the catalogue. Immutable,
/// thread safe; whoever holds it keeps its channels.
class Snapshot final : public metadata::Catalogue {
 public:
  /// kInvalidArgument naming a channel that comes twice.
  static Result<std::shared_ptr<const Snapshot>> Make(std::vector<Channel> channels);

  /// This one with channels added or replaced, and others removed (those that are not
  /// there are passed over). kInvalidArgument naming a channel that comes twice in `put`.
  Result<std::shared_ptr<const Snapshot>> With(
      std::vector<Channel> put, const std::vector<ChannelKey>& removed) const;

  size_t size() const override;
  Status Find(const metadata::ChannelQuery& query,
              const std::function<bool(const Channel&)>& visit) const override;
  Result<std::unique_ptr<metadata::Finding>> Begin(
      const metadata::ChannelQuery& query) const override;
  Result<int64_t> Count(const metadata::ChannelQuery& query) const override;
  const Channel* Get(std::string_view name,
                     const std::optional<std::string>& replay_id) const override;
  void GetAll(const std::string* names, size_t count,
              const std::optional<std::string>& replay_id,
              const Channel** out) const override;
  /// Collected when first asked for.
  const std::map<std::string, std::set<std::string>>& scopes() const override;

  /// Calls `visit` for each channel whose name is in [lower, upper), in order.
  void VisitRange(std::string_view lower, std::string_view upper,
                  const std::function<void(const Channel&)>& visit) const;

 private:
  class Rounds;
  using Index = std::shared_ptr<const ChannelIndex>;
  Snapshot(Index base, Index recent, std::vector<uint32_t> hidden)
      : base_(std::move(base)), recent_(std::move(recent)), hidden_(std::move(hidden)) {}
  static std::shared_ptr<const Snapshot> Of(Index base, Index recent,
                                            std::vector<uint32_t> hidden);

  bool IsHidden(size_t i) const;
  // Visits two ordered lists of positions, in base_ and recent_, as one, until `visit`
  // returns false. False: it did.
  template <typename Visit>
  bool Merge(const std::vector<uint32_t>& base, const std::vector<uint32_t>& recent,
             size_t* recent_at, bool rest, const Visit& visit) const;
  // Positions in base_ that match and are not hidden, on several cores where that helps.
  Result<std::vector<uint32_t>> SelectBase(const metadata::ChannelQuery& query,
                                           const metadata::NamePattern& pattern,
                                           const metadata::RowFilter& filter,
                                           ChannelIndex::Range range) const;
  void CollectScopes() const;

  Index base_, recent_;
  std::vector<uint32_t>
      hidden_;  // positions in base_ that are replaced or gone, in order
  mutable std::once_flag scopes_once_;
  mutable std::map<std::string, std::set<std::string>> scopes_;
};

}  // namespace carryall::catalogue
