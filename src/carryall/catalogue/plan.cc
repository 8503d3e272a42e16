#include "carryall/catalogue/plan.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace carryall::catalogue {
namespace {

bool SameTiming(const PublisherConfig& a, const PublisherConfig& b) {
  return a.stride == b.stride && a.max_latency == b.max_latency &&
         a.dynamic == b.dynamic && a.replay_id == b.replay_id;
}

// A channel as one of `publisher`.
void Own(const PublisherConfig& publisher, Channel* channel) {
  channel->publisher = publisher.publisher_id;
  channel->stride = publisher.stride;
  channel->max_latency = publisher.max_latency;
  channel->replay_id = publisher.replay_id;
}

Status CheckChannel(const Channel& channel) {
  ARROW_RETURN_NOT_OK(CheckChannelName(channel.name));
  if (channel.sample_rate.Divides(*channel.stride)) return Status::OK();
  return Error(ErrorKind::kInvalidArgument,
               "stride of {} ns holds no whole number of samples at sample_rate {}: {}",
               channel.stride->ns(), channel.sample_rate.hz(), channel.name);
}

// Whether `known` is what `wanted` asks for already.
bool Satisfies(const Channel& known, const Channel& wanted) {
  Channel same = wanted;
  if (!same.partition_id) {
    same.partition_id = known.partition_id;
    same.partition_index = known.partition_index;
  } else if (!same.partition_index) {
    same.partition_index = known.partition_index;
  }
  return known == same;
}

std::vector<const Channel*> ChannelsOf(const Snapshot& snapshot,
                                       const PublisherConfig& publisher) {
  std::vector<const Channel*> out;
  metadata::ChannelQuery query;
  query.publishers = {publisher.publisher_id};
  query.replay_id = publisher.replay_id;
  // The pattern is ours: nothing can be wrong with it.
  (void)snapshot.Find(query, [&](const Channel& channel) {
    out.push_back(&channel);
    return true;
  });
  return out;
}

// Channels of `publisher` in the subsystems of `channels`, all domains.
std::vector<const Channel*> Neighbours(const CatalogueState& state,
                                       const PublisherConfig& publisher,
                                       const std::vector<Channel>& channels) {
  std::set<std::string_view> subsystems;
  for (const Channel& channel : channels) {
    subsystems.insert(ParseChannelName(channel.name)->subsystem);
  }
  std::vector<const Channel*> out;
  const auto visit = [&](const Channel& channel) {
    if (channel.publisher == publisher.publisher_id) out.push_back(&channel);
  };
  for (const std::string_view subsystem : subsystems) {
    for (const std::string& domain : *state.domains) {
      const std::string scope = fmt::format("{}:{}", domain, subsystem);
      state.snapshot->VisitRange(scope, scope + '\x01', visit);
      state.snapshot->VisitRange(scope + '-', scope + static_cast<char>('-' + 1), visit);
      state.snapshot->VisitRange(scope + '_', scope + static_cast<char>('_' + 1), visit);
    }
  }
  return out;
}

// Places `channels` and adds what comes of it to the plan and the partitions.
Status Place(const CatalogueState& state, const PublisherConfig& publisher,
             std::vector<const Channel*> known, std::vector<Channel> channels,
             const Partitions& partitions, Plan* plan) {
  if (channels.empty()) return Status::OK();
  AssignmentInput input;
  input.publisher = publisher.publisher_id;
  input.stride = publisher.stride;
  input.known = std::move(known);
  input.partitions = &partitions;
  input.limits = state.limits;
  ARROW_ASSIGN_OR_RAISE(Assignment placed, Assign(input, std::move(channels)));
  for (auto& [id, partition] : placed.changed) {
    plan->change.partitions.insert_or_assign(id, std::move(partition));
  }
  std::move(placed.channels.begin(), placed.channels.end(),
            std::back_inserter(plan->change.channels));
  if (!placed.fresh.empty()) {
    plan->registration.fresh[publisher.publisher_id] = std::move(placed.fresh);
  }
  return Status::OK();
}

// The owner of a key other than `publisher`, or nullptr.
const Channel* Foreign(const Snapshot& snapshot, const Channel& channel) {
  const Channel* there = snapshot.Get(channel.name, channel.replay_id);
  return there != nullptr && there->publisher != channel.publisher ? there : nullptr;
}

void Leave(const Channel& channel, Partitions* partitions) {
  Partition& partition = partitions->at(*channel.partition_id);
  --partition.channels;
  partition.bytes -= RowBytes(channel, *channel.stride);
}

}  // namespace

