#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "carryall/codec/batch_layout.h"
#include "carryall/codec/list_slice.h"
#include "carryall/model/data_type.h"

namespace carryall::codec {

/// One record batch of a row message, where it lies: row i has the id `ids[i]` and the
/// samples [list.Offset(i), list.Offset(i) + list.Length(i)). Offsets have been checked.
struct MessageRows {
  int64_t time_ns = 0;           ///< of row 0, which speaks for all
  int64_t rows = 0;              ///< at least 1
  const uint8_t* ids = nullptr;  ///< uint32 each, any alignment
  ListSlice list;
  DataType type = DataType::kFloat64;
  /// Batches with the same number have the same type, ids, offsets and null lists: what
  /// was made of them once holds again.
  int64_t generation = 0;
};

/// Reads the messages of one topic: each a whole IPC stream of a schema `time, id, data`
/// and its batches (protocol 3.4), of which it copies nothing and believes nothing. A
/// message that is laid out like the one before costs a few comparisons and no
/// allocation; whose schema stays the same, no parsing of the schema.
///
/// Not thread safe. What it gives points into the message (or, of a compressed one, into
/// the reader) and is good until the next Read.
class RowMessageReader {
 public:
  explicit RowMessageReader(DecodeLimits limits = {}) : limits_(limits) {}

  /// The batches that have rows. kCorrupt or kInvalidArgument saying what is wrong with
  /// the message, kResourceExhausted over a limit; the next one may be read all the same.
  Result<std::span<const MessageRows>> Read(const uint8_t* data, int64_t size);

 private:
  /// What is remembered of the batches at one place in the messages.
  struct Known {
    std::vector<uint8_t> metadata;  ///< empty: not to be reused
    BatchLayout layout;
    std::vector<uint8_t> ids, offsets;
    int64_t rows = 0;  ///< of the ids and offsets; 0: none
    int64_t generation = 0;
    std::shared_ptr<arrow::Buffer> plain;  ///< a decompressed body
  };
  static constexpr size_t kKnown = 8;
  static constexpr size_t kMaxBatches = 1024;

  bool IsAsBefore(const uint8_t* data, int64_t size) const;
  Status ReadSchema(const uint8_t* data, int64_t size);
  Status ReadBatch(const uint8_t* metadata, int64_t metadata_size, const uint8_t* body,
                   int64_t body_room, int64_t* body_size);
  Status AddRows(Known* known, const uint8_t* body);

  const DecodeLimits limits_;
  std::vector<uint8_t> schema_;  ///< metadata of the last good one
  DataType type_ = DataType::kFloat64;
  uint8_t width_ = 8;
  std::vector<Known> known_;
  size_t batches_ = 0;  ///< read of this message, with and without rows
  std::vector<MessageRows> out_;
  /// The first bytes of the last message, up to the body of its only batch; empty: it was
  /// not like that.
  std::vector<uint8_t> head_;
  int64_t body_bytes_ = 0;
};

}  // namespace carryall::codec
