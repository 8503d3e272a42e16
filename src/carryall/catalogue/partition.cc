#include "carryall/catalogue/partition.h"

#include <algorithm>
#include <limits>
#include <list>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "carryall/catalogue/publisher_files.h"

namespace carryall::catalogue {
namespace {

// Time, id, offset of a row; its end of the mask.
constexpr int64_t kRowOverhead = 8 + 4 + 4 + 1;
// Schema, batch header, end marker and paddings; stock messages have 592.
constexpr int64_t kMessageOverhead = 1024;
constexpr size_t kMaxSubsystemBytes = 64;
constexpr int kIdCharacters = 6;

std::string_view SubsystemOf(const Channel& channel) {
  const Result<ChannelNameParts> parts = ParseChannelName(channel.name);
  return parts.ok() ? parts->subsystem : std::string_view();
}

// Spreads texts over 64 bits, the same on every machine (FNV-1a, then the finisher of
// SplitMix64).
uint64_t Spread(std::string_view text) {
  uint64_t h = 14695981039346656037u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

// "<publisher>_<subsystem>_<six characters>", which can be part of a topic's name.
std::string MakeId(std::string_view publisher, std::string_view subsystem, DataType type,
                   uint64_t ordinal) {
  std::string shown(subsystem.substr(0, kMaxSubsystemBytes));
  for (char& c : shown) {
    if (!IsTopicText(std::string_view(&c, 1), 1)) c = '-';
  }
  uint64_t rest =
      Spread(fmt::format("{}\n{}\n{}\n{}", publisher, subsystem, Name(type), ordinal));
  std::string tail;
  for (int i = 0; i < kIdCharacters; ++i, rest /= 36) {
    tail += "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[rest % 36];
  }
  return fmt::format("{}_{}_{}", publisher, shown, tail);
}

class Assigner {
 public:
  Assigner(const AssignmentInput& input, std::vector<Channel> channels)
      : in_(input), channels_(std::move(channels)), bytes_(channels_.size()) {
    std::unordered_set<std::string_view> names;
    for (const Channel& channel : channels_) names.insert(channel.name);
    for (const Channel* known : in_.known) {
      if (names.contains(known->name)) known_.emplace(known->name, known);
    }
  }

  Result<Assignment> Run() && {
    for (size_t i = 0; i < channels_.size(); ++i) {
      bytes_[i] = RowBytes(channels_[i], in_.stride);
      if (MessageBytes(bytes_[i]) > in_.limits.max_bytes) {
        return Error(ErrorKind::kInvalidArgument,
                     "channel is too long for one message: {} bytes a stride of {} ns, "
                     "limit {} bytes: {}",
                     MessageBytes(bytes_[i]), in_.stride.ns(), in_.limits.max_bytes,
                     channels_[i].name);
      }
    }
    PartWithKnown();
    EvictWhatGrew();
    ARROW_RETURN_NOT_OK(PlaceNamed());
    PlaceGroups();
    Drop();
    return Assignment{std::move(channels_), std::move(changed_), std::move(fresh_)};
  }

 private:
  using Members = std::vector<size_t>;  // positions in channels_

  // The partition as it is by now, or nullptr.
  const Partition* View(std::string_view id) const {
    if (const auto it = changed_.find(id); it != changed_.end()) return &it->second;
    const auto it = in_.partitions->find(id);
    return it == in_.partitions->end() ? nullptr : &it->second;
  }
  // The same to be changed; it exists.
  Partition& Edit(std::string_view id) {
    if (const auto it = changed_.find(id); it != changed_.end()) return it->second;
    const Partition& old = in_.partitions->find(id)->second;
    return changed_.emplace(old.id, old).first->second;
  }
  bool HasRoom(const Partition& partition, size_t channels, int64_t bytes) const {
    return partition.channels + channels <= in_.limits.max_channels &&
           MessageBytes(partition.bytes + bytes) <= in_.limits.max_bytes &&
           partition.next_index + channels - 1 <= std::numeric_limits<uint32_t>::max();
  }
  const Channel* Known(size_t i) const {
    const auto it = known_.find(channels_[i].name);
    return it == known_.end() ? nullptr : it->second;
  }
  int64_t KnownBytes(const Channel& known) const {
    return RowBytes(known, known.stride.value_or(in_.stride));
  }

  // Sorts the channels into those that stay (with their new length) and the others, which
  // leave where they were.
  void PartWithKnown() {
    for (size_t i = 0; i < channels_.size(); ++i) {
      Channel& channel = channels_[i];
      if (!channel.partition_id) channel.partition_index.reset();
      const Channel* known = Known(i);
      const bool stays =
          known != nullptr && known->data_type == channel.data_type &&
          (!channel.partition_id || channel.partition_id == known->partition_id) &&
          (!channel.partition_index || channel.partition_index == known->partition_index);
      if (!stays) {
        if (known != nullptr) Leave(*known, KnownBytes(*known));
        (channel.partition_id ? named_ : loose_).push_back(i);
        continue;
      }
      channel.partition_id = known->partition_id;
      channel.partition_index = known->partition_index;
      const int64_t growth = bytes_[i] - KnownBytes(*known);
      if (growth != 0) Edit(*channel.partition_id).bytes += growth;
      if (growth > 0) grown_[*channel.partition_id].push_back(i);
    }
  }

  void Leave(const Channel& known, int64_t bytes) {
    Partition& partition = Edit(*known.partition_id);
    --partition.channels;
    partition.bytes -= bytes;
    gone_.insert(&known);
  }

  // Where rows became too long for their partition, the last of those that grew move on.
  void EvictWhatGrew() {
    for (auto& [id, members] : grown_) {
      std::sort(members.begin(), members.end(), [this](size_t a, size_t b) {
        return channels_[a].partition_index < channels_[b].partition_index;
      });
      Partition& partition = Edit(id);
      while (!members.empty() && MessageBytes(partition.bytes) > in_.limits.max_bytes) {
        const size_t i = members.back();
        members.pop_back();
        Leave(*Known(i), bytes_[i]);
        channels_[i].partition_id.reset();
        channels_[i].partition_index.reset();
        loose_.push_back(i);
      }
    }
  }

  // Into a partition of Edit, under the index it brings or the next one.
  void Put(size_t i, Partition* partition) {
    Channel& channel = channels_[i];
    channel.partition_id = partition->id;
    if (!channel.partition_index) {
      channel.partition_index = static_cast<uint32_t>(partition->next_index);
    }
    partition->next_index =
        std::max(partition->next_index, uint64_t{*channel.partition_index} + 1);
    ++partition->channels;
    partition->bytes += bytes_[i];
  }

  // Channels that bring an id, those with an index first.
  Status PlaceNamed() {
    if (named_.empty()) return Status::OK();
    std::sort(named_.begin(), named_.end(), [this](size_t a, size_t b) {
      const auto key = [this](size_t i) {
        const Channel& c = channels_[i];
        return std::tuple(!c.partition_index, *c.partition_id,
                          c.partition_index.value_or(0), std::string_view(c.name));
      };
      return key(a) < key(b);
    });
    std::set<std::pair<std::string, uint32_t>> used;
    for (const Channel* known : in_.known) {
      if (gone_.contains(known)) continue;
      used.emplace(*known->partition_id, *known->partition_index);
    }
    for (const size_t i : named_) {
      const Channel& channel = channels_[i];
      const std::string id = *channel.partition_id;
      const auto refuse = [&](std::string_view why) {
        return Error(ErrorKind::kInvalidArgument,
                     "channel cannot be in the partition it names: {}: {} in '{}'", why,
                     channel.name, id);
      };
      if (View(id) == nullptr) AddPartition(id, SubsystemOf(channel), channel.data_type);
      const Partition& partition = *View(id);
      if (partition.publisher != in_.publisher)
        return refuse("it is another publisher's");
      if (partition.data_type != channel.data_type) {
        return refuse(fmt::format("its data type is {}", Name(partition.data_type)));
      }
      if (!HasRoom(partition, 1, bytes_[i])) return refuse("it is full");
      Put(i, &Edit(id));
      if (!used.emplace(id, *channel.partition_index).second) {
        return refuse(fmt::format("index {} is in use", *channel.partition_index));
      }
    }
    return Status::OK();
  }

  Partition* AddPartition(const std::string& id, std::string_view subsystem,
                          DataType type) {
    Partition& partition = changed_[id];
    partition.id = id;
    partition.publisher = in_.publisher;
    partition.subsystem = subsystem;
    partition.data_type = type;
    fresh_.push_back(id);
    return &partition;
  }

  // Channels of one subsystem and type, domains aside.
  using GroupKey = std::pair<DataType, std::string_view>;
  struct Group {
    Members members;                    // to be placed, by name
    std::vector<const Channel*> known;  // that stay, by name
    std::list<std::string> open;        // partitions that may have room, by id
    uint64_t made = 0;                  // partitions there have been
    int64_t shortest = std::numeric_limits<int64_t>::max();  // row of a member
  };

  void PlaceGroups() {
    std::map<GroupKey, Group> groups;
    for (const size_t i : loose_) {
      groups[{channels_[i].data_type, SubsystemOf(channels_[i])}].members.push_back(i);
    }
    if (groups.empty()) return;
    for (const Channel* known : in_.known) {
      if (gone_.contains(known)) continue;
      const auto it = groups.find({known->data_type, SubsystemOf(*known)});
      if (it != groups.end()) it->second.known.push_back(known);
    }
    const auto offer = [&](const Partition& partition) {
      if (partition.publisher != in_.publisher) return;
      const auto it = groups.find({partition.data_type, partition.subsystem});
      if (it == groups.end()) return;
      ++it->second.made;
      it->second.open.push_back(partition.id);
    };
    for (const auto& [id, partition] : *in_.partitions) offer(partition);
    for (const std::string& id : fresh_) offer(changed_.at(id));
    for (auto& [key, group] : groups) PlaceGroup(key, &group);
  }

  void PlaceGroup(const GroupKey& key, Group* group) {
    const auto by_name = [this](size_t a, size_t b) {
      return channels_[a].name < channels_[b].name;
    };
    std::sort(group->members.begin(), group->members.end(), by_name);
    const auto before = [](const Channel* a, const Channel* b) {
      return a->name < b->name;
    };
    if (!std::is_sorted(group->known.begin(), group->known.end(), before)) {
      std::sort(group->known.begin(), group->known.end(), before);
    }
    for (const size_t i : group->members) {
      group->shortest = std::min(group->shortest, bytes_[i]);
    }
    Members left;
    for (size_t begin = 0; begin < group->members.size();) {
      const auto at = InsertionPoint(*group, group->members[begin]);
      size_t end = begin + 1;
      while (end < group->members.size() &&
             InsertionPoint(*group, group->members[end]) == at) {
        ++end;
      }
      Members run(group->members.begin() + static_cast<ptrdiff_t>(begin),
                  group->members.begin() + static_cast<ptrdiff_t>(end));
      if (!JoinNeighbour(*group, at, run)) {
        FillOpen(group, &run);
        left.insert(left.end(), run.begin(), run.end());
      }
      begin = end;
    }
    OpenNew(key, group->made, left);
  }

  size_t InsertionPoint(const Group& group, size_t i) const {
    return static_cast<size_t>(
        std::lower_bound(group.known.begin(), group.known.end(), channels_[i].name,
                         [](const Channel* known, const std::string& name) {
                           return known->name < name;
                         }) -
        group.known.begin());
  }

  // Puts a whole run into the partition of the known channel after it, or before it.
  bool JoinNeighbour(const Group& group, size_t at, const Members& run) {
    int64_t bytes = 0;
    for (const size_t i : run) bytes += bytes_[i];
    for (const size_t neighbour : {at, at - 1}) {
      if (neighbour >= group.known.size()) continue;
      const std::string& id = *group.known[neighbour]->partition_id;
      const Partition* partition = View(id);
      // What another program filled may hold what it likes.
      if (partition->data_type != channels_[run.front()].data_type) continue;
      if (!HasRoom(*partition, run.size(), bytes)) continue;
      for (const size_t i : run) Put(i, &Edit(id));
      return true;
    }
    return false;
  }

  // Puts what fits into the partitions of the group, and leaves the rest in `run`.
  void FillOpen(Group* group, Members* run) {
    for (auto id = group->open.begin(); id != group->open.end() && !run->empty();) {
      std::erase_if(*run, [&](size_t i) {
        if (!HasRoom(*View(*id), 1, bytes_[i])) return false;
        Put(i, &Edit(*id));
        return true;
      });
      id =
          HasRoom(*View(*id), 1, group->shortest) ? std::next(id) : group->open.erase(id);
    }
  }

  void OpenNew(const GroupKey& key, uint64_t ordinal, const Members& left) {
    int64_t total = 0;
    for (const size_t i : left) total += bytes_[i];
    const bool one = left.size() <= in_.limits.max_channels &&
                     MessageBytes(total) <= in_.limits.max_bytes;
    const size_t chunk = one ? left.size() : in_.limits.chunk;
    Partition* open = nullptr;
    for (const size_t i : left) {
      if (open == nullptr || open->channels >= chunk || !HasRoom(*open, 1, bytes_[i])) {
        std::string id;
        do {
          id = MakeId(in_.publisher, key.second, key.first, ordinal++);
        } while (View(id) != nullptr);
        open = AddPartition(id, key.second, key.first);
      }
      Put(i, open);
    }
  }

  // What was touched and ended as it was.
  void Drop() {
    std::erase_if(changed_, [this](const auto& item) {
      const auto it = in_.partitions->find(item.first);
      return it != in_.partitions->end() && it->second == item.second;
    });
  }

  const AssignmentInput& in_;
  std::vector<Channel> channels_;
  std::vector<int64_t> bytes_;                                  // RowBytes of each
  std::unordered_map<std::string_view, const Channel*> known_;  // of those to be placed
  std::set<const Channel*> gone_;         // known, and no longer where they were
  std::map<std::string, Members> grown_;  // longer than they were, by partition
  Members named_, loose_;                 // to be placed: with an id, without
  Partitions changed_;
  std::vector<std::string> fresh_;
};

}  // namespace

int64_t RowBytes(const Channel& channel, Duration stride) {
  const int64_t samples = channel.sample_rate.SamplesIn(stride);
  return kRowOverhead + samples * ByteWidth(channel.data_type) + (samples + 7) / 8;
}

int64_t MessageBytes(int64_t rows) { return rows + kMessageOverhead; }

Result<Assignment> Assign(const AssignmentInput& input, std::vector<Channel> channels) {
  return Assigner(input, std::move(channels)).Run();
}

}  // namespace carryall::catalogue
