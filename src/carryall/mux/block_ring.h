#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "carryall/mux/block_mux.h"

namespace carryall::mux {

/// What is left of a block that waits in a queue.
struct StoredBlock {
  GpsTime time;
  GpsTime end;
  Payload payload;
  GpsTime payload_time;  ///< where the block began when it was pushed
};

/// First in, first out; grows by doubling and keeps its memory.
class BlockRing {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  StoredBlock& front() { return slots_[head_]; }
  const StoredBlock& front() const { return slots_[head_]; }

  void PushBack(StoredBlock block) {
    if (size_ == slots_.size()) Grow();
    slots_[(head_ + size_) & (slots_.size() - 1)] = std::move(block);
    ++size_;
  }
  void PopFront() {
    slots_[head_].payload.reset();
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
  }

 private:
  void Grow() {
    std::vector<StoredBlock> larger(slots_.empty() ? 8 : 2 * slots_.size());
    for (size_t i = 0; i < size_; ++i) {
      larger[i] = std::move(slots_[(head_ + i) & (slots_.size() - 1)]);
    }
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<StoredBlock> slots_;  // a power of two
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace carryall::mux
