#pragma once

#include <cstdint>
#include <span>

namespace carryall::kernels {

/// A run of bytes somewhere in memory.
struct Run {
  const uint8_t* src;
  int64_t bytes;
};

/// Copies the runs one behind the other to `dst`; returns how many bytes that were.
int64_t Gather(std::span<const Run> runs, uint8_t* dst);

/// Writes `count` copies of the `width` bytes at `value`, whatever the width.
void Fill(uint8_t* dst, const void* value, int64_t width, int64_t count);

}  // namespace carryall::kernels
