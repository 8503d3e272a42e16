#include "carryall/metadata/catalogue.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "carryall/base/clock.h"
#include "carryall/metadata/name_pattern.h"

namespace carryall::metadata {
namespace {

constexpr uint32_t kNone = 0;
// Patterns take linear time, but there may be a million names.
constexpr std::chrono::seconds kMatchBudget{5};
constexpr size_t kNamesBetweenClockReads = 4096;

// Distinct optional texts -> small numbers; kNone for the one that is not there.
class Interner {
 public:
  uint32_t Add(const std::optional<std::string>& text) {
    if (!text) return kNone;
    return ids_.emplace(*text, static_cast<uint32_t>(ids_.size() + 1)).first->second;
  }
  std::optional<uint32_t> Find(const std::optional<std::string>& text) const {
    if (!text) return kNone;
    const auto it = ids_.find(*text);
    if (it == ids_.end()) return std::nullopt;
    return it->second;
  }
  size_t size() const { return ids_.size() + 1; }

 private:
  std::unordered_map<std::string, uint32_t> ids_;
};

// What filters look at, 16 bytes a channel, so that a million are read in a millisecond.
struct Row {
  int32_t rate;
  uint32_t publisher;
  uint32_t replay;
  uint16_t type_bit;
};

class RowFilter {
 public:
  RowFilter(const ChannelQuery& query, const Interner& publishers,
            const Interner& replays)
      : min_rate_(query.min_rate), max_rate_(query.max_rate) {
    for (DataType type : query.data_types) types_ |= TypeBit(type);
    if (query.data_types.empty()) types_ = 0xffff;
    const std::optional<uint32_t> replay = replays.Find(query.replay_id);
    possible_ = replay.has_value();
    replay_ = replay.value_or(kNone);
    if (query.publishers.empty()) return;
    publishers_.resize(publishers.size());
    for (const std::string& name : query.publishers) {
      if (const auto id = publishers.Find(name)) publishers_[*id] = true;
    }
  }
  static uint16_t TypeBit(DataType type) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(type));
  }

  bool possible() const { return possible_; }
  // Whether every row passes, where no channel has a replay id.
  bool passes_all() const {
    return min_rate_ <= 1 && max_rate_ >= std::numeric_limits<int32_t>::max() &&
           replay_ == kNone && types_ == 0xffff && publishers_.empty();
  }
  bool operator()(const Row& row) const {
    return row.rate >= min_rate_ && row.rate <= max_rate_ && row.replay == replay_ &&
           (row.type_bit & types_) != 0 &&
           (publishers_.empty() || publishers_[row.publisher]);
  }

 private:
  int64_t min_rate_, max_rate_;
  uint32_t replay_ = kNone;
  uint16_t types_ = 0;
  bool possible_ = true;
  std::vector<bool> publishers_;
};

class MemoryCatalogue final : public Catalogue {
 public:
  explicit MemoryCatalogue(std::vector<Channel> channels)
      : channels_(std::move(channels)) {}

  Status Build() {
    rows_.reserve(channels_.size());
    name_ends_.reserve(channels_.size());
    for (const Channel& channel : channels_) {
      ARROW_ASSIGN_OR_RAISE(const ChannelNameParts parts, ParseChannelName(channel.name));
      AddScope(parts);
      names_.append(channel.name);
      name_ends_.push_back(names_.size());
      rows_.push_back({channel.sample_rate.hz(), publishers_.Add(channel.publisher),
                       replays_.Add(channel.replay_id),
                       RowFilter::TypeBit(channel.data_type)});
    }
    sorted_.resize(channels_.size());
    std::iota(sorted_.begin(), sorted_.end(), 0u);
    const auto before = [this](uint32_t a, uint32_t b) {
      const int names = NameOf(a).compare(NameOf(b));
      return names != 0 ? names < 0 : channels_[a].replay_id < channels_[b].replay_id;
    };
    if (!std::is_sorted(sorted_.begin(), sorted_.end(), before)) {
      std::sort(sorted_.begin(), sorted_.end(), before);
    }
    rank_.resize(channels_.size());
    for (uint32_t i = 0; i < sorted_.size(); ++i) rank_[sorted_[i]] = i;
    for (size_t i = 1; i < sorted_.size(); ++i) {
      const Channel& channel = channels_[sorted_[i]];
      if (!before(sorted_[i - 1], sorted_[i])) {
        return Error(ErrorKind::kInvalidArgument, "channel is listed twice{}: {}",
                     channel.replay_id ? " with replay '" + *channel.replay_id + "'" : "",
                     channel.name);
      }
    }
    return Status::OK();
  }

  size_t size() const override { return channels_.size(); }

  Status Find(const ChannelQuery& query,
              const std::function<bool(const Channel&)>& visit) const override {
    ARROW_ASSIGN_OR_RAISE(const NamePattern pattern, NamePattern::Make(query.pattern));
    return Select(query, pattern, [&](uint32_t i) { return visit(channels_[i]); });
  }

