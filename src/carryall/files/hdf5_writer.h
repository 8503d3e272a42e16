#pragma once

#include <memory>
#include <string>

#include "carryall/files/writer.h"

namespace carryall::files {

/// The writer of HDF5 files: one data set a channel, with the attributes that gwpy reads,
/// and under `mask/` one more for each channel with gaps (docs/files.md).
Result<std::unique_ptr<BlockWriter>> OpenHdf5Writer(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    const WriterOptions& options);

}  // namespace carryall::files
