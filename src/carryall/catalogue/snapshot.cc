#include "carryall/catalogue/snapshot.h"

#include <algorithm>
#include <limits>

#include "carryall/base/pieces.h"

namespace carryall::catalogue {
namespace {

using metadata::ChannelQuery;
using metadata::NamePattern;
using metadata::RowFilter;
using Entry = ChannelIndex::Entry;
using Range = ChannelIndex::Range;

// The small index is merged into the large one when it exceeds this, or 1/64 of it.
constexpr size_t kMinMerge = 1024;
constexpr size_t kMergeShare = 64;
// Below this a thread costs more than it saves.
constexpr size_t kNamesAPiece = 16 << 10;
// Names a find looks through before it hands out the first matches.
constexpr size_t kFirstRound = 8 << 10;
constexpr size_t kLargestRound = 512 << 10;

bool Before(const Entry& a, const Entry& b) {
  return ChannelKey::Of(*a) < ChannelKey::Of(*b);
}

// Whether a name is of the domain and subsystem that `scope` names. May say no of a name
// with more colons.
bool IsOfScope(std::string_view name, std::string_view scope) {
  if (!name.starts_with(scope)) return false;
  const std::string_view rest = name.substr(scope.size());
  return (rest.empty() || rest[0] == '-' || rest[0] == '_') &&
         rest.find(':') == std::string_view::npos;
}

size_t HiddenIn(const std::vector<uint32_t>& hidden, Range range) {
  const auto begin = std::lower_bound(hidden.begin(), hidden.end(), range.first);
  return static_cast<size_t>(std::lower_bound(begin, hidden.end(), range.second) - begin);
}

// The entries of `base` but the hidden ones, and `more`, in order.
std::vector<Entry> MergeEntries(const ChannelIndex& base,
                                const std::vector<uint32_t>& hidden,
                                const std::vector<Entry>& more) {
  std::vector<Entry> kept;
  kept.reserve(base.size() - hidden.size());
  auto next = hidden.begin();
  for (size_t i = 0; i < base.size(); ++i) {
    if (next != hidden.end() && *next == i) {
      ++next;
    } else {
      kept.push_back(base.entries()[i]);
    }
  }
  std::vector<Entry> out;
  out.reserve(kept.size() + more.size());
  std::merge(std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()),
             more.begin(), more.end(), std::back_inserter(out), Before);
  return out;
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::Of(Index base, Index recent,
                                             std::vector<uint32_t> hidden) {
  return std::shared_ptr<const Snapshot>(
      new Snapshot(std::move(base), std::move(recent), std::move(hidden)));
}

Result<std::shared_ptr<const Snapshot>> Snapshot::Make(std::vector<Channel> channels) {
  if (channels.size() > std::numeric_limits<uint32_t>::max()) {
    return Error(ErrorKind::kResourceExhausted, "too many channels for a catalogue: {}",
                 channels.size());
  }
  ARROW_ASSIGN_OR_RAISE(auto entries, ChannelIndex::Sort(std::move(channels)));
  return Of(std::make_shared<const ChannelIndex>(std::move(entries)),
            std::make_shared<const ChannelIndex>(std::vector<Entry>()), {});
}

Result<std::shared_ptr<const Snapshot>> Snapshot::With(
    std::vector<Channel> put, const std::vector<ChannelKey>& removed) const {
  ARROW_ASSIGN_OR_RAISE(const auto fresh, ChannelIndex::Sort(std::move(put)));
  std::vector<uint32_t> hidden = hidden_;
  std::vector<uint32_t> replaced;  // positions in recent_
  const auto leave = [&](const ChannelKey& key) {
    if (const auto i = base_->Find(key)) hidden.push_back(static_cast<uint32_t>(*i));
    if (const auto i = recent_->Find(key)) replaced.push_back(static_cast<uint32_t>(*i));
  };
  for (const Entry& entry : fresh) leave(ChannelKey::Of(*entry));
  // What is put as well has left already.
  for (const ChannelKey& key : removed) leave(key);
  for (std::vector<uint32_t>* list : {&hidden, &replaced}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  std::vector<Entry> recent = MergeEntries(*recent_, replaced, fresh);
  if (recent.size() + hidden.size() <= std::max(kMinMerge, base_->size() / kMergeShare)) {
    return Of(base_, std::make_shared<const ChannelIndex>(std::move(recent)),
              std::move(hidden));
  }
  std::vector<Entry> all = MergeEntries(*base_, hidden, recent);
  if (all.size() > std::numeric_limits<uint32_t>::max()) {
    return Error(ErrorKind::kResourceExhausted, "too many channels for a catalogue: {}",
                 all.size());
  }
  return Of(std::make_shared<const ChannelIndex>(std::move(all)),
            std::make_shared<const ChannelIndex>(std::vector<Entry>()), {});
}

size_t Snapshot::size() const { return base_->size() - hidden_.size() + recent_->size(); }

bool Snapshot::IsHidden(size_t i) const {
  return std::binary_search(hidden_.begin(), hidden_.end(), static_cast<uint32_t>(i));
}

const Channel* Snapshot::Get(std::string_view name,
                             const std::optional<std::string>& replay_id) const {
  const ChannelKey key{name, replay_id};
  if (const auto i = recent_->Find(key)) return &(*recent_)[*i];
  const auto i = base_->Find(key);
  return i && !IsHidden(*i) ? &(*base_)[*i] : nullptr;
}

void Snapshot::GetAll(const std::string* names, size_t count,
                      const std::optional<std::string>& replay_id,
                      const Channel** out) const {
  size_t near = 0;
  for (size_t n = 0; n < count; ++n) {
    const ChannelKey key{names[n], replay_id};
    if (const auto i = recent_->Find(key)) {
      out[n] = &(*recent_)[*i];
      continue;
    }
    const auto i = base_->Find(key, &near);
    out[n] = i && !IsHidden(*i) ? &(*base_)[*i] : nullptr;
  }
}

template <typename Visit>
bool Snapshot::Merge(const std::vector<uint32_t>& base,
                     const std::vector<uint32_t>& recent, size_t* recent_at, bool rest,
                     const Visit& visit) const {
  for (const uint32_t i : base) {
    const Entry& entry = base_->entries()[i];
    for (; *recent_at < recent.size(); ++*recent_at) {
      const Entry& other = recent_->entries()[recent[*recent_at]];
      if (!Before(other, entry)) break;
      if (!visit(*other)) return false;
    }
    if (!visit(*entry)) return false;
  }
  for (; rest && *recent_at < recent.size(); ++*recent_at) {
    if (!visit((*recent_)[recent[*recent_at]])) return false;
  }
  return true;
}

Result<std::vector<uint32_t>> Snapshot::SelectBase(const ChannelQuery& query,
                                                   const NamePattern& pattern,
                                                   const RowFilter& filter,
                                                   Range range) const {
  const size_t names = range.second - range.first;
  const size_t pieces = pattern.is_range() ? 1 : PieceCount(names, kNamesAPiece);
  std::vector<std::vector<uint32_t>> found(pieces);
  ARROW_RETURN_NOT_OK(
      InPieces(names, pieces, [&](size_t k, size_t begin, size_t end) -> Status {
        const Range part{range.first + begin, range.first + end};
        if (k == 0) return base_->Select(filter, pattern, part, &found[k]);
        // With a pattern of its own: matching is guarded by a lock inside.
        ARROW_ASSIGN_OR_RAISE(const NamePattern own, NamePattern::Make(query.pattern));
        return base_->Select(filter, own, part, &found[k]);
      }));
  std::vector<uint32_t> out = std::move(found[0]);
  for (size_t k = 1; k < pieces; ++k) {
    out.insert(out.end(), found[k].begin(), found[k].end());
  }
  if (HiddenIn(hidden_, range) > 0) {
    std::erase_if(out, [this](uint32_t i) { return IsHidden(i); });
  }
  return out;
}

// Looks through larger and larger parts of the snapshot.
class Snapshot::Rounds final : public metadata::Finding {
 public:
  Rounds(const Snapshot* snapshot, const ChannelQuery& query, NamePattern pattern)
      : snapshot_(*snapshot),
        query_(query),
        pattern_(std::move(pattern)),
        filter_(snapshot->base_->MakeFilter(query)),
        range_(snapshot->base_->RangeOf(pattern_)) {}

  Status SelectRecent() {
    const ChannelIndex& index = *snapshot_.recent_;
    return index.Select(index.MakeFilter(query_), pattern_, index.RangeOf(pattern_),
                        &recent_);
  }

  Status Next(std::vector<const Channel*>* out) override {
    const size_t before = out->size();
    const auto visit = [&](const Channel& channel) {
      out->push_back(&channel);
      return true;
    };
    while (out->size() == before && range_.first < range_.second && filter_.possible()) {
      const size_t end = std::min(range_.second, range_.first + round_);
      ARROW_ASSIGN_OR_RAISE(
          const auto found,
          snapshot_.SelectBase(query_, pattern_, filter_, {range_.first, end}));
      snapshot_.Merge(found, recent_, &recent_at_, false, visit);
      range_.first = end;
      round_ = std::min(round_ * 4, kLargestRound);
    }
    if (out->size() == before) snapshot_.Merge({}, recent_, &recent_at_, true, visit);
    return Status::OK();
  }

 private:
  const Snapshot& snapshot_;
  const ChannelQuery query_;
  const NamePattern pattern_;
  const RowFilter filter_;
  Range range_;  // what is still to be looked through
  size_t round_ = kFirstRound;
  std::vector<uint32_t> recent_;
  size_t recent_at_ = 0;
};

Result<std::unique_ptr<metadata::Finding>> Snapshot::Begin(
    const ChannelQuery& query) const {
  ARROW_ASSIGN_OR_RAISE(NamePattern pattern, NamePattern::Make(query.pattern));
  auto out = std::make_unique<Rounds>(this, query, std::move(pattern));
  ARROW_RETURN_NOT_OK(out->SelectRecent());
  return out;
}

Status Snapshot::Find(const ChannelQuery& query,
                      const std::function<bool(const Channel&)>& visit) const {
  ARROW_ASSIGN_OR_RAISE(const auto rounds, Begin(query));
  std::vector<const Channel*> found;
  while (true) {
    found.clear();
    ARROW_RETURN_NOT_OK(rounds->Next(&found));
    if (found.empty()) return Status::OK();
    for (const Channel* channel : found) {
      if (!visit(*channel)) return Status::OK();
    }
  }
}

Result<int64_t> Snapshot::Count(const ChannelQuery& query) const {
  ARROW_ASSIGN_OR_RAISE(const NamePattern pattern, NamePattern::Make(query.pattern));
  std::vector<uint32_t> recent;
  ARROW_RETURN_NOT_OK(recent_->Select(recent_->MakeFilter(query), pattern,
                                      recent_->RangeOf(pattern), &recent));
  const RowFilter filter = base_->MakeFilter(query);
  const Range range = base_->RangeOf(pattern);
  size_t count = recent.size();
  if (filter.passes_all() && pattern.is_range()) {
    count += range.second - range.first - HiddenIn(hidden_, range);
  } else if (filter.possible()) {
    ARROW_ASSIGN_OR_RAISE(const auto found, SelectBase(query, pattern, filter, range));
    count += found.size();
  }
  return static_cast<int64_t>(count);
}

void Snapshot::VisitRange(std::string_view lower, std::string_view upper,
                          const std::function<void(const Channel&)>& visit) const {
  const auto within = [&](const ChannelIndex& index, bool base) {
    std::vector<uint32_t> out;
    for (size_t i = index.LowerBound(lower), end = index.LowerBound(upper); i < end;
         ++i) {
      if (!base || !IsHidden(i)) out.push_back(static_cast<uint32_t>(i));
    }
    return out;
  };
  size_t recent_at = 0;
  Merge(within(*base_, true), within(*recent_, false), &recent_at, true,
        [&](const Channel& channel) { return visit(channel), true; });
}

const std::map<std::string, std::set<std::string>>& Snapshot::scopes() const {
  std::call_once(scopes_once_, [this] { CollectScopes(); });
  return scopes_;
}

void Snapshot::CollectScopes() const {
  const auto collect = [this](const ChannelIndex& index,
                              const std::vector<uint32_t>& hidden) {
    // "domain:subsystem" of the last name: neighbours mostly share it.
    std::string_view scope;
    auto next = hidden.begin();
    for (size_t i = 0; i < index.size(); ++i) {
      if (next != hidden.end() && *next == i) {
        ++next;
        continue;
      }
      const std::string_view name = index.name(i);
      if (!scope.empty() && IsOfScope(name, scope)) continue;
      const Result<ChannelNameParts> parts = ParseChannelName(name);
      if (!parts.ok()) continue;
      scope = name.substr(0, parts->domain.size() + 1 + parts->subsystem.size());
      scopes_[std::string(parts->domain)].insert(std::string(parts->subsystem));
    }
  };
  collect(*base_, hidden_);
  collect(*recent_, {});
}

}  // namespace carryall::catalogue
