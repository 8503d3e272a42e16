#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "carryall/archive/channel_table.h"
#include "carryall/archive/index.h"
#include "carryall/archive/mapped_file.h"
#include "carryall/model/series_block.h"

namespace carryall::archive {

/// Where one column's samples lie in a segment's file.
struct ColumnPlace {
  int64_t first_sample = 0;  ///< on the grid of the channel's rate
  int64_t samples = 0;
  int64_t values = 0;     ///< offset in the file, a multiple of 64
  int64_t validity = -1;  ///< offset of the bitmap, or -1: no gaps
};

/// The places of all columns, which follow from the table and the index alone: a segment
/// is an Arrow IPC file of one uncompressed batch of one row in column form (`time`, then
/// a list column a channel), every buffer padded to 64 bytes. kCorrupt if the file would
/// be shorter.
class SegmentLayout {
 public:
  static Result<SegmentLayout> Make(const SegmentInfo& info, const ChannelTable& table);
  ColumnPlace Place(const SegmentInfo& info, const ChannelTable& table,
                    int32_t column) const;
  int64_t body_end() const { return values_.back(); }

 private:
  std::vector<int64_t>
      values_;  // offset of each column's samples, then the end of the body
};

/// A segment in memory: gives views of samples, which keep it alive.
class SegmentData : public std::enable_shared_from_this<SegmentData> {
 public:
  SegmentData(SegmentInfo info, std::shared_ptr<const ChannelTable> table,
              std::unique_ptr<const MappedFile> file, SegmentLayout layout)
      : info_(std::move(info)),
        table_(std::move(table)),
        file_(std::move(file)),
        layout_(std::move(layout)) {}

  ColumnPlace Place(int32_t column) const {
    return layout_.Place(info_, *table_, column);
  }
  /// Samples [first, first + count) of the channel's grid, which must lie in the segment.
  /// The owner of the view is this object.
  SampleView View(int32_t column, int64_t first, int64_t count) const;
  /// Where those samples lie in the file: their bitmap (empty if there is none), then
  /// their values.
  std::array<ByteRange, 2> RangesOf(int32_t column, int64_t first, int64_t count) const;
  const MappedFile& file() const { return *file_; }

 private:
  SegmentInfo info_;
  std::shared_ptr<const ChannelTable> table_;
  std::unique_ptr<const MappedFile> file_;
  SegmentLayout layout_;
};

/// A segment that is part of an archive, mapped when first asked for. Thread safe.
class Segment {
 public:
  Segment(const std::string& archive, SegmentInfo info,
          std::shared_ptr<const ChannelTable> table)
      : path_(SegmentPath(archive, info.file)),
        info_(std::move(info)),
        table_(std::move(table)) {}
  ~Segment();

  const SegmentInfo& info() const { return info_; }
  const std::shared_ptr<const ChannelTable>& table() const { return table_; }
  const std::string& path() const { return path_; }
  /// Bytes that CheckMetadata reads.
  int64_t metadata_bytes() const;

  /// Whether the file is there, has the right size and begins and ends as an Arrow file.
  Status CheckFile() const;
  /// Whether schema, footer and the table of buffers are byte for byte what was written.
  Status CheckMetadata() const;
  /// The samples.
  Result<std::shared_ptr<const SegmentData>> Data() const;

 private:
  const std::string path_;
  const SegmentInfo info_;
  const std::shared_ptr<const ChannelTable> table_;
  mutable std::mutex mutex_;
  mutable std::weak_ptr<const SegmentData> data_;
  /// Mappings stay for the next request, unless there are very many.
  mutable std::shared_ptr<const SegmentData> kept_;
};

/// Digest of a segment's bytes outside [body_offset, body_end).
uint64_t MetadataDigest(const MappedFile& file, int64_t body_offset, int64_t body_end);

}  // namespace carryall::archive
