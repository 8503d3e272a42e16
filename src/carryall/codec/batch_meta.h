#pragma once

#include <cstdint>

#include "carryall/base/status.h"
#include "carryall/codec/bytes.h"

namespace carryall::codec {

enum class BodyCodec : uint8_t { kNone, kLz4Frame, kZstd };

/// The tables of one RecordBatch message, found in its flatbuffer by a walk that believes
/// nothing: every position has been checked against the size. What the tables say has
/// not. Points into the metadata bytes, which must outlive it. Internal to codec.
struct BatchMeta {
  struct Node {
    int64_t length, null_count;
  };
  struct Place {
    int64_t offset, length;
  };

  int64_t rows = 0;
  int64_t body_length = 0;
  int64_t node_count = 0;
  int64_t buffer_count = 0;
  BodyCodec codec = BodyCodec::kNone;
  const uint8_t* nodes = nullptr;    ///< node_count times Node, any alignment
  const uint8_t* buffers = nullptr;  ///< buffer_count times Place, any alignment
  /// Where those numbers stand, for patching; -1: left out, being 0.
  int64_t rows_at = -1;
  int64_t body_length_at = -1;

  Node node(int64_t i) const { return Load<Node>(nodes + i * 16); }
  Place buffer(int64_t i) const { return Load<Place>(buffers + i * 16); }
};

/// kCorrupt if the bytes are not the metadata of a RecordBatch message, or of one with
/// variadic buffers (no sample type has any).
Status ParseBatchMeta(const uint8_t* data, int64_t size, BatchMeta* out);

}  // namespace carryall::codec
