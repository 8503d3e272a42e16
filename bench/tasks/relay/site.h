#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "carryall/codec/block_writer.h"
#include "carryall/codec/encoder.h"
#include "carryall/relay/relay.h"

/// The channels that the relay tasks are about, and what their messages hold: float32 at
/// 16 Hz, so one sample a stride.
namespace carryall::bench {

inline constexpr Duration kStride = Duration::FromNs(62'500'000);
inline constexpr GpsTime kBegin = GpsTime::FromSeconds(1'400'000'000);
/// Samples repeat after so many strides.
inline constexpr int kVariants = 4;

/// `wanted` of `channels` channels in as many partitions, spread evenly.
struct Site {
  int64_t partitions, channels, wanted;

  int64_t FirstOf(int64_t partition) const { return partition * channels / partitions; }
  int64_t PartitionOf(int64_t channel) const;
  Channel MakeChannel(int64_t number) const;
  /// What subscriber `i` wants: each something else.
  Result<std::shared_ptr<const ChannelSet>> Wanted(int64_t subscriber) const;
  /// Partitions that carry what the subscribers want.
  std::vector<int64_t> PartitionsWanted(int64_t subscribers) const;
  /// A stride of a partition; the time can be written over at TimePlace.
  Result<std::vector<uint8_t>> Message(int64_t partition, int64_t variant) const;
};

/// Where the first of a message's times is, of which there are as many as rows.
size_t TimePlace(const std::vector<uint8_t>& message);
/// Writes the time a reader goes by.
void SetTime(std::vector<uint8_t>* message, size_t place, GpsTime time);

/// What a payload holds, read by Arrow: values and a sum that depends on their places.
Result<std::string> AnswerOf(const codec::StreamEncoder& encoder,
                             const arrow::ipc::IpcPayload& payload);

Result<std::unique_ptr<codec::StreamEncoder>> MakeEncoder(
    std::shared_ptr<const ChannelSet> channels, codec::Form form);

/// The next block; an error if none comes in 30 s.
Result<SeriesBlock> NextBlock(backend::BlockSource* source);

/// Of this process.
double CpuSeconds();
int64_t ResidentBytes();

// live.cc

/// Makes the topics of a site.
Status CreateTopics(const Site& site, const std::string& brokers);
/// Publishes what is wanted of a site, each stride when it is over, for so many strides.
Status Produce(const Site& site, const std::string& brokers, int strides);
/// CPU microseconds a stride of reading it from there; of no strides: `answer` is what
/// one of variant 1 holds.
Result<double> ReadLive(const Site& site, const std::string& brokers, int strides,
                        std::string* answer);

}  // namespace carryall::bench
