#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "carryall/metadata/catalogue.h"
#include "carryall/metadata/name_pattern.h"

namespace carryall::metadata {

/// Distinct optional texts -> small numbers; kNone for the one that is not there.
class Interner {
 public:
  static constexpr uint32_t kNone = 0;
  uint32_t Add(const std::optional<std::string>& text);
  std::optional<uint32_t> Find(const std::optional<std::string>& text) const;
  size_t size() const { return ids_.size() + 1; }

 private:
  std::unordered_map<std::string, uint32_t> ids_;
  // Neighbours mostly have the same text. Points into ids_, whose nodes stay.
  const std::pair<const std::string, uint32_t>* last_ = nullptr;
};

/// What filters look at, 16 bytes a channel, so that a million are read in a millisecond.
struct ChannelRow {
  int32_t rate;
  uint32_t publisher;
  uint32_t replay;
  uint16_t type_bit;

  static ChannelRow Of(const Channel& channel, Interner* publishers, Interner* replays);
};

/// The filters of a query over the rows of one pair of interners. Thread safe.
class RowFilter {
 public:
  RowFilter(const ChannelQuery& query, const Interner& publishers,
            const Interner& replays);

  /// Whether any row can pass.
  bool possible() const { return possible_; }
  /// Whether every row passes, whatever is in it.
  bool passes_all() const { return passes_all_; }
  bool operator()(const ChannelRow& row) const {
    return row.rate >= min_rate_ && row.rate <= max_rate_ && row.replay == replay_ &&
           (row.type_bit & types_) != 0 &&
           (publishers_.empty() || publishers_[row.publisher]);
  }

 private:
  int64_t min_rate_, max_rate_;
  uint32_t replay_ = Interner::kNone;
  uint16_t types_ = 0;
  bool possible_ = true, passes_all_ = false;
  std::vector<bool> publishers_;
};

/// Filter and pattern of one query, applied to one channel after the other, whose names
/// are within the bounds of the pattern; gives up when the pattern has taken too much
/// processor time over all of them. For one thread.
class ChannelMatcher {
 public:
  /// Both outlive it.
  ChannelMatcher(const RowFilter& filter, const NamePattern& pattern)
      : filter_(filter), pattern_(pattern), give_up_(ProcessorTime() + kBudget) {}

  /// kResourceExhausted when the pattern is too expensive.
  /// `known_match`: the name was seen to match.
  Result<bool> operator()(const ChannelRow& row, std::string_view name,
                          bool known_match = false) {
    if (!filter_.passes_all() && !filter_(row)) return false;
    if (pattern_.is_range() || known_match) return true;
    if (++asked_ % kNamesBetweenClockReads == 0 && ProcessorTime() > give_up_) {
      return TooExpensive();
    }
    return pattern_.Matches(name);
  }

 private:
  // Patterns take linear time, but there may be a million names.
  static constexpr std::chrono::seconds kBudget{5};  // of a processor
  static constexpr size_t kNamesBetweenClockReads = 4096;
  // What this thread has used so far.
  static std::chrono::nanoseconds ProcessorTime();
  Status TooExpensive() const;

  const RowFilter& filter_;
  const NamePattern& pattern_;
  const std::chrono::nanoseconds give_up_;
  size_t asked_ = 0;
};

}  // namespace carryall::metadata
