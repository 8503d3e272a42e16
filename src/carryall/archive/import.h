#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "carryall/archive/archive_writer.h"
#include "carryall/files/reader.h"

namespace carryall::archive {

struct ImportProgress {
  std::string path;            ///< of the file being read
  size_t file = 0, files = 0;  ///< its number from 0, and how many there are
  int64_t bytes = 0;           ///< of samples, in all files so far
  GpsTime time;                ///< end of what was read last
};

struct ImportOptions {
  std::function<void(const ImportProgress&)> progress;  ///< called for each block
  std::stop_token stop;  ///< requested: kCancelled, the archive stays as it was
  files::ReaderOptions reader;
  WriterOptions writer;
};

struct ImportReport {
  WriteReport written;
  size_t files = 0;
  std::vector<std::string> skipped;  ///< "<file>: <part>: <reason>"
};

/// Reads files (files::BlockReader says which kinds) into an archive: all of them, or
/// none. Safe to repeat. Errors name the file, and what they are about in it.
Result<ImportReport> ImportFiles(const std::vector<std::string>& paths,
                                 const std::string& archive,
                                 const ImportOptions& options = {});

}  // namespace carryall::archive
