#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "carryall/base/status.h"

namespace CLI {
class App;
}

namespace carryall::apps {

/// Adds the positional CHANNEL..., at least one.
void AddChannelNames(CLI::App& command, std::vector<std::string>& names);

/// The names that are meant: each once, in order, "-" replaced by the lines of `input`
/// without blank ones and those that begin with "#". kInvalidArgument if none remains.
Result<std::vector<std::string>> ExpandNames(const std::vector<std::string>& given,
                                             std::istream& input);

}  // namespace carryall::apps
