#include <immintrin.h>

#include "carryall/kernels/dispatch.h"
#include "carryall/kernels/words.h"

#define CARRYALL_TARGET __attribute__((target("avx2,popcnt")))

namespace carryall::kernels {
namespace {

/// 32 bytes, all ones where the bit is set.
CARRYALL_TARGET inline __m256i Spread8(uint32_t word) {
  const __m256i which = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
                                         2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i spread =
      _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(word)), which);
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

CARRYALL_TARGET inline __m256i Spread16(uint64_t word) {
  const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048,
                                        4096, 8192, 16384, -32768);
  const __m256i spread = _mm256_set1_epi16(static_cast<int16_t>(word));
  return _mm256_cmpeq_epi16(_mm256_and_si256(spread, bit), bit);
}

CARRYALL_TARGET inline __m256i Spread32(uint64_t word) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i spread = _mm256_set1_epi32(static_cast<int>(word));
  return _mm256_cmpeq_epi32(_mm256_and_si256(spread, bit), bit);
}

CARRYALL_TARGET inline __m256i Spread64(uint64_t word) {
  const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
  const __m256i spread = _mm256_set1_epi64x(static_cast<int64_t>(word));
  return _mm256_cmpeq_epi64(_mm256_and_si256(spread, bit), bit);
}

CARRYALL_TARGET inline __m256i Load(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

CARRYALL_TARGET inline void Store(uint8_t* p, __m256i v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}

CARRYALL_TARGET void MaskFromBits(const uint8_t* bits, int64_t offset, int64_t length,
                                  uint8_t* mask) {
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  const __m256i one = _mm256_set1_epi8(1);
  for (; length >= 64; length -= 64, p += 8, mask += 64) {
    const uint64_t word = LoadWord(p, shift);
    Store(mask, _mm256_andnot_si256(Spread8(static_cast<uint32_t>(word)), one));
    Store(mask + 32,
          _mm256_andnot_si256(Spread8(static_cast<uint32_t>(word >> 32)), one));
  }
  if (length <= 0) return;
  uint64_t word = LoadPart(p, shift, length);
  for (; length > 0; --length, word >>= 1) *mask++ = static_cast<uint8_t>(~word & 1);
}

CARRYALL_TARGET void BitsFromMask(const uint8_t* mask, int64_t length, uint8_t* bits,
                                  int64_t offset) {
  StoreMaskHead(&mask, &length, bits, &offset);
  const __m256i zero = _mm256_setzero_si256();
  for (; length >= 64; length -= 64, mask += 64, offset += 64) {
    const __m256i low = _mm256_cmpeq_epi8(Load(mask), zero);
    const __m256i high = _mm256_cmpeq_epi8(Load(mask + 32), zero);
    const uint64_t word =
        static_cast<uint32_t>(_mm256_movemask_epi8(low)) |
        static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
    std::memcpy(bits + offset / 8, &word, 8);
  }
  for (; length > 0; --length, ++mask, ++offset) StorePart(bits, offset, *mask == 0, 1);
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

/// 64 samples.
template <int kWidth>
CARRYALL_TARGET inline void CopyBlock(const uint8_t* src, uint64_t word, uint8_t* dst) {
  for (int at = 0; at < 64 * kWidth; at += 32, word >>= (32 / kWidth) & 63) {
    const __m256i keep = kWidth == 1   ? Spread8(static_cast<uint32_t>(word))
                         : kWidth == 2 ? Spread16(word)
                         : kWidth == 4 ? Spread32(word)
                                       : Spread64(word);
    Store(dst + at, _mm256_and_si256(Load(src + at), keep));
  }
}

template <int kWidth>
CARRYALL_TARGET void CopyWidth(const uint8_t* src, const uint8_t* bits, int64_t offset,
                               int64_t length, uint8_t* dst) {
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  for (; length >= 64; length -= 64, p += 8, src += 64 * kWidth, dst += 64 * kWidth) {
    CopyBlock<kWidth>(src, LoadWord(p, shift), dst);
  }
  if (length <= 0) return;
  alignas(32) uint8_t rest[64 * kWidth] = {};
  std::memcpy(rest, src, static_cast<size_t>(length * kWidth));
  CopyBlock<kWidth>(rest, LoadPart(p, shift, length), rest);
  std::memcpy(dst, rest, static_cast<size_t>(length * kWidth));
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

Implementation Avx2Implementation() {
  return {"avx2", MaskFromBits, BitsFromMask, Count, CopyWhole};
}

}  // namespace carryall::kernels
