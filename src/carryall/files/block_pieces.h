#pragma once

#include <cstdint>
#include <functional>

#include "carryall/model/series_block.h"

namespace carryall::files {

/// Calls `visit` for `block`, or, if it holds more than about `max_bytes` of samples, for
/// its pieces in order of time, cut at whole seconds of GPS time. Copies nothing. Stops
/// at the first error. The block must be valid.
Status ForEachPiece(const SeriesBlock& block, int64_t max_bytes,
                    const std::function<Status(const SeriesBlock&)>& visit);

}  // namespace carryall::files
