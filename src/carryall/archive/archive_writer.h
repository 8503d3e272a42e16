#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "carryall/archive/archive.h"
#include "carryall/archive/run_builder.h"
#include "carryall/archive/segment_writer.h"
#include "carryall/files/output_file.h"

namespace carryall::archive {

struct WriterOptions {
  /// About how many bytes of samples are collected in memory and go to one segment.
  int64_t segment_bytes = int64_t{256} << 20;
  files::StepHook hook;  ///< for tests
};

struct WriteReport {
  int64_t channels = 0;  ///< that were written to
  int64_t added_samples = 0;
  int64_t added_bytes = 0;    ///< of samples
  int64_t known_samples = 0;  ///< that the archive held already, equal
  int64_t added_segments = 0;
};

/// Adds samples to an archive, all or nothing: until Commit returns OK the archive is as
/// it was, also if the process is killed or the disk is full. Samples that the archive
/// holds already are compared and left out.
///
/// Holds the archive's lock while it lives: one writer at a time, readers are not
/// disturbed. Owned and called by one thread.
class ArchiveWriter {
 public:
  /// Creates the directory where there is none, and removes what a killed import left.
  /// kUnavailable if another import is running, kInvalidArgument if the directory holds
  /// something else, and whatever Archive::Open says.
  static Result<std::unique_ptr<ArchiveWriter>> Open(const std::string& directory,
                                                     WriterOptions options = {});
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  /// Says what is known of a channel before its first block. kInvalidArgument naming it
  /// if the archive has it with another data type or rate. The stride is the archive's,
  /// else the channel's own if it has a usable one, else DefaultStride.
  Status Declare(const Channel& channel, const std::string& unit);

  /// Takes the samples of a block of any channels, in any order of time: the first sample
  /// of a channel is the first one at or after the block's time. kInvalidArgument naming
  /// channel and span if the archive, or a block before, has other samples there.
  Status Write(const SeriesBlock& block);

  /// Makes everything written part of the archive at once and for good. The writer is
  /// spent.
  Result<WriteReport> Commit();

 private:
  struct Input {
    Channel channel;
    std::string unit;
    std::optional<size_t> stored;  // its number in the archive as it was
    RunBuilder builder;
    std::vector<Extent> staged;  // in this import, in order of samples
    bool written = false;
  };
  struct Finished {
    size_t input;
    Run run;
  };
  struct Staged {
    std::shared_ptr<const Segment> segment;
    std::shared_ptr<files::OutputFile> file;
  };
  struct Piece {
    size_t input;
    ColumnData column;
  };
  using Span = std::pair<GpsTime, GpsTime>;

  ArchiveWriter(std::string directory, WriterOptions options)
      : directory_(std::move(directory)), options_(std::move(options)) {}
  Result<std::vector<size_t>> InputsOf(const ChannelSet& channels);
  Status TryWrite(const SeriesBlock& block);
  Status WritePiece(const SeriesBlock& block);
  Status Append(size_t input, GpsTime time, const SampleView& view);
  Status AppendGap(size_t input, int64_t first, int64_t count);
  Status Finish(size_t input);
  Status Flush();
  Status CollectNew(const Finished& finished, std::map<Span, std::vector<Piece>>* pieces);
  Extent ExtentAt(const Input& input, int64_t sample) const;
  Status CheckEqual(const Input& input, const Run& run, const Extent& extent,
                    int64_t begin, int64_t end) const;
  Status Stage(const Span& span, std::vector<Piece> pieces);
  Status WriteTables();

  const std::string directory_;
  const WriterOptions options_;
  int lock_ = -1;
  std::shared_ptr<const Archive> archive_;
  std::vector<Input> inputs_;
  std::unordered_map<std::string, size_t> input_of_name_;
  std::shared_ptr<const ChannelSet> last_channels_;
  std::vector<size_t> last_inputs_;
  std::vector<Finished> finished_;
  int64_t collected_bytes_ = 0;
  std::vector<Staged> staged_;
  std::map<uint64_t, std::shared_ptr<const ChannelTable>> tables_;
  std::vector<std::shared_ptr<files::OutputFile>> table_files_;
  WriteReport report_;
  Status failed_;
};

}  // namespace carryall::archive
