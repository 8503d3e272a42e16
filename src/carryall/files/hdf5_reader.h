#pragma once

#include <memory>
#include <string>

#include "carryall/files/reader.h"

namespace carryall::files {

/// The reader of HDF5 files. Samples are read piece by piece; pieces end on whole
/// seconds.
Result<std::unique_ptr<BlockReader>> OpenHdf5(const std::string& path, int64_t file_bytes,
                                              const ReaderOptions& options);

}  // namespace carryall::files
