#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "carryall/files/hdf5_handle.h"
#include "carryall/files/reader.h"

namespace carryall::files {

/// A data set that is a series of samples.
struct Hdf5Series {
  std::string path;  ///< inside the file
  FileSeries series;
  int64_t first_sample = 0;  ///< on the grid of its rate (model/sample_grid.h)
  int64_t samples = 0;
  bool nan_is_gap = false;  ///< GWOSC writes NaN where there are no data
  std::string mask_path;  ///< a data set of as many bytes, not 0 = missing; may be empty
};

struct Hdf5Layout {
  std::vector<Hdf5Series> series;
  std::vector<std::string> skipped;  ///< "<data set>: <reason>"
};

/// Finds the series of an open file by the rules of docs/files.md. Reads no samples.
/// Follows hard links only, refuses data sets that are stored outside the file, and never
/// believes sizes that a file of `file_bytes` cannot hold. Errors name data set and
/// attribute, not the file. The session is held by the caller.
Result<Hdf5Layout> DiscoverHdf5(hid_t file, int64_t file_bytes);

}  // namespace carryall::files
