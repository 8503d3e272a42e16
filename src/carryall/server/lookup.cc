#include "carryall/server/lookup.h"

#include <algorithm>

#include "carryall/server/channel_errors.h"

namespace carryall::server {

Result<std::vector<const Channel*>> Lookup(const metadata::Catalogue& catalogue,
                                           const std::vector<std::string>& names,
                                           const std::optional<std::string>& replay_id) {
  std::vector<const Channel*> out;
  std::vector<std::string_view> unknown;
  out.reserve(names.size());
  for (const std::string& name : names) {
    const Channel* channel = catalogue.Get(name, replay_id);
    if (channel == nullptr && replay_id) channel = catalogue.Get(name, std::nullopt);
    if (channel == nullptr) {
      unknown.push_back(name);
    } else {
      out.push_back(channel);
    }
  }
  if (unknown.empty()) return out;
  std::sort(unknown.begin(), unknown.end());
  unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
  return ChannelsUnavailable(unknown);
}

Result<std::shared_ptr<const ChannelSet>> LookupForStream(
    const metadata::Catalogue& catalogue, std::vector<std::string> names,
    const std::optional<std::string>& replay_id) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) {
    return Error(ErrorKind::kInvalidArgument, "a stream needs at least one channel");
  }
  ARROW_ASSIGN_OR_RAISE(const auto found, Lookup(catalogue, names, replay_id));
  std::vector<Channel> channels;
  channels.reserve(found.size());
  for (const Channel* channel : found) channels.push_back(*channel);
  return ChannelSet::Make(std::move(channels));
}

}  // namespace carryall::server
