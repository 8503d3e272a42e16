#include "carryall/kernels/dispatch.h"

#include <array>

#include "carryall/kernels/bitmap.h"

namespace carryall::kernels {
namespace {

struct Table {
  std::array<Implementation, 3> rows;
  size_t count = 0;

  Table() {
    rows[count++] = PortableImplementation();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
      rows[count++] = Avx2Implementation();
      if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        rows[count++] = Avx512Implementation();
      }
    }
  }
};

const Table& TheTable() {
  static const Table table;
  return table;
}

}  // namespace

std::span<const Implementation> Implementations() {
  return {TheTable().rows.data(), TheTable().count};
}

const Implementation& Best() {
  static const Implementation best = Implementations().back();
  return best;
}

void MaskFromBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* mask) {
  if (length > 0) Best().mask_from_bitmap(bits, offset, length, mask);
}

void BitmapFromMask(const uint8_t* mask, int64_t length, uint8_t* bits, int64_t offset) {
  if (length > 0) Best().bitmap_from_mask(mask, length, bits, offset);
}

int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length) {
  return length > 0 ? Best().count_set_bits(bits, offset, length) : 0;
}

void CopyPresent(const uint8_t* src, int width, const uint8_t* bits, int64_t offset,
                 int64_t length, uint8_t* dst) {
  if (length > 0) Best().copy_present(src, width, bits, offset, length, dst);
}

}  // namespace carryall::kernels
