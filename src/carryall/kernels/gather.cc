#include "carryall/kernels/gather.h"

#include <algorithm>
#include <cstring>

namespace carryall::kernels {

int64_t Gather(std::span<const Run> runs, uint8_t* dst) {
  uint8_t* at = dst;
  for (const Run& run : runs) {
    // A call costs more than the copy of one sample, the common run of wide batches.
    if (run.bytes == 8) {
      std::memcpy(at, run.src, 8);
    } else if (run.bytes == 4) {
      std::memcpy(at, run.src, 4);
    } else if (run.bytes > 0) {
      std::memcpy(at, run.src, static_cast<size_t>(run.bytes));
    }
    at += run.bytes;
  }
  return at - dst;
}

void Fill(uint8_t* dst, const void* value, int64_t width, int64_t count) {
  const int64_t total = width * count;
  if (total <= 0) return;
  std::memcpy(dst, value, static_cast<size_t>(width));
  for (int64_t done = width; done < total;) {
    const int64_t now = std::min(done, total - done);
    std::memcpy(dst + done, dst, static_cast<size_t>(now));
    done += now;
  }
}

}  // namespace carryall::kernels
