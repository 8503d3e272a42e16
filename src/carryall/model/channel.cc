#include "carryall/model/channel.h"

#include <limits>

namespace carryall {

Result<ChannelNameParts> ParseChannelName(std::string_view name) {
  const size_t colon = name.rfind(':');
  if (colon == std::string_view::npos || name.size() > kMaxChannelNameBytes ||
      name.find('\n') != std::string_view::npos) {
    return Error(ErrorKind::kInvalidArgument,
                 "invalid channel name, expected '<domain>:<subsystem>[-_]<rest>': '{}'",
                 name.substr(0, 128));
  }
  ChannelNameParts parts;
  parts.domain = name.substr(0, colon);
  const std::string_view tail = name.substr(colon + 1);
  const size_t cut = tail.find_first_of("-_");
  parts.subsystem = tail.substr(0, cut);
  if (cut != std::string_view::npos) parts.rest = tail.substr(cut + 1);
  return parts;
}

Result<SampleRate> SampleRate::Make(int64_t hz) {
  if (hz < 1 || hz > std::numeric_limits<int32_t>::max()) {
    return Error(ErrorKind::kInvalidArgument,
                 "sample rate must be a whole number of Hz from 1 to 2147483647, got {}",
                 hz);
  }
  return SampleRate(static_cast<int32_t>(hz));
}

Result<std::shared_ptr<const ChannelSet>> ChannelSet::Make(
    std::vector<Channel> channels) {
  std::shared_ptr<ChannelSet> set(new ChannelSet(std::move(channels)));
  set->index_.reserve(set->channels_.size());
  for (size_t i = 0; i < set->channels_.size(); ++i) {
    if (!set->index_.emplace(set->channels_[i].name, i).second) {
      return Error(ErrorKind::kInvalidArgument, "channel is listed twice: {}",
                   set->channels_[i].name);
    }
  }
  return std::shared_ptr<const ChannelSet>(std::move(set));
}

std::optional<size_t> ChannelSet::Find(std::string_view name) const {
  const auto it = index_.find(name);
  if (it == index_.end()) return std::nullopt;
  return it->second;
}

Result<Duration> ChannelSet::CommonStride() const {
  Duration common = Duration::FromNs(1);
  for (const Channel& channel : channels_) {
    if (!channel.stride || channel.stride->ns() <= 0) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel has no stride, it cannot be streamed: {}", channel.name);
    }
    ARROW_ASSIGN_OR_RAISE(common, LeastCommonMultiple(common, *channel.stride));
  }
  return common;
}

}  // namespace carryall
