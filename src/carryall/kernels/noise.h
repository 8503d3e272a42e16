#pragma once

#include <cstdint>
#include <string_view>

namespace carryall::kernels {

/// Which stream of noise: a pure function of seed and channel name.
struct NoiseKey {
  uint32_t low = 0;
  uint32_t high = 0;
};
NoiseKey MakeNoiseKey(uint64_t seed, std::string_view channel);

/// Samples [first, first + count) of standard normal noise (mean 0, sigma 1, cut at 5.8
/// sigma). Sample n is a pure function of the key and n, the same on every machine and
/// however a span is cut: a counter hash (pcg3d; Jarzynski and Olano, "Hash Functions for
/// GPU Rendering", JCGT 9(3), 2020) through Box and Muller's transform, in single
/// precision without fused operations.
void FillNoise(NoiseKey key, int64_t first, int64_t count, float* out);

/// One version of FillNoise for the instruction set that `name` tells.
struct NoiseImplementation {
  const char* name;
  void (*fill)(NoiseKey, int64_t, int64_t, float*);
  bool (*usable)();
};
inline constexpr int kNoiseImplementations = 3;
extern const NoiseImplementation kNoise[kNoiseImplementations];  ///< slowest first

namespace scalar {
/// The oracle.
float NoiseAt(NoiseKey key, int64_t sample);
}  // namespace scalar

}  // namespace carryall::kernels
