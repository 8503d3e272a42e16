#pragma once

#include <memory>
#include <optional>

#include "carryall/backend/backend.h"
#include "carryall/server/router.h"

namespace carryall::server {

/// The blocks of a stream. Without a replay: the backend's. Under one, channels that
/// belong to the replay are read at the times asked for, and raw ones as the window
/// repeats. An empty or inverted span gives a source that ends at once.
Result<std::unique_ptr<backend::BlockSource>> OpenSource(
    const std::shared_ptr<backend::Backend>& backend, backend::StreamRequest request,
    const std::optional<ReplayContext>& replay, const Clock& clock);

}  // namespace carryall::server
