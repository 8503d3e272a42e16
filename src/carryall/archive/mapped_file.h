#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "carryall/base/status.h"

namespace carryall::archive {

/// Bytes [begin, end) of a file.
struct ByteRange {
  int64_t begin = 0, end = 0;
};

/// A whole file in memory, read-only, for as long as this lives. Thread safe. The file
/// must not be cut short meanwhile: archives never change a segment in place.
class MappedFile {
 public:
  /// kNotFound, kIo, or kCorrupt if the file has not exactly `bytes` bytes.
  static Result<std::unique_ptr<const MappedFile>> Open(const std::string& path,
                                                        int64_t bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  int64_t size() const { return size_; }
  /// Asks the kernel to read a range ahead; does not wait.
  void Prefetch(ByteRange range) const;

 private:
  MappedFile(const uint8_t* data, int64_t size) : data_(data), size_(size) {}
  const uint8_t* data_;
  int64_t size_;
};

}  // namespace carryall::archive
