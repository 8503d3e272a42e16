#include "carryall/archive/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "carryall/files/output_file.h"

namespace carryall::archive {

Result<std::unique_ptr<const MappedFile>> MappedFile::Open(const std::string& path,
                                                           int64_t bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return Error(ErrorKind::kNotFound, "no such file: {}", path);
    return files::SystemError(errno, "open", path);
  }
  struct stat info = {};
  void* data = MAP_FAILED;
  const bool known = fstat(fd, &info) == 0;
  if (known && info.st_size == bytes)
    data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  const int failed = errno;
  close(fd);
  if (known && info.st_size != bytes) {
    return Error(ErrorKind::kCorrupt, "archive file has {} bytes, not {}: {}",
                 info.st_size, bytes, path);
  }
  if (data == MAP_FAILED) return files::SystemError(failed, "map", path);
  // Many columns are read side by side: what the kernel guesses to be next is wrong.
  madvise(data, bytes, MADV_RANDOM);
  return std::unique_ptr<const MappedFile>(
      new MappedFile(static_cast<const uint8_t*>(data), bytes));
}

MappedFile::~MappedFile() { munmap(const_cast<uint8_t*>(data_), size_); }

void MappedFile::Prefetch(ByteRange range) const {
  static const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t begin = std::max<int64_t>(range.begin, 0) / page * page;
  const int64_t end = std::min(range.end, size_);
  if (begin >= end) return;
  madvise(const_cast<uint8_t*>(data_) + begin, end - begin, MADV_WILLNEED);
}

}  // namespace carryall::archive
