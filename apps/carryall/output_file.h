#pragma once

#include <string>

#include "carryall/base/status.h"

namespace CLI {
class App;
}

namespace carryall::apps {

/// Adds -o, --output FILE.
void AddOutputFile(CLI::App& command, std::string& file);

/// Whether `file` can be written, asked before anything is read: kInvalidArgument for an
/// extension that names no format, kNotFound or kIo for its directory. An empty name is
/// OK.
Status CheckOutputFile(const std::string& file);

}  // namespace carryall::apps
