#include "carryall/relay/stride_memory.h"

#include <mutex>
#include <vector>

namespace carryall::relay {
namespace {

class StrideMemoryImpl final : public StrideMemory {
 public:
  StrideMemoryImpl(int64_t bytes, arrow::MemoryPool* pool) : bytes_(bytes), pool_(pool) {}
  ~StrideMemoryImpl() override {
    Trim();
    for (void* node : nodes_) ::operator delete(node);
  }

  Result<std::shared_ptr<uint8_t>> Take() override;
  void Trim() override;
  int64_t bytes() const override { return bytes_; }

  void GiveBack(uint8_t* piece) {
    const std::lock_guard lock(mutex_);
    pieces_.push_back(piece);
  }
  /// What shared_ptr keeps its counts in: all of one size.
  void* TakeNode(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (!nodes_.empty()) {
        void* const node = nodes_.back();
        nodes_.pop_back();
        return node;
      }
    }
    return ::operator new(bytes);
  }
  void GiveNodeBack(void* node) {
    const std::lock_guard lock(mutex_);
    nodes_.push_back(node);
  }

 private:
  const int64_t bytes_;
  arrow::MemoryPool* const pool_;
  std::mutex mutex_;
  std::vector<uint8_t*> pieces_;
  std::vector<void*> nodes_;
};

template <typename T>
struct NodeAllocator {
  using value_type = T;
  explicit NodeAllocator(std::shared_ptr<StrideMemoryImpl> from)
      : memory(std::move(from)) {}
  template <typename U>
  NodeAllocator(const NodeAllocator<U>& other)  // NOLINT(google-explicit-constructor)
      : memory(other.memory) {}
  T* allocate(size_t n) { return static_cast<T*>(memory->TakeNode(n * sizeof(T))); }
  void deallocate(T* node, size_t) { memory->GiveNodeBack(node); }
  template <typename U>
  bool operator==(const NodeAllocator<U>& other) const {
    return memory == other.memory;
  }

  std::shared_ptr<StrideMemoryImpl> memory;
};

Result<std::shared_ptr<uint8_t>> StrideMemoryImpl::Take() {
  uint8_t* piece = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!pieces_.empty()) {
      piece = pieces_.back();
      pieces_.pop_back();
    }
  }
  if (piece == nullptr) {
    const Status allocated = pool_->Allocate(bytes_, &piece);
    if (!allocated.ok()) {
      return Error(ErrorKind::kResourceExhausted,
                   "no memory for a stride of {} bytes: {}", bytes_, allocated.message());
    }
  }
  auto self = std::static_pointer_cast<StrideMemoryImpl>(shared_from_this());
  StrideMemoryImpl* const raw = self.get();
  return std::shared_ptr<uint8_t>(
      piece, [raw](uint8_t* given) { raw->GiveBack(given); },
      NodeAllocator<uint8_t>(std::move(self)));
}

void StrideMemoryImpl::Trim() {
  const std::lock_guard lock(mutex_);
  for (uint8_t* piece : pieces_) pool_->Free(piece, bytes_);
  pieces_.clear();
}

}  // namespace

std::shared_ptr<StrideMemory> StrideMemory::Make(int64_t bytes, arrow::MemoryPool* pool) {
  return std::make_shared<StrideMemoryImpl>(bytes, pool);
}

}  // namespace carryall::relay
