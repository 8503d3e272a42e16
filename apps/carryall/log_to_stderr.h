#pragma once

#include "carryall/base/log.h"

namespace carryall::apps {

/// Sends log lines to standard error as "<UTC time> <LEVEL> <line>", each with one write.
void LogToStderr(LogLevel lowest);

}  // namespace carryall::apps
