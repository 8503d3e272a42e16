#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "carryall/model/series_block.h"

namespace carryall::files {

/// Kinds of files that blocks can be written to, told apart by the extension of the path.
enum class FileFormat {
  kHdf5,     ///< .h5, .hdf5, .hdf: one data set a channel, as gwpy reads them
  kArrow,    ///< .arrow, .feather: an Arrow IPC file in column form
  kParquet,  ///< .parquet
};

/// The format that the extension of `path` names (in any case); kInvalidArgument listing
/// the known ones otherwise.
Result<FileFormat> FormatOfPath(std::string_view path);

struct WriterOptions {
  bool overwrite = true;  ///< false: kInvalidArgument if `path` exists
  /// Most bytes of samples that are held before they are written (HDF5: one chunk a
  /// channel; Parquet: one row group). The file's rows and chunks follow from it.
  int64_t buffered_bytes = int64_t{64} << 20;
};

/// Writes the blocks of one stream to a file. Blocks come in time order, without overlap;
/// spans between them are gaps. Missing samples are nulls in Arrow and Parquet and
/// described in docs/files.md for HDF5.
///
/// Nothing stands under the final name before Close succeeded: the file grows as
/// `.NAME.PID.partial` beside it, which is renamed by Close, and removed by destruction
/// without Close. Owned and called by one thread; several writers may run in several
/// threads.
class BlockWriter {
 public:
  virtual ~BlockWriter() = default;

  /// Creates the temporary file. kInvalidArgument for an unknown extension (naming the
  /// known ones), kIo naming the path if it cannot be created.
  static Result<std::unique_ptr<BlockWriter>> Open(
      const std::string& path, std::shared_ptr<const ChannelSet> channels,
      WriterOptions options = {});

  /// Appends a block, which must carry exactly the channels given to Open, in their
  /// order. kInvalidArgument if it begins before the end of the previous one. A full disk
  /// is kIo naming the path.
  virtual Status Write(const SeriesBlock& block) = 0;

  /// Finishes the file and puts it under its name. Without any block: a valid file
  /// without samples.
  virtual Status Close() = 0;

  /// Bytes of samples given to Write so far.
  virtual int64_t bytes_written() const = 0;
};

}  // namespace carryall::files
