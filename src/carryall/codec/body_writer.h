#pragma once

#include <arrow/buffer.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>

#include <memory>
#include <span>
#include <vector>

#include "carryall/base/status.h"
#include "carryall/kernels/gather.h"
#include "carryall/model/series_block.h"

namespace carryall::codec {

/// Keeps the memory under a block's views alive.
using BlockOwners = std::shared_ptr<const std::vector<MemoryOwner>>;

/// A buffer over memory that a block's owners keep alive.
std::shared_ptr<arrow::Buffer> ReferTo(const uint8_t* data, int64_t bytes,
                                       BlockOwners owners);

/// Builds the body of one message from pieces. Big runs of samples are referenced, small
/// ones copied into an arena; runs that lie side by side in memory count as one. A
/// referenced piece always starts and ends at a multiple of 8 bytes (the bytes before and
/// after go to the arena), so transports that pad every piece to 8 bytes add nothing.
/// Internal to codec.
class BodyWriter {
 public:
  struct Piece {
    const uint8_t* data;
    int64_t bytes;
    bool in_arena;
  };
  /// Bytes of a block that were copied into the arena.
  struct Copied {
    int64_t at;  ///< in the arena
    const uint8_t* src;
    int64_t bytes;
  };

  /// Runs shorter than this are copied.
  static constexpr int64_t kReferenceBytes = 8192;

  /// What the arena needs at most for a run of samples, and for anything else.
  static int64_t ArenaBytesForRun(int64_t bytes) {
    return bytes < kReferenceBytes ? bytes + 8 : 16;
  }
  static int64_t ArenaBytes(int64_t bytes) { return bytes + 8; }

  /// `arena_bytes`: the sum of the above over everything that will be appended.
  static Result<BodyWriter> Make(int64_t arena_bytes, BlockOwners owners,
                                 arrow::MemoryPool* pool);

  int64_t position() const { return position_ + small_bytes_ + run_bytes_; }
  /// Room for `bytes` to be written before anything else is appended.
  uint8_t* Append(int64_t bytes);
  void AppendRun(const uint8_t* src, int64_t bytes);
  void AppendZeros(int64_t bytes);
  /// Zeros up to a multiple of 8.
  void Pad();
  /// Puts buffers and lengths into the payload.
  void Finish(arrow::ipc::IpcPayload* payload);

  /// From the start: notes what was copied.
  void Record(std::vector<Copied>* copied) { copied_ = copied; }
  /// After Finish.
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::span<const uint8_t> arena() const { return {arena_->data(), next_}; }
  /// Whether these bytes are nobody's but zeros.
  static bool AreZeros(const uint8_t* data);

 private:
  BodyWriter(std::shared_ptr<arrow::Buffer> arena, BlockOwners owners)
      : arena_(std::move(arena)),
        owners_(std::move(owners)),
        next_(arena_->mutable_data()) {}

  uint8_t* Take(int64_t bytes);
  void Copy(const uint8_t* src, int64_t bytes);
  void CloseRun();
  void Drain();

  std::shared_ptr<arrow::Buffer> arena_;
  BlockOwners owners_;
  uint8_t* next_;
  int64_t position_ = 0;  ///< without what waits
  /// What waits: runs to be copied, and the one that may still grow.
  std::vector<kernels::Run> small_;
  int64_t small_bytes_ = 0;
  const uint8_t* run_ = nullptr;
  int64_t run_bytes_ = 0;
  std::vector<Piece> pieces_;
  std::vector<Copied>* copied_ = nullptr;
};

}  // namespace carryall::codec
