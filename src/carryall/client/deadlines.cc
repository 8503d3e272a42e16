#include "carryall/client/deadlines.h"

#include <algorithm>

#include "carryall/wire/accept.h"

namespace carryall::client {
namespace {

constexpr Duration kSilence = Duration::FromSeconds(30);
// Latencies and strides are a server's word; sums of them must not overflow.
constexpr Duration kLongest = Duration::FromSeconds(30 * 86'400);

// For what a server relays to get here.
Duration RelayRoom(Duration stride) {
  return std::max(stride * 2, Duration::FromSeconds(2));
}

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
                                       const StreamEndpoint& endpoint,
                                       std::optional<Duration> tolerance, GpsTime now) {
  if (options.silence_timeout) return options.silence_timeout;
  const bool bounded = endpoint.start && endpoint.end;
  if (bounded && *endpoint.end <= now) return kSilence;
  const auto latency = MaxLatency(*endpoint.channels);
  if (!latency && !bounded) return std::nullopt;
  return std::max(latency.value_or(Duration()), tolerance.value_or(Duration())) +
         MaxStride(*endpoint.channels) + kSilence;
}

Duration HeartbeatTimeout(const ClientOptions& options) {
  return options.silence_timeout.value_or(kSilence);
}

SteadyTime SilentUntil(const StreamEndpoint& endpoint, GpsTime now) {
  if (!endpoint.start || *endpoint.start <= now) return SteadyTime{};
  return SteadyNow() + ToChrono(std::min(*endpoint.start - now, kLongest * 12));
}

std::optional<Duration> SlotTimeout(const ChannelSet& all, const ChannelSet& of_queue,
                                    std::optional<Duration> tolerance) {
  const Duration stride = MaxStride(all);
  if (tolerance) return *tolerance + stride;
  if (!MaxLatency(of_queue)) return std::nullopt;
  return *MaxLatency(all) + stride + RelayRoom(stride);
}

Duration ServerLatency(Duration tolerance, Duration stride) {
  const Duration half = Duration::FromNs(tolerance.ns() / 2);
  return std::max(tolerance - std::min(half, RelayRoom(stride)), wire::kLeastLatency);
}

}  // namespace carryall::client
