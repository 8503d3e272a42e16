#pragma once

#include <cstdint>
#include <cstring>

/// Up to 64 bits of a bitmap at once. Internal to kernels.
namespace carryall::kernels {

inline uint64_t LowBits(int64_t n) {
  return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
}

/// 64 bits from bit `shift` (0..7) of `p` on; touches byte 8 only if a bit of it is
/// needed.
inline uint64_t LoadWord(const uint8_t* p, int shift) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  if (shift == 0) return word;
  return (word >> shift) | (static_cast<uint64_t>(p[8]) << (64 - shift));
}

/// The same for `n` (0..63) bits; the others come out cleared.
inline uint64_t LoadPart(const uint8_t* p, int shift, int64_t n) {
  uint64_t word = 0;
  const int64_t bytes = (shift + n + 7) / 8;
  const uint64_t high = bytes == 9 ? static_cast<uint64_t>(p[8]) << (64 - shift) : 0;
  std::memcpy(&word, p, static_cast<size_t>(bytes == 9 ? 8 : bytes));
  return ((word >> shift) | high) & LowBits(n);
}

/// Writes the low `n` (0..64) bits of `word` to `bits` from `offset` on.
inline void StorePart(uint8_t* bits, int64_t offset, uint64_t word, int64_t n) {
  uint8_t* p = bits + offset / 8;
  int shift = static_cast<int>(offset % 8);
  while (n > 0) {
    const int64_t here = n < 8 - shift ? n : 8 - shift;
    const auto mask = static_cast<uint8_t>(LowBits(here) << shift);
    *p =
        static_cast<uint8_t>((*p & ~mask) | (static_cast<uint8_t>(word << shift) & mask));
    word >>= here;
    n -= here;
    shift = 0;
    ++p;
  }
}

/// Moves on, a mask byte at a time, until the bitmap is written at a whole byte.
inline void StoreMaskHead(const uint8_t** mask, int64_t* length, uint8_t* bits,
                          int64_t* offset) {
  for (; *length > 0 && *offset % 8 != 0; --*length, ++*mask, ++*offset) {
    StorePart(bits, *offset, **mask == 0, 1);
  }
}

}  // namespace carryall::kernels
