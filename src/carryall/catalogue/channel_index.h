#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/catalogue/name_list.h"
#include "carryall/metadata/channel_match.h"

namespace carryall::catalogue {

/// What tells channels apart.
struct ChannelKey {
  std::string_view name;
  std::optional<std::string_view> replay_id;

  static ChannelKey Of(const Channel& channel) {
    return {channel.name, channel.replay_id};
  }
  auto operator<=>(const ChannelKey&) const = default;
};

/// Channels in the order of their keys, with what queries read of them side by side: all
/// names in one piece of memory, 16 bytes of filter fields each. Immutable, thread safe.
class ChannelIndex {
 public:
  using Entry = std::shared_ptr<const Channel>;
  using Range = NameList::Range;  ///< positions [first, second)

  /// Puts channels into the order of their keys. kInvalidArgument naming one that comes
  /// twice.
  static Result<std::vector<Entry>> Sort(std::vector<Channel> channels);
  /// Of entries in strict order.
  explicit ChannelIndex(std::vector<Entry> entries);

  size_t size() const { return entries_.size(); }
  const std::vector<Entry>& entries() const { return entries_; }
  const Channel& operator[](size_t i) const { return *entries_[i]; }
  std::string_view name(size_t i) const { return names_[i]; }
  /// Position of the first name that is not before `name`.
  size_t LowerBound(std::string_view name) const { return LowerBound(name, 0); }
  std::optional<size_t> Find(const ChannelKey& key) const {
    size_t near = 0;
    return Find(key, &near);
  }
  /// The same for one key after the other: `*near`, 0 at first, is where the last one
  /// was, and the next is looked for from there on.
  std::optional<size_t> Find(const ChannelKey& key, size_t* near) const;
  /// Where the names within the bounds of a pattern are.
  Range RangeOf(const metadata::NamePattern& pattern) const;

  metadata::RowFilter MakeFilter(const metadata::ChannelQuery& query) const {
    return metadata::RowFilter(query, publishers_, replays_);
  }
  /// Appends the positions within `range` that match. `range` is within RangeOf(pattern).
  Status Select(const metadata::RowFilter& filter, const metadata::NamePattern& pattern,
                Range range, std::vector<uint32_t>* out) const;

 private:
  static constexpr size_t kLandmark = 16;

  // The same; quicker where it is soon after `near`.
  size_t LowerBound(std::string_view name, size_t near) const;
  // The first position in `range` whose name has the text of the pattern in it, or its
  // end.
  size_t NextWith(const std::string& text, Range range) const;

  std::vector<Entry> entries_;
  NameList names_;
  NameList landmarks_;  // every kLandmark-th name: what a search touches stays in a cache
  std::vector<metadata::ChannelRow> rows_;
  metadata::Interner publishers_, replays_;
};

}  // namespace carryall::catalogue
