#include "carryall/codec/prepared_body.h"

#include <cstring>

#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"

namespace carryall::codec {

Result<std::optional<arrow::ipc::IpcPayload>> PreparedBody::Write(
    const SeriesBlock& block, arrow::MemoryPool* pool) const {
  if (metadata_ == nullptr || block.duration() != duration_) return std::nullopt;
  const auto moved = block.views().MovedFrom(views_);
  if (!moved) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> arena,
                        arrow::AllocateBuffer(static_cast<int64_t>(arena_.size()), pool));
  uint8_t* const to = arena->mutable_data();
  std::memcpy(to, arena_.data(), arena_.size());
  for (int64_t i = 0; i < times_.count; ++i) {
    Store(to + 8 * i, (block.time() + times_.step * i).ns());
  }
  int64_t copied = 0;
  for (const BodyWriter::Copied& part : copied_) {
    const uint8_t* const src = part.src + *moved;
    if (part.bytes == 4) {
      std::memcpy(to + part.at, src, 4);
    } else if (part.bytes == 8) {
      std::memcpy(to + part.at, src, 8);
    } else {
      std::memcpy(to + part.at, src, static_cast<size_t>(part.bytes));
    }
    copied += part.bytes;
  }
  CountCopy(copied);
  arrow::ipc::IpcPayload payload;
  payload.type = arrow::ipc::MessageType::RECORD_BATCH;
  payload.metadata = metadata_;
  payload.body_length = payload.raw_body_length = body_length_;
  payload.body_buffers.reserve(pieces_.size());
  BlockOwners owners;
  for (const BodyWriter::Piece& piece : pieces_) {
    if (piece.in_arena) {
      payload.body_buffers.push_back(
          arrow::SliceBuffer(arena, piece.data - arena_.data(), piece.bytes));
      continue;
    }
    if (owners == nullptr) {
      owners = std::make_shared<const std::vector<MemoryOwner>>(block.owners());
    }
    const bool zeros = BodyWriter::AreZeros(piece.data);
    payload.body_buffers.push_back(
        ReferTo(zeros ? piece.data : piece.data + *moved, piece.bytes, owners));
  }
  return payload;
}

std::vector<BodyWriter::Copied>* PreparedBody::Watch(const SeriesBlock& block) {
  const bool again = block.views().MovedFrom(seen_).has_value();
  seen_ = block.views();
  if (!again) return nullptr;
  for (const SampleView view : seen_) {
    if (view.validity != nullptr) return nullptr;
  }
  metadata_ = nullptr;
  copied_.clear();
  return &copied_;
}

void PreparedBody::Remember(const SeriesBlock& block, const BodyWriter& body, Times times,
                            const arrow::ipc::IpcPayload& payload) {
  views_ = block.views();
  duration_ = block.duration();
  times_ = times;
  const std::span<const uint8_t> arena = body.arena();
  arena_.assign(arena.begin(), arena.end());
  pieces_ = body.pieces();
  for (BodyWriter::Piece& piece : pieces_) {
    if (piece.in_arena) piece.data = arena_.data() + (piece.data - arena.data());
  }
  metadata_ = payload.metadata;
  body_length_ = payload.body_length;
}

}  // namespace carryall::codec
