#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::publish {

/// Channels that travel in one message.
struct Partition {
  std::string id;
  std::string topic;  ///< protocol 3.4
  DataType type;
  std::vector<size_t> channels;  ///< positions in the registration, by partition index
};

/// What a server has on record of a publisher. Immutable, thread safe.
class Registration {
 public:
  /// `channels` as a server found them for this publisher. kInvalidArgument naming the
  /// channel if there is none, if strides differ, if one cannot be published (no stride,
  /// partition or index, or a stride that holds no whole number of samples), or if a
  /// partition mixes data types or has an index twice.
  static Result<std::shared_ptr<const Registration>> Make(
      const std::string& publisher_id, const std::optional<std::string>& replay_id,
      std::vector<Channel> channels);

  const std::shared_ptr<const ChannelSet>& channels() const { return channels_; }
  Duration stride() const { return stride_; }
  const std::vector<Partition>& partitions() const { return partitions_; }
  /// The partition of a channel, by position.
  size_t partition_of(size_t channel) const { return partition_of_[channel]; }

 private:
  Registration() = default;
  Status CheckChannel(const Channel& channel) const;
  Status SortIntoPartitions(const std::optional<std::string>& replay_id);

  std::shared_ptr<const ChannelSet> channels_;
  Duration stride_;
  std::vector<Partition> partitions_;
  std::vector<size_t> partition_of_;
};

/// The topic of a partition.
std::string TopicOf(const std::string& partition_id,
                    const std::optional<std::string>& replay_id);

/// What keeps a channel from being taken for the one on record: kInvalidArgument naming
/// the channel and the field. Fields that one of them leaves open agree with everything.
Status CheckAgrees(const Channel& on_record, const Channel& given);

}  // namespace carryall::publish
