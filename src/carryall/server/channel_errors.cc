#include "carryall/server/channel_errors.h"

namespace carryall::server {
namespace {
constexpr size_t kMaxListBytes = 1000;
}  // namespace

std::string InBraces(const std::vector<std::string_view>& names) {
  std::string out = "{";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ", ";
    if (out.size() + names[i].size() > kMaxListBytes) {
      return fmt::format("{}and {} more}}", out, names.size() - i);
    }
    out += names[i];
  }
  return out + "}";
}

Status ChannelsUnavailable(const std::vector<std::string_view>& names) {
  return Error(ErrorKind::kUnavailable, "channels are not available on this server: {}",
               InBraces(names));
}

}  // namespace carryall::server
