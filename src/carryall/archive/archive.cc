#include "carryall/archive/archive.h"

#include <algorithm>
#include <set>

#include "carryall/model/sample_grid.h"

namespace carryall::archive {
namespace {

Status CheckNoOverlap(const std::vector<std::shared_ptr<const Segment>>& in_order,
                      const std::string& channel) {
  for (size_t i = 1; i < in_order.size(); ++i) {
    const SegmentInfo& before = in_order[i - 1]->info();
    const SegmentInfo& after = in_order[i]->info();
    if (after.start < before.end) {
      return Error(ErrorKind::kCorrupt,
                   "archive segments overlap: {} up to {} and {} from {} hold channel {}",
                   in_order[i - 1]->path(), ToString(before.end), in_order[i]->path(),
                   ToString(after.start), channel);
    }
  }
  return Status::OK();
}

void SortByStart(std::vector<std::shared_ptr<const Segment>>* segments) {
  std::sort(segments->begin(), segments->end(), [](const auto& a, const auto& b) {
    return a->info().start < b->info().start;
  });
}

}  // namespace

std::shared_ptr<const Archive> Archive::Empty(const std::string& directory) {
  return std::shared_ptr<const Archive>(new Archive(directory));
}

Result<std::shared_ptr<const Archive>> Archive::Open(
    const std::string& directory, const OpenOptions& options,
    const std::shared_ptr<const Archive>& previous) {
  std::shared_ptr<Archive> archive(new Archive(directory));
  ARROW_ASSIGN_OR_RAISE(archive->index_, ReadIndex(directory));
  if (previous != nullptr && previous->index_ == archive->index_) return previous;
  ARROW_RETURN_NOT_OK(archive->ReadTables(previous.get()));
  ARROW_RETURN_NOT_OK(archive->ReadSegments(previous.get()));
  ARROW_RETURN_NOT_OK(archive->CheckSegments(options, previous.get()));
  ARROW_RETURN_NOT_OK(archive->SortSegments());
  ARROW_RETURN_NOT_OK(archive->MergeChannels());
  return archive;
}

Status Archive::ReadTables(const Archive* previous) {
  for (const SegmentInfo& info : index_.segments) {
    if (table_of_digest_.count(info.table) != 0) continue;
    std::shared_ptr<const ChannelTable> table;
    if (previous != nullptr) {
      const auto known = previous->table_of_digest_.find(info.table);
      if (known != previous->table_of_digest_.end())
        table = previous->tables_[known->second];
    }
    if (table == nullptr) {
      const std::string path = TablePath(directory_, info.table);
      auto read = ChannelTable::Read(path, info.table);
      if (!read.ok() && KindOf(read.status()) == ErrorKind::kNotFound) {
        return Error(ErrorKind::kCorrupt, "archive misses a file: {}", path);
      }
      ARROW_ASSIGN_OR_RAISE(table, std::move(read));
    }
    table_of_digest_[info.table] = static_cast<int32_t>(tables_.size());
    tables_.push_back(std::move(table));
  }
  return Status::OK();
}

Status Archive::ReadSegments(const Archive* previous) {
  std::unordered_map<std::string_view, std::shared_ptr<const Segment>> known;
  if (previous != nullptr) {
    for (const auto& segment : previous->segments_) known[segment->info().file] = segment;
  }
  groups_.resize(tables_.size());
  segments_.reserve(index_.segments.size());
  for (const SegmentInfo& info : index_.segments) {
    const int32_t table = table_of_digest_[info.table];
    const auto at = known.find(info.file);
    std::shared_ptr<const Segment> segment;
    if (at != known.end() && at->second->info() == info) {
      segment = at->second;
    } else {
      segment = std::make_shared<Segment>(directory_, info, tables_[table]);
    }
    segments_.push_back(segment);
    groups_[table].push_back(std::move(segment));
  }
  return Status::OK();
}

Status Archive::CheckSegments(const OpenOptions& options, const Archive* previous) const {
  std::set<const Segment*> checked;
  if (previous != nullptr) {
    for (const auto& segment : previous->segments_) checked.insert(segment.get());
  }
  int64_t left = options.check_bytes;
  for (auto at = segments_.rbegin(); at != segments_.rend(); ++at) {
    ARROW_RETURN_NOT_OK((*at)->CheckFile());
    if (checked.count(at->get()) != 0 || left <= 0) continue;
    ARROW_RETURN_NOT_OK((*at)->CheckMetadata());
    left -= (*at)->metadata_bytes();
  }
  return Status::OK();
}

Status Archive::SortSegments() {
  for (Group& group : groups_) {
    SortByStart(&group);
    ARROW_RETURN_NOT_OK(CheckNoOverlap(group, group.front()->table()->channel(0).name));
  }
  return Status::OK();
}

Status Archive::MergeChannels() {
  const auto row = [this](const Place& place) -> const ChannelTable::Row& {
    return tables_[place.table]->row(place.column);
  };
  for (size_t table = 0; table < tables_.size(); ++table) {
    for (size_t column = 0; column < tables_[table]->size(); ++column) {
      places_.push_back({static_cast<int32_t>(table), static_cast<int32_t>(column)});
    }
  }
  if (tables_.size() > 1) {
    std::stable_sort(places_.begin(), places_.end(), [&](const Place& a, const Place& b) {
      return row(a).channel.name < row(b).channel.name;
    });
  }
  channels_.reserve(places_.size());
  units_.reserve(places_.size());
  starts_.reserve(places_.size() + 1);
  std::set<std::vector<int32_t>> checked;
  for (size_t i = 0, next = 0; i < places_.size(); i = next) {
    const Channel& channel = row(places_[i]).channel;
    while (next < places_.size() && row(places_[next]).channel.name == channel.name) {
      if (row(places_[next]).channel != channel) {
        return Error(ErrorKind::kCorrupt,
                     "archive tables disagree about data type or rate of channel {}: {}",
                     channel.name, directory_);
      }
      ++next;
    }
    channels_.push_back(channel);
    units_.push_back(row(places_[next - 1]).unit);
    starts_.push_back(next);
    if (next == i + 1) continue;
    std::vector<int32_t> tables;
    for (size_t k = i; k < next; ++k) tables.push_back(places_[k].table);
    if (checked.insert(tables).second)
      ARROW_RETURN_NOT_OK(CheckTables(tables, channel.name));
  }
  return Status::OK();
}

// Tables that share a channel must not have segments of the same time.
Status Archive::CheckTables(const std::vector<int32_t>& tables,
                            const std::string& channel) const {
  Group together;
  for (const int32_t table : tables) {
    together.insert(together.end(), groups_[table].begin(), groups_[table].end());
  }
  SortByStart(&together);
  return CheckNoOverlap(together, channel);
}

std::optional<size_t> Archive::Find(std::string_view name) const {
  const auto at = std::lower_bound(channels_.begin(), channels_.end(), name,
                                   [](const Channel& channel, std::string_view wanted) {
                                     return channel.name < wanted;
                                   });
  if (at == channels_.end() || at->name != name) return std::nullopt;
  return at - channels_.begin();
}

Extent Archive::ExtentAt(size_t channel, int64_t sample) const {
  const SampleRate rate = channels_[channel].sample_rate;
  Extent hole{nullptr, -1, INT64_MIN, INT64_MAX};
  for (const Place& place : PlacesOf(channel)) {
    const Group& group = groups_[place.table];
    const auto at =
        std::partition_point(group.begin(), group.end(), [&](const auto& segment) {
          return FirstSampleAt(rate, segment->info().end) <= sample;
        });
    if (at != group.begin()) {
      hole.begin =
          std::max(hole.begin, FirstSampleAt(rate, (*std::prev(at))->info().end));
    }
    if (at == group.end()) continue;
    const int64_t begin = FirstSampleAt(rate, (*at)->info().start);
    if (begin <= sample) {
      return Extent{*at, place.column, begin, FirstSampleAt(rate, (*at)->info().end)};
    }
    hole.end = std::min(hole.end, begin);
  }
  return hole;
}

std::optional<std::pair<int64_t, int64_t>> Archive::Bounds(size_t channel) const {
  const SampleRate rate = channels_[channel].sample_rate;
  std::optional<std::pair<int64_t, int64_t>> out;
  for (const Place& place : PlacesOf(channel)) {
    const Group& group = groups_[place.table];
    const int64_t begin = FirstSampleAt(rate, group.front()->info().start);
    const int64_t end = FirstSampleAt(rate, group.back()->info().end);
    if (!out) out = {begin, end};
    out->first = std::min(out->first, begin);
    out->second = std::max(out->second, end);
  }
  return out;
}

}  // namespace carryall::archive
