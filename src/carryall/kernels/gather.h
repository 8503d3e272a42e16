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

/// Copies `count` pieces of `bytes` each, `src_stride` apart, to places `dst_stride`
/// apart. Pieces must not overlap.
void CopyStrided(const uint8_t* src, int64_t src_stride, int64_t bytes, int64_t count,
                 uint8_t* dst, int64_t dst_stride);

/// Writes `count` copies of the `width` bytes at `value`, whatever the width.
void Fill(uint8_t* dst, const void* value, int64_t width, int64_t count);

}  // namespace carryall::kernels
