#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::catalogue {

/// One partition: the channels of a publisher whose rows share a message. A value.
struct Partition {
  std::string id;
  std::string publisher;
  std::string subsystem;  ///< of the channels it was made for
  DataType data_type = DataType::kFloat64;
  uint64_t next_index = 0;  ///< those below were handed out, and are not again
  size_t channels = 0;      ///< that are in it now
  int64_t bytes = 0;        ///< sum of their RowBytes

  bool operator==(const Partition&) const = default;
};

/// What is assigned, by partition id.
using Partitions = std::map<std::string, Partition, std::less<>>;

struct PartitionLimits {
  size_t max_channels = 100;  ///< of a partition
  size_t chunk = 80;          ///< channels of a new one, where more than one is needed
  /// Of one message. Producers and brokers take 10,000,000 bytes, the envelope included.
  int64_t max_bytes = 9'990'000;
};

/// Bytes that one stride of a channel adds to a message: its samples, their mask, and the
/// row's time, id, offset and paddings.
int64_t RowBytes(const Channel& channel, Duration stride);
/// Bytes of a message with `rows` bytes of rows.
int64_t MessageBytes(int64_t rows);

/// What is there, as far as it matters for the channels to be placed.
struct AssignmentInput {
  std::string_view publisher;
  /// Of the channels to be placed, for the length of their rows.
  Duration stride;
  /// Channels of this publisher, with stride, id and index, each once: at least those
  /// whose name is among the channels to be placed, those of their subsystems, and those
  /// in partitions that they name.
  std::vector<const Channel*> known;
  /// All partitions there are, of any publisher; `known` is counted in them.
  const Partitions* partitions = nullptr;
  PartitionLimits limits;
};

struct Assignment {
  /// The channels to be placed, in their order, with partition id and index. Nothing else
  /// of them is changed.
  std::vector<Channel> channels;
  /// Partitions that are new or are not as they were.
  Partitions changed;
  /// The new ones among them, in the order in which they were made.
  std::vector<std::string> fresh;
};

/// Places channels (names distinct, protocol 3.5). A pure function: the same input gives
/// the same ids and indexes on every machine. What holds afterwards, if it held before:
/// every partition has one data type, at most the limits' channels and bytes, and no
/// index twice, not even over time.
///
/// A known channel stays where it is, unless its type changed or its longer rows no
/// longer fit: then it is placed like a new one. A new channel joins the partition of its
/// neighbour in name order (same subsystem and type, domains aside), else any of that
/// subsystem and type with room; what finds no room gets new partitions in name order:
/// one if `max_channels` suffice, otherwise several of `chunk`. An id that an input
/// brings wins; so does its index.
///
/// kInvalidArgument naming the channel if it alone is too long for a message, or brings
/// the id of a partition of another publisher or data type or without room, or an index
/// that is in use.
Result<Assignment> Assign(const AssignmentInput& input, std::vector<Channel> channels);

}  // namespace carryall::catalogue
