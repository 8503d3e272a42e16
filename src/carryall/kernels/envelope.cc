#include "carryall/kernels/envelope.h"

#include <cstring>
#include <limits>

#include "carryall/kernels/bitmap.h"

namespace carryall::kernels {
namespace {

template <typename T>
T Load(const uint8_t* values, int64_t i) {
  T value;
  std::memcpy(&value, values + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

/// i * length / bins without overflow.
int64_t Begin(int64_t i, int64_t length, int64_t bins) {
  return static_cast<int64_t>(static_cast<__int128>(i) * length / bins);
}

}  // namespace

template <typename T>
void Envelope(const uint8_t* values, const uint8_t* validity, int64_t validity_offset,
              int64_t length, int64_t bins, double* low, double* high) {
  for (int64_t b = 0; b < bins; ++b) {
    double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
    const int64_t end = Begin(b + 1, length, bins);
    for (int64_t i = Begin(b, length, bins); i < end; ++i) {
      if (validity != nullptr && !GetBit(validity, validity_offset + i)) continue;
      const auto value = static_cast<double>(Load<T>(values, i));
      // In this order both comparisons are false for NaN.
      lowest = value < lowest ? value : lowest;
      highest = value > highest ? value : highest;
    }
    const bool none = lowest > highest;
    low[b] = none ? std::numeric_limits<double>::quiet_NaN() : lowest;
    high[b] = none ? std::numeric_limits<double>::quiet_NaN() : highest;
  }
}

#define CARRYALL_ENVELOPE(T)                                                           \
  template void Envelope<T>(const uint8_t*, const uint8_t*, int64_t, int64_t, int64_t, \
                            double*, double*)
CARRYALL_ENVELOPE(int8_t);
CARRYALL_ENVELOPE(int16_t);
CARRYALL_ENVELOPE(int32_t);
CARRYALL_ENVELOPE(int64_t);
CARRYALL_ENVELOPE(uint8_t);
CARRYALL_ENVELOPE(uint16_t);
CARRYALL_ENVELOPE(uint32_t);
CARRYALL_ENVELOPE(uint64_t);
CARRYALL_ENVELOPE(float);
CARRYALL_ENVELOPE(double);
#undef CARRYALL_ENVELOPE

}  // namespace carryall::kernels
