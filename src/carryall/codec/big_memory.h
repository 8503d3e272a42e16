#pragma once

#include <cstdint>
#include <memory>

#include "carryall/base/status.h"

namespace carryall::codec {

/// Memory for samples, at least 64-aligned, given back when the last owner goes.
struct BigMemory {
  std::shared_ptr<uint8_t> bytes;
  bool zeroed;  ///< false: it holds what an earlier owner wrote
};

/// From 4 MiB on it comes from the kernel 2 MiB-aligned, with huge pages advised for
/// every whole one, and takes memory only where it is written. Up to 256 MiB of what was
/// given back stays mapped for the next results of the same sizes, free for the kernel to
/// take: a first write costs a fault and a cleared page, which is more than receiving the
/// bytes. kResourceExhausted if there is none. Thread safe. Internal to codec.
Result<BigMemory> AllocateBig(int64_t bytes);

}  // namespace carryall::codec
