#pragma once

#include <cstdint>

/// Operations on validity bitmaps as Arrow lays them out: least significant bit first, a
/// set bit is a sample that is there. Masks are as numpy.ma's: one byte a sample, 1 =
/// missing.
///
/// Offsets and lengths count bits (or samples), are not negative and may have any value;
/// no function touches a byte in which none of its bits lies, and bits of a written
/// bitmap outside the range keep their value. No alignment is asked of any pointer. Each
/// call runs the fastest version the CPU has (dispatch.h). Thread safe.
namespace carryall::kernels {

/// mask[i] = bit (offset + i) is set ? 0 : 1.
void MaskFromBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* mask);

/// Bit (offset + i) = mask[i] is zero ? 1 : 0.
void BitmapFromMask(const uint8_t* mask, int64_t length, uint8_t* bits, int64_t offset);

int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length);

/// Sets bits [offset, offset + length) to `value`.
void SetBits(uint8_t* bits, int64_t offset, int64_t length, bool value);

/// The ranges must not overlap.
void CopyBits(const uint8_t* src, int64_t src_offset, int64_t length, uint8_t* dst,
              int64_t dst_offset);

/// Copies samples of `width` (1, 2, 4 or 8) bytes, writing zeros where bit (offset + i)
/// is cleared. `dst` may be equal to `src`; otherwise they must not overlap.
void CopyPresent(const uint8_t* src, int width, const uint8_t* bits, int64_t offset,
                 int64_t length, uint8_t* dst);

inline bool GetBit(const uint8_t* bits, int64_t i) {
  return (bits[i >> 3] >> (i & 7)) & 1;
}

}  // namespace carryall::kernels
