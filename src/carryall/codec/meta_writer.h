#pragma once

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <memory>
#include <vector>

#include "carryall/base/status.h"

namespace carryall::codec {

/// Writes the metadata of a stream's record batch messages: Arrow's writer makes those of
/// one batch, after which only lengths, null counts and places are patched. A message
/// whose numbers are those of the one before gets the very same buffer. Internal to
/// codec; not thread safe.
class MetaWriter {
 public:
  static Result<MetaWriter> Make(const std::shared_ptr<arrow::Schema>& schema);

  void Begin(int64_t rows);
  /// Nodes and places in the order of the schema, as many as it has.
  void AddNode(int64_t length, int64_t null_count) { Put(&node_at_, length, null_count); }
  void AddPlace(int64_t offset, int64_t length) { Put(&buffer_at_, offset, length); }
  Result<std::shared_ptr<arrow::Buffer>> Finish(int64_t body_length,
                                                arrow::MemoryPool* pool);

 private:
  void Put(int64_t* at, int64_t first, int64_t second);
  void Patch(int64_t at, int64_t value);

  std::vector<uint8_t> bytes_;
  int64_t rows_at_ = 0, body_length_at_ = 0, nodes_at_ = 0, buffers_at_ = 0;
  int64_t node_at_ = 0, buffer_at_ = 0;
  bool changed_ = true;
  std::shared_ptr<arrow::Buffer> last_;
};

}  // namespace carryall::codec
