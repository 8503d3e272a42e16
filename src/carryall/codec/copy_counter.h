#pragma once

#include <atomic>
#include <cstdint>

namespace carryall::codec {

/// Bytes of samples that codec code copied, so that tests can assert "zero copies".
/// Counts in debug builds only; compiled out with NDEBUG.
#ifndef NDEBUG
inline std::atomic<int64_t> g_copied_sample_bytes{0};
inline void CountCopy(int64_t bytes) { g_copied_sample_bytes += bytes; }
#else
inline void CountCopy(int64_t) {}
#endif

}  // namespace carryall::codec
