#include "carryall/codec/big_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>

namespace carryall::codec {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kFromKernel = int64_t{4} << 20;
constexpr int64_t kKept = int64_t{256} << 20;
constexpr int64_t kPage = 4096;
constexpr int64_t kAlignment = 64;

constexpr int64_t RoundUp(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

Status NoMemory(int64_t bytes) {
  return Error(ErrorKind::kResourceExhausted, "no memory for {} bytes of samples", bytes);
}

/// Mapped blocks without an owner, the latest first.
class Spares {
 public:
  static Spares& Get() {
    static Spares& spares = *new Spares;  // results may outlive static objects
    return spares;
  }

  uint8_t* Take(int64_t size) {
    const std::lock_guard lock(mutex_);
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      if (block->size != size) continue;
      uint8_t* begin = block->begin;
      kept_ -= size;
      blocks_.erase(block);
      return begin;
    }
    return nullptr;
  }

  void Give(uint8_t* begin, int64_t size) {
    if (size > kKept || madvise(begin, static_cast<size_t>(size), MADV_FREE) != 0) {
      munmap(begin, static_cast<size_t>(size));
      return;
    }
    const std::lock_guard lock(mutex_);
    blocks_.push_front({begin, size});
    for (kept_ += size; kept_ > kKept; blocks_.pop_back()) {
      const Block& oldest = blocks_.back();
      munmap(oldest.begin, static_cast<size_t>(oldest.size));
      kept_ -= oldest.size;
    }
  }

 private:
  struct Block {
    uint8_t* begin;
    int64_t size;
  };
  std::mutex mutex_;
  std::list<Block> blocks_;
  int64_t kept_ = 0;
};

uint8_t* Map(int64_t size) {
  const int64_t mapped = size + kHugePage;
  void* raw = mmap(nullptr, static_cast<size_t>(mapped), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto* begin = static_cast<uint8_t*>(raw);
  const auto address = reinterpret_cast<intptr_t>(begin);
  uint8_t* aligned = begin + (RoundUp(address, kHugePage) - address);
  const auto trim = [](uint8_t* from, int64_t length) {
    if (length > 0) munmap(from, static_cast<size_t>(length));
  };
  trim(begin, aligned - begin);
  trim(aligned + size, begin + mapped - (aligned + size));
  madvise(aligned, static_cast<size_t>(size / kHugePage * kHugePage), MADV_HUGEPAGE);
  return aligned;
}

}  // namespace

Result<BigMemory> AllocateBig(int64_t bytes) {
  if (bytes < kFromKernel) {
    const int64_t size = RoundUp(bytes + 1, kAlignment);
    void* memory = std::aligned_alloc(kAlignment, static_cast<size_t>(size));
    if (memory == nullptr) return NoMemory(bytes);
    std::memset(memory, 0, static_cast<size_t>(size));
    return BigMemory{std::shared_ptr<uint8_t>(static_cast<uint8_t*>(memory),
                                              [](uint8_t* p) { std::free(p); }),
                     true};
  }
  const int64_t size = RoundUp(bytes, kPage);
  uint8_t* begin = Spares::Get().Take(size);
  const bool zeroed = begin == nullptr;
  if (zeroed) begin = Map(size);
  if (begin == nullptr) return NoMemory(bytes);
  return BigMemory{std::shared_ptr<uint8_t>(
                       begin, [size](uint8_t* p) { Spares::Get().Give(p, size); }),
                   zeroed};
}

}  // namespace carryall::codec
