#pragma once

#include <functional>
#include <memory>

#include "carryall/client/assembly.h"
#include "carryall/client/stream_plan.h"

namespace carryall::client {

/// About the size of a message: big enough that its price is small, small enough to stay
/// in the cache on the way to its place.
inline constexpr int64_t kFetchBatchBytes = int64_t{2} << 20;

/// Reads a bounded span straight into one block: every endpoint on its own thread, each
/// batch copied once, to its place, or kept.
Result<SeriesBlock> FetchSpan(const std::shared_ptr<const Session>& session,
                              const StreamPlan& plan, GpsTime start, GpsTime end,
                              const StreamOptions& options, const CallContext& context);

/// Starts `endpoints` readers, some at a time, which fill `assembly` over [start, end),
/// and waits for them all. The first error of one of them, kTimeout, or what ends the
/// call from outside; tells of progress.
Status Assemble(const std::shared_ptr<Assembly>& assembly, size_t endpoints,
                const std::function<std::unique_ptr<EndpointReader>(size_t e)>& start_one,
                GpsTime start, GpsTime end, const CallContext& context);

}  // namespace carryall::client
