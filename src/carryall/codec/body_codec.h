#pragma once

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <memory>
#include <vector>

#include "carryall/codec/batch_meta.h"
#include "carryall/codec/ipc_message.h"

namespace carryall::codec {

/// A body as it was before compression, and where its buffers now lie.
struct PlainBody {
  std::shared_ptr<arrow::Buffer> body;
  std::vector<BatchMeta::Place> places;
};

/// Undoes the compression of a body whose message says it has some. What the buffers
/// claim to be is added up and compared with the limit before anything is allocated:
/// kCorrupt or kResourceExhausted. Internal to codec.
Result<PlainBody> DecompressBody(const BatchMeta& meta, const arrow::Buffer& body,
                                 const DecodeLimits& limits, arrow::MemoryPool* pool);

}  // namespace carryall::codec
