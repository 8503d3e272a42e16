#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::metadata {

/// Filters of find and count (protocol 1.2). All must hold.
struct ChannelQuery {
  std::string pattern = ".*";           ///< RE2, anchored at the start only
  std::vector<DataType> data_types;     ///< empty: any
  int64_t min_rate = 0;                 ///< Hz, inclusive
  int64_t max_rate = INT64_MAX;         ///< Hz, inclusive
  std::vector<std::string> publishers;  ///< empty: any
  std::optional<std::string>
      replay_id;  ///< exact; nothing matches only channels without one
};

/// The matches of one find, some at a time. For one thread; the catalogue outlives it.
class Finding {
 public:
  virtual ~Finding() = default;
  /// Appends the next matches in order, at least one. None: that was all.
  virtual Status Next(std::vector<const Channel*>* out) = 0;
};

/// An immutable set of channels, keyed by name and replay id, in an order of its own.
/// Thread safe.
class Catalogue {
 public:
  virtual ~Catalogue() = default;
  /// One in the order that is given. kInvalidArgument naming a channel that comes twice
  /// with one replay id.
  static Result<std::shared_ptr<const Catalogue>> Make(std::vector<Channel> channels);

  virtual size_t size() const = 0;
  /// Calls `visit` for each match in order until it returns false. An invalid
  /// pattern, one longer than 1024 bytes, or one that needs what RE2 does not have
  /// (look-around, back-references) is kInvalidArgument saying which.
  virtual Status Find(const ChannelQuery& query,
                      const std::function<bool(const Channel&)>& visit) const = 0;
  /// The same for who hands matches on while others are still looked for.
  virtual Result<std::unique_ptr<Finding>> Begin(const ChannelQuery& query) const;
  virtual Result<int64_t> Count(const ChannelQuery& query) const = 0;
  /// The channel under that replay id, or nullptr.
  virtual const Channel* Get(std::string_view name,
                             const std::optional<std::string>& replay_id) const = 0;
  /// Get for each of `count` names; quickest where they are in order.
  virtual void GetAll(const std::string* names, size_t count,
                      const std::optional<std::string>& replay_id,
                      const Channel** out) const;
  /// domain -> subsystems of all channels.
  virtual const std::map<std::string, std::set<std::string>>& scopes() const = 0;
};

}  // namespace carryall::metadata
