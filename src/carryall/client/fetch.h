#pragma once

#include <memory>

#include "carryall/client/stream_plan.h"

namespace carryall::client {

/// Reads a bounded span straight into one block: every endpoint on its own thread, each
/// batch copied once, to its place.
Result<SeriesBlock> FetchSpan(const std::shared_ptr<const Session>& session,
                              const StreamPlan& plan, GpsTime start, GpsTime end,
                              const StreamOptions& options, const CallContext& context);

}  // namespace carryall::client
