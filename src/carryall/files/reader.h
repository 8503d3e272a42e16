#pragma once

#include <arrow/io/type_fwd.h>
#include <arrow/memory_pool.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/model/series_block.h"

namespace carryall::files {

/// A channel that a file holds.
struct FileSeries {
  Channel channel;    ///< name, data type and rate; the rest as far as the file says
  std::string unit;   ///< as the file writes it, may be empty
  std::string where;  ///< for messages: the data set or column inside the file
};

struct ReaderOptions {
  /// About how many bytes of samples one block holds.
  int64_t block_bytes = int64_t{16} << 20;
  /// Most memory that one block or record batch may ask for.
  int64_t max_batch_bytes = int64_t{4} << 30;
  arrow::MemoryPool* pool = arrow::default_memory_pool();
};

/// Reads the series of a file as blocks. Blocks of one channel come in time order unless
/// the file is out of order; blocks of different channels come in any order, and each
/// block has its own set of channels. Owned and called by one thread; several readers may
/// run in several threads (HDF5 takes turns: its library is not thread safe).
class BlockReader {
 public:
  virtual ~BlockReader() = default;

  /// HDF5 in the layouts of gwpy and GWOSC, an Arrow IPC file or an Arrow IPC stream,
  /// told apart by the first bytes. docs/files.md says what is understood. Errors name
  /// the file, the data set or column, and the attribute: kNotFound (no such file),
  /// kInvalidArgument (another kind of file, attributes missing or wrong), kCorrupt
  /// (damaged), kResourceExhausted (claims more than the caps).
  static Result<std::unique_ptr<BlockReader>> Open(const std::string& path,
                                                   ReaderOptions options = {});

  /// An Arrow IPC stream as it comes; `name` is what errors call it.
  static Result<std::unique_ptr<BlockReader>> FromStream(
      std::shared_ptr<arrow::io::InputStream> stream, const std::string& name,
      ReaderOptions options = {});

  /// What the file holds.
  virtual const std::vector<FileSeries>& series() const = 0;
  /// Parts of the file that are not series, each with the reason it is left out.
  virtual const std::vector<std::string>& skipped() const = 0;
  /// The next block, or nothing at the end.
  virtual Result<std::optional<SeriesBlock>> Next() = 0;
};

}  // namespace carryall::files
