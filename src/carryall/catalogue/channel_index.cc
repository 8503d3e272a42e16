#include "carryall/catalogue/channel_index.h"

#include <algorithm>
#include <cstring>

namespace carryall::catalogue {

using metadata::ChannelMatcher;
using metadata::ChannelRow;
using metadata::NamePattern;
using metadata::RowFilter;

ChannelIndex::ChannelIndex(std::vector<Entry> entries) : entries_(std::move(entries)) {
  size_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry->name.size();
  names_.Reserve(entries_.size(), bytes);
  rows_.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    if (names_.size() % kLandmark == 0) landmarks_.Add(entry->name);
    names_.Add(entry->name);
    rows_.push_back(ChannelRow::Of(*entry, &publishers_, &replays_));
  }
}

Result<std::vector<ChannelIndex::Entry>> ChannelIndex::Sort(
    std::vector<Channel> channels) {
  const auto slab = std::make_shared<const std::vector<Channel>>(std::move(channels));
  std::vector<Entry> entries;
  entries.reserve(slab->size());
  for (const Channel& channel : *slab) entries.emplace_back(slab, &channel);
  const auto before = [](const Entry& a, const Entry& b) {
    return ChannelKey::Of(*a) < ChannelKey::Of(*b);
  };
  const auto not_before = [&](const Entry& a, const Entry& b) { return !before(a, b); };
  // What a store hands out is in order already.
  auto twin = std::adjacent_find(entries.begin(), entries.end(), not_before);
  if (twin != entries.end()) {
    std::sort(entries.begin(), entries.end(), before);
    twin = std::adjacent_find(entries.begin(), entries.end(), not_before);
  }
  if (twin != entries.end()) {
    const Channel& channel = **twin;
    return Error(ErrorKind::kInvalidArgument, "channel is listed twice{}: {}",
                 channel.replay_id ? " with replay '" + *channel.replay_id + "'" : "",
                 channel.name);
  }
  return entries;
}

size_t ChannelIndex::LowerBound(std::string_view text, size_t near) const {
  // Farther and farther from the last landmark that is known to be before `text`.
  size_t low = near / kLandmark, high = landmarks_.size();
  if (low > 0 && !(landmarks_[low] < text)) low = 0;
  for (size_t step = 1; low > 0 && low + step < high; step *= 2) {
    if (landmarks_[low + step] < text) {
      low += step;
    } else {
      high = low + step;
    }
  }
  const size_t next = landmarks_.LowerBound(text, {low, high});
  // The landmark before that one is before `text`.
  const size_t begin = next == 0 ? 0 : (next - 1) * kLandmark + 1;
  const size_t end = std::min(next * kLandmark, size());
  names_.Prefetch({begin, end});
  return names_.LowerBound(text, {begin, end});
}

std::optional<size_t> ChannelIndex::Find(const ChannelKey& key, size_t* near) const {
  *near = LowerBound(key.name, *near);
  for (size_t i = *near; i < size() && name(i) == key.name; ++i) {
    if (entries_[i]->replay_id == key.replay_id) return i;
  }
  return std::nullopt;
}

ChannelIndex::Range ChannelIndex::RangeOf(const NamePattern& pattern) const {
  const size_t begin = LowerBound(pattern.lower());
  const size_t end = pattern.upper() ? LowerBound(*pattern.upper()) : size();
  return {begin, std::max(begin, end)};
}

size_t ChannelIndex::NextWith(const std::string& text, Range range) const {
  if (range.first >= range.second) return range.second;
  const std::vector<size_t>& ends = names_.ends();
  const char* const end = names_.text().data() + ends[range.second - 1];
  const char* at = name(range.first).data();
  while (true) {
    at = static_cast<const char*>(
        memmem(at, static_cast<size_t>(end - at), text.data(), text.size()));
    if (at == nullptr) return range.second;
    const size_t offset = static_cast<size_t>(at - names_.text().data());
    // Where matches are dense, the name is near.
    size_t step = 1, low = range.first;
    while (low + step < range.second && ends[low + step] <= offset) {
      low += step;
      step *= 2;
    }
    const auto first = ends.begin() + static_cast<ptrdiff_t>(low);
    const auto last =
        ends.begin() + static_cast<ptrdiff_t>(std::min(low + step + 1, range.second));
    const size_t i =
        static_cast<size_t>(std::upper_bound(first, last, offset) - ends.begin());
    if (offset + text.size() <= ends[i]) return i;
    ++at;  // from the end of one name into the next
    range.first = i;
  }
}

Status ChannelIndex::Select(const RowFilter& filter, const NamePattern& pattern,
                            Range range, std::vector<uint32_t>* out) const {
  if (!filter.possible()) return Status::OK();
  ChannelMatcher matches(filter, pattern);
  const std::string& text = pattern.required();
  for (size_t i = range.first; i < range.second; ++i) {
    if (!text.empty()) {
      i = NextWith(text, {i, range.second});
      if (i == range.second) break;
    }
    ARROW_ASSIGN_OR_RAISE(const bool match,
                          matches(rows_[i], name(i), pattern.is_text()));
    if (match) out->push_back(static_cast<uint32_t>(i));
  }
  return Status::OK();
}

}  // namespace carryall::catalogue
