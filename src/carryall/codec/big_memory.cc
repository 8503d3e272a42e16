#include "carryall/codec/big_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace carryall::codec {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kFromKernel = int64_t{4} << 20;
constexpr int64_t kPage = 4096;
constexpr int64_t kAlignment = 64;

constexpr int64_t RoundUp(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

Status NoMemory(int64_t bytes) {
  return Error(ErrorKind::kResourceExhausted, "no memory for {} bytes of samples", bytes);
}

}  // namespace

Result<std::shared_ptr<uint8_t>> AllocateZeroed(int64_t bytes) {
  if (bytes < kFromKernel) {
    const int64_t size = RoundUp(bytes + 1, kAlignment);
    void* memory = std::aligned_alloc(kAlignment, static_cast<size_t>(size));
    if (memory == nullptr) return NoMemory(bytes);
    std::memset(memory, 0, static_cast<size_t>(size));
    return std::shared_ptr<uint8_t>(static_cast<uint8_t*>(memory),
                                    [](uint8_t* p) { std::free(p); });
  }
  const int64_t size = RoundUp(bytes, kPage);
  const int64_t mapped = size + kHugePage;
  void* raw = mmap(nullptr, static_cast<size_t>(mapped), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return NoMemory(bytes);
  auto* begin = static_cast<uint8_t*>(raw);
  const auto address = reinterpret_cast<intptr_t>(begin);
  uint8_t* aligned = begin + (RoundUp(address, kHugePage) - address);
  const auto trim = [](uint8_t* from, int64_t length) {
    if (length > 0) munmap(from, static_cast<size_t>(length));
  };
  trim(begin, aligned - begin);
  trim(aligned + size, begin + mapped - (aligned + size));
  madvise(aligned, static_cast<size_t>(size / kHugePage * kHugePage), MADV_HUGEPAGE);
  return std::shared_ptr<uint8_t>(
      aligned, [size](uint8_t* p) { munmap(p, static_cast<size_t>(size)); });
}

}  // namespace carryall::codec
