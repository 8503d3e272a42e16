#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "carryall/files/output_file.h"
#include "carryall/model/channel.h"

namespace carryall::archive {

/// The stride that a channel of an archive is served with: 1/16 s where that is a whole
/// number of samples, else 1 s.
Duration DefaultStride(SampleRate rate);

/// The columns of some segments: channels in order of their names, with units. Segments
/// with the same channels share one. Immutable, thread safe. On disk an Arrow IPC file
/// whose name is the digest of what it says.
class ChannelTable {
 public:
  struct Row {
    Channel channel;
    std::string unit;
  };

  /// `rows` sorted by name, names distinct.
  static Result<std::shared_ptr<const ChannelTable>> Make(std::vector<Row> rows);
  /// Reads a file that Write wrote. kCorrupt naming `path` if it does not say what
  /// `digest` is the digest of.
  static Result<std::shared_ptr<const ChannelTable>> Read(const std::string& path,
                                                          uint64_t digest);
  /// Fills an open file; the caller keeps it.
  Status Write(arrow::io::OutputStream* out) const;

  uint64_t digest() const { return digest_; }
  size_t size() const { return rows_.size(); }
  const Row& row(size_t column) const { return rows_[column]; }
  const Channel& channel(size_t column) const { return rows_[column].channel; }
  /// The column of a channel, or -1.
  int32_t Find(std::string_view name) const;

 private:
  explicit ChannelTable(std::vector<Row> rows);
  std::vector<Row> rows_;
  uint64_t digest_ = 0;
};

}  // namespace carryall::archive