Result<Plan> PlanRegistration(const CatalogueState& state,
                              const PublisherConfig& publisher,
                              std::vector<Channel> channels) {
  Plan plan;
  std::vector<Channel> placed;
  std::unordered_map<std::string_view, size_t> seen;  // -> position in channels
  bool named = false;
  for (size_t i = 0; i < channels.size(); ++i) {
    Channel& channel = channels[i];
    Own(publisher, &channel);
    ARROW_RETURN_NOT_OK(CheckChannel(channel));
    if (const auto [first, fresh] = seen.emplace(channel.name, i); !fresh) {
      if (channels[first->second] == channel) continue;
      return Error(ErrorKind::kInvalidArgument, "channel is listed twice and differs: {}",
                   channel.name);
    }
    if (const Channel* other = Foreign(*state.snapshot, channel)) {
      return Error(ErrorKind::kPermissionDenied,
                   "channel belongs to publisher '{}', not to '{}': {}",
                   other->publisher.value_or(""), publisher.publisher_id, channel.name);
    }
    const Channel* known = state.snapshot->Get(channel.name, channel.replay_id);
    if (known != nullptr && Satisfies(*known, channel)) continue;
    named = named || channel.partition_id.has_value();
    placed.push_back(channel);
  }
  auto known = named ? ChannelsOf(*state.snapshot, publisher)
                     : Neighbours(state, publisher, placed);
  ARROW_RETURN_NOT_OK(Place(state, publisher, std::move(known), std::move(placed),
                            *state.partitions, &plan));
  plan.registration.changed = plan.change.channels;
  std::unordered_map<std::string_view, const Channel*> changed;
  for (const Channel& channel : plan.change.channels) changed[channel.name] = &channel;
  for (Channel& channel : channels) {
    const auto it = changed.find(channel.name);
    channel = it != changed.end() ? *it->second
                                  : *state.snapshot->Get(channel.name, channel.replay_id);
  }
  plan.registration.channels = std::move(channels);
  return plan;
}

namespace {

// Plans one configuration after the other; partitions carry over.
class Configurer {
 public:
  Configurer(const CatalogueState& state, const std::vector<PublisherFile>& files)
      : state_(state), files_(files), partitions_(*state.partitions) {}

  Result<Plan> Run() && {
    for (const PublisherFile& file : files_) Remove(file);
    for (const PublisherFile& file : files_) ARROW_RETURN_NOT_OK(Put(file));
    // What leaving channels changed, and nobody filled since.
    for (const Channel& channel : plan_.change.removed) {
      const Partition& partition = partitions_.at(*channel.partition_id);
      plan_.change.partitions.try_emplace(partition.id, partition);
    }
    plan_.registration.changed = plan_.change.channels;
    plan_.registration.removed = plan_.change.removed;
    return std::move(plan_);
  }

 private:
  // As it is in the catalogue, or nullptr.
  const PublisherConfig* Known(const PublisherFile& file) const {
    const auto it = state_.publishers->find(file.publisher.publisher_id);
    return it == state_.publishers->end() ? nullptr : &it->second;
  }

  void Remove(const PublisherFile& file) {
    const PublisherConfig* known = Known(file);
    if (known == nullptr) return;
    std::unordered_set<std::string_view> wanted;
    for (const auto& config : file.channels) wanted.insert(config.channel.name);
    std::vector<const Channel*>& kept = kept_[file.publisher.publisher_id];
    for (const Channel* channel : ChannelsOf(*state_.snapshot, *known)) {
      if (file.publisher.dynamic || wanted.contains(channel->name)) {
        kept.push_back(channel);
        continue;
      }
      Leave(*channel, &partitions_);
      plan_.change.removed.push_back(*channel);
      gone_.insert(channel);
    }
  }

