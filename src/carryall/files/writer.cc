#include "carryall/files/writer.h"

#include <sys/stat.h>

#include <algorithm>

#include "carryall/files/arrow_writer.h"
#include "carryall/files/hdf5_writer.h"
#include "carryall/files/output_file.h"

namespace carryall::files {

Result<FileFormat> FormatOfPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name =
      slash == std::string_view::npos ? path : path.substr(slash + 1);
  const size_t dot = name.rfind('.');
  std::string extension(dot == std::string_view::npos ? "" : name.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (extension == "h5" || extension == "hdf5" || extension == "hdf")
    return FileFormat::kHdf5;
  if (extension == "arrow" || extension == "feather") return FileFormat::kArrow;
  if (extension == "parquet") return FileFormat::kParquet;
  return Error(
      ErrorKind::kInvalidArgument,
      "cannot tell the kind of output file, expected a name that ends in .h5, .hdf5, "
      ".arrow or .parquet: '{}'",
      path.substr(0, 256));
}

Result<std::unique_ptr<BlockWriter>> BlockWriter::Open(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    WriterOptions options) {
  ARROW_ASSIGN_OR_RAISE(const FileFormat format, FormatOfPath(path));
  if (channels == nullptr || channels->size() == 0) {
    return Error(ErrorKind::kInvalidArgument, "no channels to write to {}", path);
  }
  struct stat info = {};
  if (stat(DirectoryOf(path).c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Error(ErrorKind::kIo, "cannot write {}: no such directory", path);
  }
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) {
      return Error(ErrorKind::kIo, "cannot write {}: not a regular file", path);
    }
    if (!options.overwrite) {
      return Error(ErrorKind::kInvalidArgument, "file exists: {}", path);
    }
  }
  options.buffered_bytes = std::max<int64_t>(options.buffered_bytes, 1);
  switch (format) {
    case FileFormat::kHdf5:
      return OpenHdf5Writer(path, std::move(channels), options);
    case FileFormat::kArrow:
      return OpenArrowWriter(path, std::move(channels), options);
    case FileFormat::kParquet:
      return OpenParquetWriter(path, std::move(channels), options);
  }
  return Error(ErrorKind::kInternal, "no writer for {}", path);
}

}  // namespace carryall::files
