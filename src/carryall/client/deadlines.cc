#include "carryall/client/deadlines.h"

#include <algorithm>

namespace carryall::client {
namespace {

constexpr Duration kSilence = Duration::FromSeconds(30);
constexpr Duration kLeastRelayRoom = Duration::FromSeconds(2);
// Latencies and strides are a server's word; sums of them must not overflow.
constexpr Duration kLongest = Duration::FromSeconds(30 * 86'400);

std::optional<Duration> MaxLatency(const ChannelSet& channels) {
  std::optional<Duration> latency;
  for (const Channel& channel : channels.channels()) {
    if (!channel.max_latency) continue;
    latency = std::max(latency.value_or(Duration()), *channel.max_latency);
  }
  return latency ? std::min(*latency, kLongest) : latency;
}

Duration MaxStride(const ChannelSet& channels) {
  Duration stride;
  for (const Channel& channel : channels.channels()) {
    stride = std::max(stride, channel.stride.value_or(Duration()));
  }
  return std::min(stride, kLongest);
}

}  // namespace

std::optional<Duration> SilenceTimeout(const ClientOptions& options,
                                       const StreamEndpoint& endpoint, GpsTime now) {
  if (options.silence_timeout) return options.silence_timeout;
  const bool bounded = endpoint.start && endpoint.end;
  if (bounded && *endpoint.end <= now) return kSilence;
  const auto latency = MaxLatency(*endpoint.channels);
  if (!latency && !bounded) return std::nullopt;
  return latency.value_or(Duration()) + MaxStride(*endpoint.channels) + kSilence;
}

SteadyTime SilentUntil(const StreamEndpoint& endpoint, GpsTime now) {
  if (!endpoint.start || *endpoint.start <= now) return SteadyTime{};
  return SteadyNow() + ToChrono(std::min(*endpoint.start - now, kLongest * 12));
}

std::optional<Duration> SlotTimeout(const ChannelSet& all, const ChannelSet& of_queue) {
  if (!MaxLatency(of_queue)) return std::nullopt;
  const Duration stride = MaxStride(all);
  return *MaxLatency(all) + stride + std::max(stride * 2, kLeastRelayRoom);
}

}  // namespace carryall::client