  Status Put(const PublisherFile& file) {
    const PublisherConfig& publisher = file.publisher;
    const PublisherConfig* known = Known(file);
    if (known == nullptr || !SameTiming(*known, publisher)) {
      plan_.change.publishers.push_back(publisher);
    }
    const std::vector<const Channel*>& kept = kept_[publisher.publisher_id];
    std::unordered_map<std::string_view, const Channel*> rest;
    for (const Channel* channel : kept) rest.emplace(channel->name, channel);
    std::vector<Channel> placed;
    for (const metadata::ChannelConfig& config : file.channels) {
      Channel channel = config.channel;
      Own(publisher, &channel);
      const std::string place = fmt::format("{}:{}", config.file, config.line);
      ARROW_RETURN_NOT_OK(WithContext(CheckChannel(channel), place));
      const auto it = rest.find(channel.name);
      const Channel* there = it == rest.end() ? nullptr : it->second;
      if (it != rest.end()) rest.erase(it);
      ARROW_RETURN_NOT_OK(Consider(place, there, std::move(channel), &placed));
    }
    // Channels that a dynamic publisher registered itself.
    const bool same = known != nullptr && SameTiming(*known, publisher);
    for (const Channel* there : kept) {
      if (same || !rest.contains(there->name)) continue;
      Channel channel = *there;
      Own(publisher, &channel);
      const std::string place = fmt::format("{}:{}", file.file, publisher.line);
      ARROW_RETURN_NOT_OK(WithContext(CheckChannel(channel), place));
      ARROW_RETURN_NOT_OK(Consider(place, there, std::move(channel), &placed));
    }
    const Status done =
        Place(state_, publisher, kept, std::move(placed), partitions_, &plan_);
    if (!done.ok()) {
      return WithContext(done, fmt::format("{}:{}", file.file, publisher.line));
    }
    for (const auto& [id, partition] : plan_.change.partitions)
      partitions_[id] = partition;
    return Status::OK();
  }

  // A channel that is to be `channel` and is `there` (or nowhere).
  Status Consider(const std::string& place, const Channel* there, Channel channel,
                  std::vector<Channel>* placed) {
    const Channel* other = Foreign(*state_.snapshot, channel);
    if (other != nullptr && !gone_.contains(other)) {
      return Error(ErrorKind::kInvalidArgument,
                   "{}: channel belongs to publisher '{}': {}", place,
                   other->publisher.value_or(""), channel.name);
    }
    if (there != nullptr && Satisfies(*there, channel)) return Status::OK();
    if (there != nullptr && there->replay_id != channel.replay_id) {
      plan_.rekeyed.push_back(*there);
    }
    placed->push_back(std::move(channel));
    return Status::OK();
  }

  const CatalogueState& state_;
  const std::vector<PublisherFile>& files_;
  Partitions partitions_;
  Plan plan_;
  std::unordered_set<const Channel*> gone_;
  std::unordered_map<std::string, std::vector<const Channel*>> kept_;  // by publisher
};

}  // namespace

Result<Plan> PlanConfiguration(const CatalogueState& state,
                               const std::vector<PublisherFile>& files) {
  return Configurer(state, files).Run();
}

namespace {

// Puts channels into the partitions they name; `rest` are all there were.
Status Occupy(const PublisherConfig& publisher,
              const std::map<std::string_view, const Channel*>& rest,
              const std::vector<Channel>& channels, Partitions* partitions) {
  std::unordered_set<std::string_view> moved;
  for (const Channel& channel : channels) {
    if (!moved.insert(channel.name).second) {
      return Error(ErrorKind::kInvalidArgument, "channel is listed twice: {}",
                   channel.name);
    }
  }
  std::set<std::pair<std::string_view, uint32_t>> used;
  for (const auto& [name, there] : rest) {
    if (!moved.contains(name))
      used.emplace(*there->partition_id, *there->partition_index);
  }
  for (const Channel& channel : channels) {
    const std::string& id = *channel.partition_id;
    Partition& partition = (*partitions)[id];
    if (partition.id.empty()) {
      partition.id = id;
      partition.publisher = publisher.publisher_id;
      partition.subsystem = ParseChannelName(channel.name)->subsystem;
      partition.data_type = channel.data_type;
    }
    if (partition.publisher != publisher.publisher_id ||
        !used.emplace(id, *channel.partition_index).second) {
      return Error(ErrorKind::kInvalidArgument,
                   "cannot take channel of '{}': its place is taken, {} of '{}': {}",
                   publisher.publisher_id, *channel.partition_index, id, channel.name);
    }
    partition.next_index =
        std::max(partition.next_index, uint64_t{*channel.partition_index} + 1);
    ++partition.channels;
    partition.bytes += RowBytes(channel, *channel.stride);
  }
  return Status::OK();
}

}  // namespace

