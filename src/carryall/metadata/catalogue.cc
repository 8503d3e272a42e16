#include "carryall/metadata/catalogue.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "carryall/metadata/channel_match.h"
#include "carryall/metadata/name_pattern.h"

namespace carryall::metadata {
namespace {

// All at once.
struct Found final : public Finding {
  Status Next(std::vector<const Channel*>* out) override {
    out->insert(out->end(), channels.begin(), channels.end());
    channels.clear();
    return Status::OK();
  }
  std::vector<const Channel*> channels;
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
      rows_.push_back(ChannelRow::Of(channel, &publishers_, &replays_));
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
    if (pattern.is_range() && RowFilter(query, publishers_, replays_).passes_all()) {
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

  // Calls `take` with the position of each match in file order until it returns false.
  template <typename Take>
  Status Select(const ChannelQuery& query, const NamePattern& pattern, Take take) const {
    const RowFilter filter(query, publishers_, replays_);
    const std::pair<size_t, size_t> range = RangeOf(pattern);
    const size_t begin = range.first, end = range.second;
    if (!filter.possible() || begin == end) return Status::OK();
    ChannelMatcher matches(filter, pattern);
    // False: enough.
    const auto consider = [&](uint32_t i) -> Result<bool> {
      ARROW_ASSIGN_OR_RAISE(const bool match, matches(rows_[i], NameOf(i)));
      return !match || take(i);
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
  std::vector<ChannelRow> rows_;   // beside channels_
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

Result<std::unique_ptr<Finding>> Catalogue::Begin(const ChannelQuery& query) const {
  auto out = std::make_unique<Found>();
  ARROW_RETURN_NOT_OK(Find(query, [&](const Channel& channel) {
    out->channels.push_back(&channel);
    return true;
  }));
  return out;
}

void Catalogue::GetAll(const std::string* names, size_t count,
                       const std::optional<std::string>& replay_id,
                       const Channel** out) const {
  for (size_t i = 0; i < count; ++i) out[i] = Get(names[i], replay_id);
}

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
