#include "carryall/kernels/bitmap.h"
#include "carryall/kernels/dispatch.h"
#include "carryall/kernels/words.h"

namespace carryall::kernels {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kSevens = 0x7F7F7F7F7F7F7F7F;

/// Eight bits to eight bytes, inverted.
uint64_t Expand(uint64_t byte) {
  const uint64_t picked = (byte * kOnes) & 0x8040201008040201;
  return (((picked + kSevens) >> 7) & kOnes) ^ kOnes;
}

/// Eight bytes to eight bits: set where the byte is zero.
uint64_t Collapse(uint64_t bytes) {
  const uint64_t zero = ~((bytes & kSevens) + kSevens) & ~bytes;
  return (((zero >> 7) & kOnes) * 0x0102040810204080) >> 56;
}

void MaskFromBits(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* mask) {
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  for (; length > 0; length -= 64, p += 8, mask += 64) {
    uint64_t word = length >= 64 ? LoadWord(p, shift) : LoadPart(p, shift, length);
    int64_t left = length < 64 ? length : 64;
    uint8_t* out = mask;
    for (; left >= 8; left -= 8, word >>= 8, out += 8) {
      const uint64_t eight = Expand(word & 0xFF);
      std::memcpy(out, &eight, 8);
    }
    for (; left > 0; --left, word >>= 1) *out++ = static_cast<uint8_t>(~word & 1);
  }
}

void BitsFromMask(const uint8_t* mask, int64_t length, uint8_t* bits, int64_t offset) {
  StoreMaskHead(&mask, &length, bits, &offset);
  for (; length >= 8; length -= 8, mask += 8, offset += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, mask, 8);
    bits[offset / 8] = static_cast<uint8_t>(Collapse(bytes));
  }
  for (; length > 0; --length, ++mask, ++offset) StorePart(bits, offset, *mask == 0, 1);
}

int64_t Count(const uint8_t* bits, int64_t offset, int64_t length) {
  if (length <= 0) return 0;
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  int64_t count = 0;
  for (; length >= 64; length -= 64, p += 8) {
    count += __builtin_popcountll(LoadWord(p, shift));
  }
  return count + (length > 0 ? __builtin_popcountll(LoadPart(p, shift, length)) : 0);
}

template <typename T>
void CopyMixed(const uint8_t* src, uint64_t word, int64_t count, uint8_t* dst) {
  for (int64_t i = 0; i < count; ++i) {
    T sample;
    std::memcpy(&sample, src + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    sample = static_cast<T>(sample & static_cast<T>(-static_cast<T>((word >> i) & 1)));
    std::memcpy(dst + i * static_cast<int64_t>(sizeof(T)), &sample, sizeof(T));
  }
}

void CopyWhole(const uint8_t* src, int width, const uint8_t* bits, int64_t offset,
               int64_t length, uint8_t* dst) {
  const uint8_t* p = bits + offset / 8;
  const int shift = static_cast<int>(offset % 8);
  const auto mixed = width == 1   ? CopyMixed<uint8_t>
                     : width == 2 ? CopyMixed<uint16_t>
                     : width == 4 ? CopyMixed<uint32_t>
                                  : CopyMixed<uint64_t>;
  for (; length > 0; length -= 64, p += 8, src += 64 * width, dst += 64 * width) {
    const int64_t count = length < 64 ? length : 64;
    const uint64_t word = length >= 64 ? LoadWord(p, shift) : LoadPart(p, shift, length);
    const auto bytes = static_cast<size_t>(count * width);
    if (word == LowBits(count)) {
      if (dst != src) std::memcpy(dst, src, bytes);
    } else if (word == 0) {
      std::memset(dst, 0, bytes);
    } else {
      mixed(src, word, count, dst);
    }
  }
}

}  // namespace

Implementation PortableImplementation() {
  return {"portable", MaskFromBits, BitsFromMask, Count, CopyWhole};
}

void SetBits(uint8_t* bits, int64_t offset, int64_t length, bool value) {
  if (length <= 0) return;
  const uint64_t word = value ? ~uint64_t{0} : 0;
  const int64_t head = (8 - offset % 8) % 8;
  if (length <= head) return StorePart(bits, offset, word, length);
  StorePart(bits, offset, word, head);
  offset += head;
  length -= head;
  std::memset(bits + offset / 8, value ? 0xFF : 0, static_cast<size_t>(length / 8));
  StorePart(bits, offset + length / 8 * 8, word, length % 8);
}

void CopyBits(const uint8_t* src, int64_t src_offset, int64_t length, uint8_t* dst,
              int64_t dst_offset) {
  if (length <= 0) return;
  const int64_t to_byte = (8 - dst_offset % 8) % 8;
  const int64_t head = to_byte < length ? to_byte : length;
  const auto load = [&](int64_t n) {
    return LoadPart(src + src_offset / 8, static_cast<int>(src_offset % 8), n);
  };
  StorePart(dst, dst_offset, load(head), head);
  src_offset += head;
  dst_offset += head;
  length -= head;
  if (src_offset % 8 == 0) {
    std::memcpy(dst + dst_offset / 8, src + src_offset / 8,
                static_cast<size_t>(length / 8));
    src_offset += length / 8 * 8;
    dst_offset += length / 8 * 8;
    length %= 8;
  }
  const int shift = static_cast<int>(src_offset % 8);
  for (; length >= 64; length -= 64, src_offset += 64, dst_offset += 64) {
    const uint64_t word = LoadWord(src + src_offset / 8, shift);
    std::memcpy(dst + dst_offset / 8, &word, 8);
  }
  if (length > 0) StorePart(dst, dst_offset, load(length), length);
}

}  // namespace carryall::kernels