Result<Plan> PlanAdoption(const CatalogueState& state, const PublisherConfig& publisher,
                          std::vector<Channel> channels,
                          const std::vector<std::string>& removed) {
  ARROW_RETURN_NOT_OK(CheckPublisher(publisher));
  Plan plan;
  std::map<std::string_view, const Channel*> rest;
  const auto known = state.publishers->find(publisher.publisher_id);
  if (known != state.publishers->end()) {
    for (const Channel* there : ChannelsOf(*state.snapshot, known->second)) {
      rest.emplace(there->name, there);
    }
  }
  if (known == state.publishers->end() || !SameTiming(known->second, publisher)) {
    plan.change.publishers.push_back(publisher);
  }
  Partitions partitions = *state.partitions;
  const auto touch = [&](const Channel& channel) {
    plan.change.partitions[*channel.partition_id] = {};  // filled in at the end
  };
  const auto leave = [&](const Channel& channel) {
    Leave(channel, &partitions);
    touch(channel);
  };
  for (const std::string& name : removed) {
    const auto it = rest.find(name);
    if (it == rest.end()) continue;
    leave(*it->second);
    plan.change.removed.push_back(*it->second);
    rest.erase(it);
  }
  std::set<std::string> named;
  for (const Channel& channel : channels) named.insert(channel.name);
  for (const auto& [name, there] : rest) {
    if (!named.contains(std::string(name))) channels.push_back(*there);  // follow it
  }
  for (Channel& channel : channels) {
    Own(publisher, &channel);
    ARROW_RETURN_NOT_OK(CheckChannelName(channel.name));
    const auto refuse = [&](std::string_view why) {
      return Error(ErrorKind::kInvalidArgument, "cannot take channel of '{}': {}: {}",
                   publisher.publisher_id, why, channel.name);
    };
    if (!channel.partition_id || !channel.partition_index ||
        !IsTopicText(*channel.partition_id, kMaxPartitionIdBytes)) {
      return refuse("no partition");
    }
    if (Foreign(*state.snapshot, channel)) return refuse("it is another publisher's");
    if (const auto it = rest.find(channel.name); it != rest.end()) {
      if (*it->second == channel) continue;
      leave(*it->second);
      if (it->second->replay_id != channel.replay_id) plan.rekeyed.push_back(*it->second);
    }
    plan.change.channels.push_back(channel);
  }
  ARROW_RETURN_NOT_OK(Occupy(publisher, rest, plan.change.channels, &partitions));
  for (const Channel& channel : plan.change.channels) touch(channel);
  for (auto& [id, partition] : plan.change.partitions) partition = partitions.at(id);
  plan.registration.changed = plan.registration.channels = plan.change.channels;
  plan.registration.removed = plan.change.removed;
  return plan;
}

Plan PlanRemoval(const CatalogueState& state, const PublisherConfig& publisher) {
  Plan plan;
  Partitions partitions = *state.partitions;
  for (const Channel* channel : ChannelsOf(*state.snapshot, publisher)) {
    Leave(*channel, &partitions);
    plan.change.removed.push_back(*channel);
  }
  for (const Channel& channel : plan.change.removed) {
    const Partition& partition = partitions.at(*channel.partition_id);
    plan.change.partitions.try_emplace(partition.id, partition);
  }
  plan.change.removed_publishers = {publisher.publisher_id};
  plan.registration.removed = plan.change.removed;
  return plan;
}

}  // namespace carryall::catalogue
