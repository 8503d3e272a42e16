#pragma once

#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::proxy {

/// A server behind a login host.
struct SshUrl {
  std::string destination;  ///< "ssh://[user@]host[:port]", for ssh
  std::string server;       ///< "host[:port]" seen from there; empty: it is asked
};

/// Whether a URL names a server that ssh reaches.
bool IsSshUrl(std::string_view url);

/// "ssh://[user@]host[:[port]][::server[:port]]". kInvalidArgument naming the URL and
/// what is wrong with it.
Result<SshUrl> ParseSshUrl(std::string_view url);

}  // namespace carryall::proxy
