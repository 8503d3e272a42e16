#pragma once

#include <memory>

#include "carryall/client/stream_plan.h"

namespace carryall::client {

/// Starts to read a planned stream. `span` is the caller's, not rounded.
Result<std::unique_ptr<BlockStream>> OpenStream(std::shared_ptr<const Session> session,
                                                StreamPlan plan, const TimeSpan& span,
                                                const StreamOptions& options);

}  // namespace carryall::client
