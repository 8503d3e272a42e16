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
  names_.reserve(bytes);
  name_ends_.reserve(entries_.size());
  rows_.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    names_.append(entry->name);
    name_ends_.push_back(names_.size());
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

size_t ChannelIndex::LowerBound(std::string_view text) const {
  size_t begin = 0, count = size();
  while (count > 0) {
    const size_t half = count / 2;
    if (name(begin + half) < text) {
      begin += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return begin;
}

std::optional<size_t> ChannelIndex::Find(const ChannelKey& key) const {
  for (size_t i = LowerBound(key.name); i < size() && name(i) == key.name; ++i) {
    if (ChannelKey::Of(*entries_[i]) == key) return i;
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
  const char* const end = names_.data() + name_ends_[range.second - 1];
  const char* at = name(range.first).data();
  while (true) {
    at = static_cast<const char*>(
        memmem(at, static_cast<size_t>(end - at), text.data(), text.size()));
    if (at == nullptr) return range.second;
    const size_t offset = static_cast<size_t>(at - names_.data());
    // Where matches are dense, the name is near.
    size_t step = 1, low = range.first;
    while (low + step < range.second && name_ends_[low + step] <= offset) {
      low += step;
      step *= 2;
    }
    const auto first = name_ends_.begin() + static_cast<ptrdiff_t>(low);
    const auto last = name_ends_.begin() +
                      static_cast<ptrdiff_t>(std::min(low + step + 1, range.second));
    const size_t i =
        static_cast<size_t>(std::upper_bound(first, last, offset) - name_ends_.begin());
    if (offset + text.size() <= name_ends_[i]) return i;
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
