#pragma once

#include <cstdint>
#include <memory>

#include "carryall/base/status.h"

namespace carryall::codec {

/// Bytes all zero, at least 64-aligned, given back when the last owner goes. From 4 MiB
/// on they come from the kernel 2 MiB-aligned, with huge pages advised for every whole
/// one, and take memory only where they are written. kResourceExhausted if there is none.
/// Internal to codec.
Result<std::shared_ptr<uint8_t>> AllocateZeroed(int64_t bytes);

}  // namespace carryall::codec
