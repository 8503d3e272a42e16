#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/model/data_type.h"

namespace carryall {

/// Parts of a channel name "<domain>:<subsystem>[-_]<rest>": the domain reaches to the
/// last colon, the subsystem is the longest run without '-' or '_'; domain and subsystem
/// may be empty. Views into the name that was parsed.
struct ChannelNameParts {
  std::string_view domain;
  std::string_view subsystem;
  std::string_view rest;  ///< without its delimiter; empty if there is none
};

/// kInvalidArgument naming the text if there is no colon, or a line break, or more than
/// kMaxChannelNameBytes.
Result<ChannelNameParts> ParseChannelName(std::string_view name);
inline constexpr size_t kMaxChannelNameBytes = 1024;

/// Samples a second: a whole number of Hz, at least 1.
class SampleRate {
 public:
  constexpr SampleRate() = default;
  static Result<SampleRate> Make(int64_t hz);
  constexpr int32_t hz() const { return hz_; }
  constexpr auto operator<=>(const SampleRate&) const = default;

  /// Samples in `span`, rounded down (exact 128-bit arithmetic).
  constexpr int64_t SamplesIn(Duration span) const {
    return static_cast<int64_t>(static_cast<__int128>(hz_) * span.ns() / 1'000'000'000);
  }
  /// Whether `span` holds a whole number of samples.
  constexpr bool Divides(Duration span) const {
    return static_cast<__int128>(hz_) * span.ns() % 1'000'000'000 == 0;
  }
  /// How long `samples` last, rounded down to whole nanoseconds.
  constexpr Duration DurationOf(int64_t samples) const {
    return Duration::FromNs(
        static_cast<int64_t>(static_cast<__int128>(samples) * 1'000'000'000 / hz_));
  }

 private:
  explicit constexpr SampleRate(int32_t hz) : hz_(hz) {}
  int32_t hz_ = 1;
};

/// What is known of a channel. A value; fields as in the metadata rows of the protocol.
struct Channel {
  std::string name;
  DataType data_type = DataType::kFloat64;
  SampleRate sample_rate;
  std::optional<std::string> publisher;
  std::optional<std::string> partition_id;
  std::optional<uint32_t> partition_index;
  std::optional<Duration> stride;       ///< duration of a native block
  std::optional<Duration> max_latency;  ///< bound on how late a block may be
  std::optional<std::string> replay_id;

  bool operator==(const Channel&) const = default;
};

/// An ordered set of channels with distinct names, shared by every block of a stream.
/// Immutable, thread safe.
class ChannelSet {
 public:
  /// kInvalidArgument naming the channel if a name repeats.
  static Result<std::shared_ptr<const ChannelSet>> Make(std::vector<Channel> channels);

  size_t size() const { return channels_.size(); }
  const Channel& operator[](size_t i) const { return channels_[i]; }
  const std::vector<Channel>& channels() const { return channels_; }
  /// Position of a channel, or nothing.
  std::optional<size_t> Find(std::string_view name) const;
  /// The least common multiple of the strides; kInvalidArgument naming the channel if one
  /// has none.
  Result<Duration> CommonStride() const;

 private:
  explicit ChannelSet(std::vector<Channel> channels) : channels_(std::move(channels)) {}
  std::vector<Channel> channels_;
  std::unordered_map<std::string_view, size_t> index_;
};

}  // namespace carryall
