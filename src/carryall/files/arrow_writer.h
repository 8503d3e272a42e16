#pragma once

#include <memory>
#include <string>

#include "carryall/files/writer.h"

namespace carryall::files {

/// The writer of Arrow IPC files in column form: one batch of one row for each block,
/// long blocks cut at whole seconds.
Result<std::unique_ptr<BlockWriter>> OpenArrowWriter(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    const WriterOptions& options);

/// The writer of Parquet files: `time_ns` and one plain column a channel where all rates
/// agree, else `time_ns` and one list column a channel, one row a block (docs/files.md).
Result<std::unique_ptr<BlockWriter>> OpenParquetWriter(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    const WriterOptions& options);

}  // namespace carryall::files
