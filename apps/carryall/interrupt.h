#pragma once

#include "carryall/base/status.h"

namespace carryall::apps {

/// From here on SIGINT and SIGTERM are remembered instead of ending the process; a second
/// one ends it. For the verbs of the client: `serve` has its own ways.
void RememberInterrupts();

/// The signal that came, or 0.
int InterruptSignal();

/// kCancelled once a signal came.
Status CheckInterrupt();

}  // namespace carryall::apps
