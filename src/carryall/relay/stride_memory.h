#pragma once

#include <arrow/memory_pool.h>

#include <memory>

#include "carryall/base/status.h"

namespace carryall::relay {

/// Memory for the strides of one stream, all of one size, used again when the last owner
/// of a piece is gone. Once as many pieces exist as are needed at a time, taking one
/// allocates nothing, not even for its count of owners. Thread safe; lives until the last
/// piece is gone.
class StrideMemory : public std::enable_shared_from_this<StrideMemory> {
 public:
  /// `pool` outlives what came from it.
  static std::shared_ptr<StrideMemory> Make(int64_t bytes, arrow::MemoryPool* pool);
  virtual ~StrideMemory() = default;

  /// A piece whose content is whatever it was. kResourceExhausted if the pool has no
  /// more.
  virtual Result<std::shared_ptr<uint8_t>> Take() = 0;
  /// Gives what nobody uses back to the pool.
  virtual void Trim() = 0;
  virtual int64_t bytes() const = 0;
};

}  // namespace carryall::relay
