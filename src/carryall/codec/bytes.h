#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

/// Little-endian numbers at any address. Internal to codec.
namespace carryall::codec {

static_assert(std::endian::native == std::endian::little,
              "IPC bytes are used where they lie, so the machine must be little-endian");

template <typename T>
T Load(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename T>
void Store(uint8_t* p, T value) {
  std::memcpy(p, &value, sizeof(T));
}

constexpr int64_t RoundUp8(int64_t n) { return (n + 7) & ~int64_t{7}; }
constexpr int64_t RoundUp64(int64_t n) { return (n + 63) & ~int64_t{63}; }
constexpr int64_t BitmapBytes(int64_t bits) { return (bits + 7) / 8; }

}  // namespace carryall::codec
