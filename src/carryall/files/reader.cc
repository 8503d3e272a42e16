#include "carryall/files/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "carryall/files/arrow_reader.h"
#include "carryall/files/hdf5_reader.h"
#include "carryall/files/output_file.h"

namespace carryall::files {
namespace {

constexpr char kHdf5Magic[] = "\x89HDF\r\n\x1a\n";
constexpr char kArrowMagic[] = "ARROW1";
// A stream begins with the mark before every message's length.
constexpr char kStreamMark[] = "\xff\xff\xff\xff";

enum class Content { kHdf5, kArrowFile, kArrowStream };

struct Input {
  Content content;
  int64_t bytes;
};

bool StartsWith(const std::string& head, size_t at, const char* magic, size_t length) {
  return head.size() >= at + length && std::memcmp(head.data() + at, magic, length) == 0;
}

Result<Input> Inspect(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return Error(ErrorKind::kNotFound, "no such file: {}", path);
    return SystemError(errno, "open", path);
  }
  struct stat info = {};
  std::string head(4096 + 8, '\0');
  const bool known = fstat(fd, &info) == 0;
  const bool regular = known && S_ISREG(info.st_mode);
  const ssize_t got = regular ? pread(fd, head.data(), head.size(), 0) : 0;
  const int failed = errno;
  close(fd);
  if (!known || got < 0) return SystemError(failed, "read", path);
  if (!regular) return Error(ErrorKind::kInvalidArgument, "not a regular file: {}", path);
  if (info.st_size == 0)
    return Error(ErrorKind::kInvalidArgument, "file is empty: {}", path);
  head.resize(got);
  // A user block of 512, 1024, ... bytes may stand in front of HDF5's own header.
  for (size_t at : {0, 512, 1024, 2048, 4096}) {
    if (StartsWith(head, at, kHdf5Magic, 8)) return Input{Content::kHdf5, info.st_size};
  }
  if (StartsWith(head, 0, kArrowMagic, 6))
    return Input{Content::kArrowFile, info.st_size};
  if (StartsWith(head, 0, kStreamMark, 4))
    return Input{Content::kArrowStream, info.st_size};
  return Error(ErrorKind::kInvalidArgument,
               "file is neither HDF5 nor Arrow IPC, judged by its first bytes: {}", path);
}

}  // namespace

Result<std::unique_ptr<BlockReader>> BlockReader::Open(const std::string& path,
                                                       ReaderOptions options) {
  ARROW_ASSIGN_OR_RAISE(const Input input, Inspect(path));
  if (input.content == Content::kHdf5) return OpenHdf5(path, input.bytes, options);
  return OpenArrow(path, input.bytes, input.content == Content::kArrowStream, options);
}

Result<std::unique_ptr<BlockReader>> BlockReader::FromStream(
    std::shared_ptr<arrow::io::InputStream> stream, const std::string& name,
    ReaderOptions options) {
  return OpenArrowStream(std::move(stream), name, options);
}

}  // namespace carryall::files