  Result<int64_t> Count(const ChannelQuery& query) const override {
    ARROW_ASSIGN_OR_RAISE(const NamePattern pattern, NamePattern::Make(query.pattern));
    if (pattern.is_range() && PassesAll(RowFilter(query, publishers_, replays_))) {
      const auto [begin, end] = RangeOf(pattern);
      return static_cast<int64_t>(end - begin);
    }
    int64_t count = 0;
    ARROW_RETURN_NOT_OK(Select(query, pattern, [&](uint32_t) { return ++count, true; }));
    return count;
  }

  const Channel* Get(std::string_view name,
                     const std::optional<std::string>& replay_id) const override {
    for (size_t i = LowerBound(name); i < sorted_.size(); ++i) {
      const Channel& channel = channels_[sorted_[i]];
      if (channel.name != name) break;
      if (channel.replay_id == replay_id) return &channel;
    }
    return nullptr;
  }

  const std::map<std::string, std::set<std::string>>& scopes() const override {
    return scopes_;
  }

 private:
  void AddScope(const ChannelNameParts& parts) {
    // Neighbours in a file mostly share their scope.
    if (last_scope_ != nullptr && last_domain_ == parts.domain &&
        last_subsystem_ == parts.subsystem) {
      return;
    }
    last_domain_ = parts.domain;
    last_subsystem_ = parts.subsystem;
    last_scope_ = &scopes_[last_domain_];
    last_scope_->insert(last_subsystem_);
  }

  // Position in sorted_ of the first name that is not before `name`.
  size_t LowerBound(std::string_view name) const {
    return std::lower_bound(
               sorted_.begin(), sorted_.end(), name,
               [this](uint32_t i, std::string_view n) { return NameOf(i) < n; }) -
           sorted_.begin();
  }

  std::string_view NameOf(uint32_t i) const {
    const size_t begin = i == 0 ? 0 : name_ends_[i - 1];
    return std::string_view(names_).substr(begin, name_ends_[i] - begin);
  }

  // Where in sorted_ the names within the bounds of a pattern are.
  std::pair<size_t, size_t> RangeOf(const NamePattern& pattern) const {
    const size_t begin = LowerBound(pattern.lower());
    const size_t end = pattern.upper() ? LowerBound(*pattern.upper()) : sorted_.size();
    return {begin, std::max(begin, end)};
  }

  bool PassesAll(const RowFilter& filter) const {
    return replays_.size() == 1 && filter.passes_all();
  }

  // Calls `take` with the position of each match in file order until it returns false.
  template <typename Take>
  Status Select(const ChannelQuery& query, const NamePattern& pattern, Take take) const {
    const RowFilter filter(query, publishers_, replays_);
    const std::pair<size_t, size_t> range = RangeOf(pattern);
    const size_t begin = range.first, end = range.second;
    if (!filter.possible() || begin == end) return Status::OK();
    const bool passes_all = PassesAll(filter);
    const SteadyTime give_up = SteadyNow() + kMatchBudget;
    size_t asked = 0;
    // False: enough.
    const auto consider = [&](uint32_t i) -> Result<bool> {
      if (!passes_all && !filter(rows_[i])) return true;
      if (!pattern.is_range()) {
        if (++asked % kNamesBetweenClockReads == 0 && SteadyNow() > give_up) {
          return Error(ErrorKind::kResourceExhausted,
                       "pattern is too expensive: gave up after {} of {} names: '{}'",
                       asked, end - begin, query.pattern);
        }
        if (!pattern.Matches(NameOf(i))) return true;
      }
      return take(i);
    };
    // A wide range is read in file order, a narrow one is put into it.
    if (end - begin > sorted_.size() / 8) {
      for (uint32_t i = 0; i < rows_.size(); ++i) {
        if (rank_[i] < begin || rank_[i] >= end) continue;
        ARROW_ASSIGN_OR_RAISE(const bool more, consider(i));
        if (!more) break;
      }
      return Status::OK();
    }
    std::vector<uint32_t> candidates(sorted_.begin() + begin, sorted_.begin() + end);
    std::sort(candidates.begin(), candidates.end());
    for (uint32_t i : candidates) {
      ARROW_ASSIGN_OR_RAISE(const bool more, consider(i));
      if (!more) break;
    }
    return Status::OK();
  }

  std::vector<Channel> channels_;  // file order
  std::vector<Row> rows_;          // beside channels_
  std::string names_;              // all names in a row: patterns read them in order
  std::vector<size_t> name_ends_;  // where each name ends in names_
  std::vector<uint32_t> sorted_;   // positions in name and replay order
  std::vector<uint32_t> rank_;     // position in sorted_ of each channel
  Interner publishers_, replays_;
  std::map<std::string, std::set<std::string>> scopes_;
  std::set<std::string>* last_scope_ = nullptr;
  std::string last_domain_, last_subsystem_;
};

}  // namespace

Result<std::shared_ptr<const Catalogue>> Catalogue::Make(std::vector<Channel> channels) {
  if (channels.size() > std::numeric_limits<uint32_t>::max()) {
    return Error(ErrorKind::kResourceExhausted, "too many channels for a catalogue: {}",
                 channels.size());
  }
  auto out = std::make_shared<MemoryCatalogue>(std::move(channels));
  ARROW_RETURN_NOT_OK(out->Build());
  return std::shared_ptr<const Catalogue>(std::move(out));
}

}  // namespace carryall::metadata
