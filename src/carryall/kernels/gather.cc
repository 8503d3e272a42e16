#include "carryall/kernels/gather.h"

#include <algorithm>
#include <cstring>

namespace carryall::kernels {
namespace {

template <size_t kBytes>
void CopyPieces(const uint8_t* src, int64_t src_stride, int64_t count, uint8_t* dst,
                int64_t dst_stride) {
  for (; count > 0; --count, src += src_stride, dst += dst_stride) {
    std::memcpy(dst, src, kBytes);
  }
}

}  // namespace

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

void CopyStrided(const uint8_t* src, int64_t src_stride, int64_t bytes, int64_t count,
                 uint8_t* dst, int64_t dst_stride) {
  if (count <= 0 || bytes <= 0) return;
  if (src_stride == bytes && dst_stride == bytes) {
    std::memcpy(dst, src, static_cast<size_t>(bytes * count));
    return;
  }
  switch (bytes) {
    case 1:
      return CopyPieces<1>(src, src_stride, count, dst, dst_stride);
    case 2:
      return CopyPieces<2>(src, src_stride, count, dst, dst_stride);
    case 4:
      return CopyPieces<4>(src, src_stride, count, dst, dst_stride);
    case 8:
      return CopyPieces<8>(src, src_stride, count, dst, dst_stride);
    default:
      break;
  }
  for (; count > 0; --count, src += src_stride, dst += dst_stride) {
    std::memcpy(dst, src, static_cast<size_t>(bytes));
  }
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
