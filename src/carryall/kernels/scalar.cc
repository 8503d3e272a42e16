#include "carryall/kernels/scalar.h"

namespace carryall::kernels::scalar {
namespace {

bool Get(const uint8_t* bits, int64_t i) { return (bits[i / 8] >> (i % 8)) & 1; }

void Set(uint8_t* bits, int64_t i, bool value) {
  const auto bit = static_cast<uint8_t>(1 << (i % 8));
  if (value) {
    bits[i / 8] |= bit;
  } else {
    bits[i / 8] &= static_cast<uint8_t>(~bit);
  }
}

}  // namespace

void MaskFromBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* mask) {
  for (int64_t i = 0; i < length; ++i) mask[i] = Get(bits, offset + i) ? 0 : 1;
}

void BitmapFromMask(const uint8_t* mask, int64_t length, uint8_t* bits, int64_t offset) {
  for (int64_t i = 0; i < length; ++i) Set(bits, offset + i, mask[i] == 0);
}

int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length) {
  int64_t count = 0;
  for (int64_t i = 0; i < length; ++i) count += Get(bits, offset + i) ? 1 : 0;
  return count;
}

void SetBits(uint8_t* bits, int64_t offset, int64_t length, bool value) {
  for (int64_t i = 0; i < length; ++i) Set(bits, offset + i, value);
}

void CopyBits(const uint8_t* src, int64_t src_offset, int64_t length, uint8_t* dst,
              int64_t dst_offset) {
  for (int64_t i = 0; i < length; ++i) Set(dst, dst_offset + i, Get(src, src_offset + i));
}

void CopyPresent(const uint8_t* src, int width, const uint8_t* bits, int64_t offset,
                 int64_t length, uint8_t* dst) {
  for (int64_t i = 0; i < length; ++i) {
    for (int b = 0; b < width; ++b) {
      dst[i * width + b] = Get(bits, offset + i) ? src[i * width + b] : uint8_t{0};
    }
  }
}

}  // namespace carryall::kernels::scalar
