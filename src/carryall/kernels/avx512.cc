#include <immintrin.h>

#include "carryall/kernels/dispatch.h"
#include "carryall/kernels/words.h"

#define CARRYALL_TARGET __attribute__((target("avx512bw,avx512vl,popcnt")))

namespace carryall::kernels {
namespace {

CARRYALL_TARGET void MaskFromBits(const uint8_t* bits, int64_t offset, int64_t length,
                                  uint8_t* mask) {
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  const __m512i one = _mm512_set1_epi8(1);
  for (; length >= 64; length -= 64, p += 8, mask += 64) {
    _mm512_storeu_si512(mask, _mm512_maskz_mov_epi8(~LoadWord(p, shift), one));
  }
  if (length <= 0) return;
  _mm512_mask_storeu_epi8(mask, LowBits(length),
                          _mm512_maskz_mov_epi8(~LoadPart(p, shift, length), one));
}

CARRYALL_TARGET void BitsFromMask(const uint8_t* mask, int64_t length, uint8_t* bits,
                                  int64_t offset) {
  StoreMaskHead(&mask, &length, bits, &offset);
  for (; length >= 64; length -= 64, mask += 64, offset += 64) {
    const __m512i bytes = _mm512_loadu_si512(mask);
    const uint64_t word = _mm512_testn_epi8_mask(bytes, bytes);
    std::memcpy(bits + offset / 8, &word, 8);
  }
  if (length <= 0) return;
  const __m512i bytes = _mm512_maskz_loadu_epi8(LowBits(length), mask);
  StorePart(bits, offset, _mm512_testn_epi8_mask(bytes, bytes), length);
}

CARRYALL_TARGET int64_t Count(const uint8_t* bits, int64_t offset, int64_t length) {
  if (length <= 0) return 0;
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  int64_t count = 0;
  for (; length >= 64; length -= 64, p += 8) {
    count += _mm_popcnt_u64(LoadWord(p, shift));
  }
  return count + (length > 0 ? _mm_popcnt_u64(LoadPart(p, shift, length)) : 0);
}

/// Up to 64 samples; `within` has a bit for each.
template <int kWidth>
CARRYALL_TARGET inline void CopyBlock(const uint8_t* src, uint64_t word, uint64_t within,
                                      uint8_t* dst) {
  constexpr int kLanes = 64 / kWidth;
  for (int i = 0; i < kWidth && within != 0; ++i, src += 64, dst += 64) {
    if constexpr (kWidth == 1) {
      _mm512_mask_storeu_epi8(dst, within, _mm512_maskz_loadu_epi8(word, src));
    } else if constexpr (kWidth == 2) {
      _mm512_mask_storeu_epi16(
          dst, static_cast<__mmask32>(within),
          _mm512_maskz_loadu_epi16(static_cast<__mmask32>(word), src));
    } else if constexpr (kWidth == 4) {
      _mm512_mask_storeu_epi32(
          dst, static_cast<__mmask16>(within),
          _mm512_maskz_loadu_epi32(static_cast<__mmask16>(word), src));
    } else {
      _mm512_mask_storeu_epi64(
          dst, static_cast<__mmask8>(within),
          _mm512_maskz_loadu_epi64(static_cast<__mmask8>(word), src));
    }
    word >>= kLanes & 63;
    within >>= kLanes & 63;
  }
}

template <int kWidth>
CARRYALL_TARGET void CopyWidth(const uint8_t* src, const uint8_t* bits, int64_t offset,
                               int64_t length, uint8_t* dst) {
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  for (; length >= 64; length -= 64, p += 8, src += 64 * kWidth, dst += 64 * kWidth) {
    CopyBlock<kWidth>(src, LoadWord(p, shift), ~uint64_t{0}, dst);
  }
  if (length > 0)
    CopyBlock<kWidth>(src, LoadPart(p, shift, length), LowBits(length), dst);
}

void CopyWhole(const uint8_t* src, int width, const uint8_t* bits, int64_t offset,
               int64_t length, uint8_t* dst) {
  switch (width) {
    case 1:
      return CopyWidth<1>(src, bits, offset, length, dst);
    case 2:
      return CopyWidth<2>(src, bits, offset, length, dst);
    case 4:
      return CopyWidth<4>(src, bits, offset, length, dst);
    default:
      return CopyWidth<8>(src, bits, offset, length, dst);
  }
}

}  // namespace

Implementation Avx512Implementation() {
  return {"avx512", MaskFromBits, BitsFromMask, Count, CopyWhole};
}

}  // namespace carryall::kernels
