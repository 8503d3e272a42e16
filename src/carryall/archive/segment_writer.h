#pragma once

#include <arrow/buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "carryall/archive/channel_table.h"
#include "carryall/archive/index.h"
#include "carryall/files/output_file.h"

namespace carryall::archive {

/// What buffers of a segment are padded to.
constexpr int64_t PaddedTo64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// The samples of one channel over one span, contiguous, zero where missing; both buffers
/// are as long as PaddedTo64 of what they hold.
struct ColumnData {
  int64_t samples = 0;
  int64_t missing = 0;
  std::shared_ptr<arrow::Buffer> values;
  std::shared_ptr<arrow::Buffer> validity;  ///< null: no gaps
};

/// A segment on disk that is not yet part of an archive: removed unless kept. Its file is
/// closed, so that there may be many, and not yet synced.
struct StagedSegment {
  SegmentInfo info;
  std::shared_ptr<files::OutputFile> file;
};

/// Writes a segment of [start, end), one column for each row of the table, in order.
/// Reads it back through Arrow and checks that everything lies where SegmentLayout says.
Result<StagedSegment> WriteSegment(const std::string& archive,
                                   const std::string& file_name,
                                   const ChannelTable& table, GpsTime start, GpsTime end,
                                   const std::vector<ColumnData>& columns,
                                   const files::StepHook& hook);

}  // namespace carryall::archive
