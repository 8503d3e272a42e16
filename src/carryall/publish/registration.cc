#include "carryall/publish/registration.h"

#include <algorithm>
#include <unordered_map>

#include "carryall/kafka/topic_name.h"

namespace carryall::publish {
namespace {

std::string InReplay(const std::optional<std::string>& replay_id) {
  return replay_id ? fmt::format(" under replay '{}'", *replay_id) : "";
}

std::string Text(std::string_view text) { return std::string(text); }
std::string Text(Duration duration) { return ToString(duration); }
std::string Text(uint32_t number) { return std::to_string(number); }

template <typename T>
Status CheckField(const Channel& on_record, std::string_view field,
                  const std::optional<T>& mine, const std::optional<T>& given) {
  if (!mine || !given || *mine == *given) return Status::OK();
  return Error(ErrorKind::kInvalidArgument,
               "channel {} is registered with {} {}, the block has {}", on_record.name,
               field, Text(*mine), Text(*given));
}

/// Texts that are empty say nothing either.
std::optional<std::string> Said(const std::optional<std::string>& text) {
  return text && !text->empty() ? text : std::nullopt;
}

}  // namespace

std::string TopicOf(const std::string& partition_id,
                    const std::optional<std::string>& replay_id) {
  if (replay_id) return fmt::format("arrakis-replay-{}-{}", *replay_id, partition_id);
  return "arrakis-" + partition_id;
}

Status CheckAgrees(const Channel& on_record, const Channel& given) {
  if (on_record.data_type != given.data_type) {
    return Error(ErrorKind::kInvalidArgument,
                 "channel {} is registered with data type {}, the block has {}",
                 on_record.name, Name(on_record.data_type), Name(given.data_type));
  }
  if (on_record.sample_rate != given.sample_rate) {
    return Error(ErrorKind::kInvalidArgument,
                 "channel {} is registered with {} Hz, the block has {} Hz",
                 on_record.name, on_record.sample_rate.hz(), given.sample_rate.hz());
  }
  ARROW_RETURN_NOT_OK(CheckField(on_record, "stride", on_record.stride, given.stride));
  ARROW_RETURN_NOT_OK(
      CheckField(on_record, "latency", on_record.max_latency, given.max_latency));
  ARROW_RETURN_NOT_OK(CheckField(on_record, "partition index", on_record.partition_index,
                                 given.partition_index));
  ARROW_RETURN_NOT_OK(CheckField(on_record, "partition", Said(on_record.partition_id),
                                 Said(given.partition_id)));
  ARROW_RETURN_NOT_OK(CheckField(on_record, "publisher", Said(on_record.publisher),
                                 Said(given.publisher)));
  return CheckField(on_record, "replay", Said(on_record.replay_id),
                    Said(given.replay_id));
}

Result<std::shared_ptr<const Registration>> Registration::Make(
    const std::string& publisher_id, const std::optional<std::string>& replay_id,
    std::vector<Channel> channels) {
  if (channels.empty()) {
    return Error(ErrorKind::kInvalidArgument,
                 "no channels registered for publisher ID '{}'{}", publisher_id,
                 InReplay(replay_id));
  }
  auto out = std::shared_ptr<Registration>(new Registration());
  ARROW_ASSIGN_OR_RAISE(out->channels_, ChannelSet::Make(std::move(channels)));
  const Channel& first = (*out->channels_)[0];
  out->stride_ = first.stride.value_or(Duration());
  for (const Channel& channel : out->channels_->channels()) {
    if (Status status = out->CheckChannel(channel); !status.ok()) {
      return WithContext(
          status, fmt::format("publisher {}{}", publisher_id, InReplay(replay_id)));
    }
  }
  if (Status status = out->SortIntoPartitions(replay_id); !status.ok()) {
    return WithContext(status, "publisher " + publisher_id);
  }
  return out;
}

Status Registration::CheckChannel(const Channel& channel) const {
  const Channel& first = (*channels_)[0];
  if (!channel.stride || channel.stride->ns() <= 0) {
    return Error(ErrorKind::kInvalidArgument, "channel {} has no stride", channel.name);
  }
  if (*channel.stride != stride_) {
    return Error(ErrorKind::kInvalidArgument,
                 "channels have different strides: {} {}, {} {}", first.name,
                 ToString(stride_), channel.name, ToString(*channel.stride));
  }
  if (!channel.partition_id || channel.partition_id->empty() ||
      !channel.partition_index) {
    return Error(ErrorKind::kInvalidArgument, "channel {} is assigned to no partition",
                 channel.name);
  }
  if (!channel.sample_rate.Divides(stride_)) {
    return Error(ErrorKind::kInvalidArgument,
                 "a stride of {} holds no whole number of samples of channel {} at {} Hz",
                 ToString(stride_), channel.name, channel.sample_rate.hz());
  }
  return Status::OK();
}

Status Registration::SortIntoPartitions(const std::optional<std::string>& replay_id) {
  std::unordered_map<std::string_view, size_t> known;
  for (size_t i = 0; i < channels_->size(); ++i) {
    const Channel& channel = (*channels_)[i];
    const auto [place, fresh] = known.emplace(*channel.partition_id, partitions_.size());
    if (fresh) {
      partitions_.push_back({*channel.partition_id,
                             TopicOf(*channel.partition_id, replay_id),
                             channel.data_type,
                             {}});
      if (!kafka::IsTopicName(partitions_.back().topic)) {
        return Error(ErrorKind::kInvalidArgument,
                     "partition of channel {} cannot be a topic: '{}'", channel.name,
                     partitions_.back().topic);
      }
    }
    Partition& partition = partitions_[place->second];
    if (partition.type != channel.data_type) {
      return Error(ErrorKind::kInvalidArgument,
                   "partition {} mixes data types: channel {} is {}, channel {} is {}",
                   partition.id, (*channels_)[partition.channels.front()].name,
                   Name(partition.type), channel.name, Name(channel.data_type));
    }
    partition.channels.push_back(i);
    partition_of_.push_back(place->second);
  }
  for (Partition& partition : partitions_) {
    auto& members = partition.channels;
    const auto index = [&](size_t i) { return *(*channels_)[i].partition_index; };
    std::sort(members.begin(), members.end(),
              [&](size_t a, size_t b) { return index(a) < index(b); });
    const auto same =
        std::adjacent_find(members.begin(), members.end(),
                           [&](size_t a, size_t b) { return index(a) == index(b); });
    if (same != members.end()) {
      return Error(ErrorKind::kInvalidArgument,
                   "partition {} has index {} twice: channels {} and {}", partition.id,
                   index(*same), (*channels_)[*same].name, (*channels_)[same[1]].name);
    }
  }
  return Status::OK();
}

}  // namespace carryall::publish
