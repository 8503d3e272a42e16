#pragma once

#include <cstdint>

/// The oracle: one bit, one sample at a time, in the plainest words. Not for use outside
/// of tests and fuzzing.
namespace carryall::kernels::scalar {

void MaskFromBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* mask);
void BitmapFromMask(const uint8_t* mask, int64_t length, uint8_t* bits, int64_t offset);
int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length);
void SetBits(uint8_t* bits, int64_t offset, int64_t length, bool value);
void CopyBits(const uint8_t* src, int64_t src_offset, int64_t length, uint8_t* dst,
              int64_t dst_offset);
void CopyPresent(const uint8_t* src, int width, const uint8_t* bits, int64_t offset,
                 int64_t length, uint8_t* dst);

}  // namespace carryall::kernels::scalar
