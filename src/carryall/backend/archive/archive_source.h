#pragma once

#include <memory>

#include "carryall/archive/archive.h"
#include "carryall/backend/backend.h"

namespace carryall::backend::archive {

/// The blocks of a stream out of one state of an archive. Views point into the mapped
/// files; samples are copied only for a stride in which a channel's samples lie in more
/// than one segment, or partly in none. Never waits.
///
/// kUnavailable naming a channel that is not in the archive, and for requests without
/// start.
Result<std::unique_ptr<BlockSource>> MakeArchiveSource(
    std::shared_ptr<const carryall::archive::Archive> archive, StreamRequest request);

}  // namespace carryall::backend::archive
