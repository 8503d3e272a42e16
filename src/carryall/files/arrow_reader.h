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

/// The same of a stream that is no file; `name` is what errors call it.
Result<std::unique_ptr<BlockReader>> OpenArrowStream(
    std::shared_ptr<arrow::io::InputStream> stream, const std::string& name,
    const ReaderOptions& options);

}  // namespace carryall::files
