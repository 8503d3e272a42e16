#include "carryall/server/lookup.h"

#include <algorithm>

#include "carryall/base/pieces.h"
#include "carryall/server/channel_errors.h"

namespace carryall::server {
namespace {

// Of a large catalogue a name takes 1 us or more, most of it waiting for memory; a
// thread 50.
constexpr size_t kNamesAPiece = 1000;

}  // namespace

Result<std::vector<const Channel*>> Lookup(const metadata::Catalogue& catalogue,
                                           const std::vector<std::string>& names,
                                           const std::optional<std::string>& replay_id) {
  std::vector<const Channel*> out(names.size());
  const auto find = [&](size_t, size_t begin, size_t end) {
    catalogue.GetAll(names.data() + begin, end - begin, replay_id, out.data() + begin);
    for (size_t i = begin; replay_id && i < end; ++i) {
      if (out[i] == nullptr) out[i] = catalogue.Get(names[i], std::nullopt);
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(
      InPieces(names.size(), PieceCount(names.size(), kNamesAPiece), find));
  std::vector<std::string_view> unknown;
  for (size_t i = 0; i < names.size(); ++i) {
    if (out[i] == nullptr) unknown.push_back(names[i]);
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
