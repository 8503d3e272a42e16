#pragma once

#include <memory>
#include <string>

#include "carryall/backend/backend.h"

namespace carryall::backend::archive {

struct ArchiveOptions {
  std::string directory;
};

/// Serves the archive in a directory. Errors of opening as
/// carryall::archive::Archive::Open gives them, naming the directory or the file.
///
/// Reload picks up what was imported meanwhile; streams that are running go on with what
/// was there when they began. A stream without a start is kUnavailable: nothing in an
/// archive is live. One without an end ends with the last sample of its channels. Spans
/// in which nothing is stored come at once, as blocks in which every sample is missing.
Result<std::shared_ptr<Backend>> MakeArchiveBackend(ArchiveOptions options);

}  // namespace carryall::backend::archive
