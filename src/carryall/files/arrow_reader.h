#pragma once

#include <memory>
#include <string>

#include "carryall/files/reader.h"

namespace carryall::files {

/// The reader of Arrow IPC files and streams in column form: `time: int64` in GPS
/// nanoseconds, then one list column a channel with field metadata `rate`. One block a
/// row.
Result<std::unique_ptr<BlockReader>> OpenArrow(const std::string& path,
                                               int64_t file_bytes, bool stream,
                                               const ReaderOptions& options);

}  // namespace carryall::files
