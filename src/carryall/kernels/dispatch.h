#pragma once

#include <cstdint>
#include <span>

namespace carryall::kernels {

/// One version of the kernels that have several, for the instruction sets `name` tells.
struct Implementation {
  const char* name;
  void (*mask_from_bitmap)(const uint8_t*, int64_t, int64_t, uint8_t*);
  void (*bitmap_from_mask)(const uint8_t*, int64_t, uint8_t*, int64_t);
  int64_t (*count_set_bits)(const uint8_t*, int64_t, int64_t);
  void (*copy_present)(const uint8_t*, int, const uint8_t*, int64_t, int64_t, uint8_t*);
};

/// Those that this CPU can run, slowest first; the first runs on every x86-64.
std::span<const Implementation> Implementations();

/// The last of them; chosen once.
const Implementation& Best();

Implementation PortableImplementation();
Implementation Avx2Implementation();    ///< needs avx2 and popcnt
Implementation Avx512Implementation();  ///< needs avx512bw, avx512vl and popcnt

}  // namespace carryall::kernels
