#include "carryall/codec/body_writer.h"

#include <cassert>
#include <cstring>

#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"

namespace carryall::codec {
namespace {

class BlockBuffer final : public arrow::Buffer {
 public:
  BlockBuffer(const uint8_t* data, int64_t bytes, BlockOwners owners)
      : arrow::Buffer(data, bytes), owners_(std::move(owners)) {}

 private:
  BlockOwners owners_;
};

// Not const, so that it takes no room in the binary and, never written, none in memory.
constexpr int64_t kZeroBytes = 1 << 20;
alignas(64) uint8_t g_zeros[kZeroBytes];

}  // namespace

std::shared_ptr<arrow::Buffer> ReferTo(const uint8_t* data, int64_t bytes,
                                       BlockOwners owners) {
  return std::make_shared<BlockBuffer>(data, bytes, std::move(owners));
}

Result<BodyWriter> BodyWriter::Make(int64_t arena_bytes, BlockOwners owners,
                                    arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> arena,
                        arrow::AllocateBuffer(arena_bytes, pool));
  return BodyWriter(std::move(arena), std::move(owners));
}

bool BodyWriter::AreZeros(const uint8_t* data) {
  return data >= g_zeros && data < g_zeros + kZeroBytes;
}

uint8_t* BodyWriter::Take(int64_t bytes) {
  assert(next_ + bytes <= arena_->data() + arena_->size());
  uint8_t* at = next_;
  if (bytes == 0) return at;
  if (!pieces_.empty() && pieces_.back().in_arena) {
    pieces_.back().bytes += bytes;
  } else {
    pieces_.push_back({at, bytes, true});
  }
  next_ += bytes;
  position_ += bytes;
  return at;
}

void BodyWriter::Copy(const uint8_t* src, int64_t bytes) {
  if (bytes == 0) return;
  small_.push_back({src, bytes});
  small_bytes_ += bytes;
}

void BodyWriter::CloseRun() {
  const uint8_t* src = run_;
  int64_t bytes = run_bytes_;
  run_bytes_ = 0;
  if (bytes < kReferenceBytes) return Copy(src, bytes);
  const int64_t head = RoundUp8(position()) - position();
  Copy(src, head);
  Drain();
  src += head;
  bytes -= head;
  const int64_t whole = bytes & ~int64_t{7};
  pieces_.push_back({src, whole, false});
  position_ += whole;
  Copy(src + whole, bytes - whole);
}

void BodyWriter::Drain() {
  if (small_.empty()) return;
  const int64_t bytes = small_bytes_;
  small_bytes_ = 0;
  uint8_t* const to = Take(bytes);
  if (copied_ != nullptr) {
    int64_t at = to - arena_->data();
    for (const kernels::Run& run : small_) {
      copied_->push_back({at, run.src, run.bytes});
      at += run.bytes;
    }
  }
  kernels::Gather(small_, to);
  small_.clear();
  CountCopy(bytes);
}

uint8_t* BodyWriter::Append(int64_t bytes) {
  CloseRun();
  Drain();
  return Take(bytes);
}

void BodyWriter::AppendRun(const uint8_t* src, int64_t bytes) {
  if (src == run_ + run_bytes_ && run_bytes_ > 0) {
    run_bytes_ += bytes;
    return;
  }
  CloseRun();
  run_ = src;
  run_bytes_ = bytes;
}

void BodyWriter::AppendZeros(int64_t bytes) {
  if (bytes < kReferenceBytes) {
    std::memset(Append(bytes), 0, static_cast<size_t>(bytes));
    return;
  }
  const int64_t head = RoundUp8(position()) - position();
  std::memset(Append(head), 0, static_cast<size_t>(head));
  bytes -= head;
  for (; bytes > 0; bytes -= kZeroBytes) {
    const int64_t now = bytes < kZeroBytes ? bytes : kZeroBytes;
    const int64_t whole = now & ~int64_t{7};
    pieces_.push_back({g_zeros, whole, false});
    position_ += whole;
    std::memset(Take(now - whole), 0, static_cast<size_t>(now - whole));
  }
}

void BodyWriter::Pad() {
  const int64_t zeros = RoundUp8(position()) - position();
  std::memset(Append(zeros), 0, static_cast<size_t>(zeros));
}

void BodyWriter::Finish(arrow::ipc::IpcPayload* payload) {
  Pad();
  payload->body_buffers.clear();
  payload->body_buffers.reserve(pieces_.size());
  for (const Piece& piece : pieces_) {
    payload->body_buffers.push_back(
        piece.in_arena
            ? arrow::SliceBuffer(arena_, piece.data - arena_->data(), piece.bytes)
            : ReferTo(piece.data, piece.bytes, owners_));
  }
  payload->body_length = position_;
  payload->raw_body_length = position_;
}

}  // namespace carryall::codec
