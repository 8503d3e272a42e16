#include "carryall/kernels/noise.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// Built with -ffp-contract=off: a fused multiply-add would make the vector versions
// differ from the scalar one in the last bit.

namespace carryall::kernels {
namespace {

constexpr int kLanes = 16;
constexpr int kGroup =
    2 * kLanes;  // samples of one vector step: 16 cosines, then 16 sines

template <int kWidth>
struct Vector {
  typedef uint32_t Words __attribute__((vector_size(4 * kWidth)));
  typedef int32_t Ints __attribute__((vector_size(4 * kWidth)));
  typedef float Floats __attribute__((vector_size(4 * kWidth)));
};

constexpr uint32_t kMultiplier = 1664525, kIncrement = 1013904223;

// Cephes' logf, sinf and cosf polynomials (S. Moshier, Methods and Programs for
// Mathematical Functions, 1989), on [sqrt(1/2), sqrt(2)] and [-pi/4, pi/4].
constexpr float kLog[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                          -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                          2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
constexpr float kSin[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
constexpr float kCos[] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                          4.166664568298827e-2f};
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
constexpr float kUnit24 = 1.0f / (1 << 24);
constexpr float kHalfPi = 1.57079632679489662f;
constexpr float kSqrt2 = 1.41421356237309505f;

#define CARRYALL_INLINE inline __attribute__((always_inline))

template <typename F, typename I>
CARRYALL_INLINE F AsFloat(I bits) {
  F out;
  static_assert(sizeof(F) == sizeof(I));
  __builtin_memcpy(&out, &bits, sizeof(out));
  return out;
}
template <typename I, typename F>
CARRYALL_INLINE I AsInt(F value) {
  I out;
  __builtin_memcpy(&out, &value, sizeof(out));
  return out;
}

CARRYALL_INLINE float ToFloat(int32_t value, float*) { return static_cast<float>(value); }
template <typename I, typename F>
CARRYALL_INLINE F ToFloat(I value, F*) {
  return __builtin_convertvector(value, F);
}

CARRYALL_INLINE int32_t Select(bool condition, int32_t a, int32_t b) {
  return condition ? a : b;
}
template <typename I>
CARRYALL_INLINE I Select(I condition, I a, I b) {
  return (condition & a) | (~condition & b);
}

template <typename W>
CARRYALL_INLINE void Hash(W* x, W* y, W* z) {
  *x = *x * kMultiplier + kIncrement;
  *y = *y * kMultiplier + kIncrement;
  *z = *z * kMultiplier + kIncrement;
  *x += *y * *z, *y += *z * *x, *z += *x * *y;
  *x ^= *x >> 16, *y ^= *y >> 16, *z ^= *z >> 16;
  *x += *y * *z, *y += *z * *x;
}

template <typename F, typename I>
CARRYALL_INLINE F Log(F value) {
  const I bits = AsInt<I>(value);
  I exponent = (bits >> 23) - 127;
  const F mantissa = AsFloat<F>((bits & 0x007fffff) | 0x3f800000);
  const auto big = mantissa > kSqrt2;
  const F half = mantissa * 0.5f;
  exponent = Select(big, exponent + 1, exponent);
  const F m = AsFloat<F>(Select(big, AsInt<I>(half), AsInt<I>(mantissa))) - 1.0f;
  F polynomial = m * kLog[0] + kLog[1];
  for (int i = 2; i < 9; ++i) polynomial = polynomial * m + kLog[i];
  const F square = m * m;
  const F e = ToFloat(exponent, static_cast<F*>(nullptr));
  return ((m * square * polynomial + e * kLn2Low) - square * 0.5f + m) + e * kLn2High;
}

// By Newton's iteration for 1/sqrt: hardware estimates differ between machines.
template <typename F, typename I>
CARRYALL_INLINE F Sqrt(F value) {
  F y = AsFloat<F>(0x5f3759df - (AsInt<I>(value) >> 1));
  for (int i = 0; i < 3; ++i) y = y * (1.5f - value * 0.5f * y * y);
  return value * y;
}

/// Both samples of pair `low` + 2^32 `high`.
template <typename F, typename I, typename W>
CARRYALL_INLINE void Pair(W low, W high, NoiseKey key, F* first, F* second) {
  W x = low, y = high + key.low, z = W{} + key.high;
  Hash(&x, &y, &z);
  const F u = ToFloat(AsInt<I>((x >> 8) + 1), static_cast<F*>(nullptr)) * kUnit24;
  // The sum makes a positive zero of the negative one at u = 1.
  const F radius = Sqrt<F, I>(Log<F, I>(u) * -2.0f + 0.0f);
  const I quadrant = AsInt<I>(y >> 30);
  const F fraction =
      ToFloat(AsInt<I>((y >> 6) & 0x00ffffff), static_cast<F*>(nullptr)) * kUnit24;
  const F angle = (fraction - 0.5f) * kHalfPi;
  const F square = angle * angle;
  const F sine =
      angle + angle * square * ((kSin[0] * square + kSin[1]) * square + kSin[2]);
  const F cosine = 1.0f - square * 0.5f +
                   square * square * ((kCos[0] * square + kCos[1]) * square + kCos[2]);
  const auto swap = (quadrant & 1) != 0;
  const I c = Select(swap, AsInt<I>(sine), AsInt<I>(cosine));
  const I s = Select(swap, AsInt<I>(cosine), AsInt<I>(sine));
  // Quadrants 1 and 2 have a negative cosine, 2 and 3 a negative sine.
  const I c_sign = ((quadrant + 1) & 2) << 30;
  const I s_sign = (quadrant & 2) << 30;
  *first = radius * AsFloat<F>(c ^ c_sign);
  *second = radius * AsFloat<F>(s ^ s_sign);
}

constexpr uint32_t kIota[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

template <int kWidth>
CARRYALL_INLINE void FillGroup(NoiseKey key, int64_t group, float* out) {
  using V = Vector<kWidth>;
  const uint64_t pair = static_cast<uint64_t>(group) * kLanes;
  const typename V::Words high = typename V::Words{} + static_cast<uint32_t>(pair >> 32);
  for (int lane = 0; lane < kLanes; lane += kWidth) {
    typename V::Words low;
    __builtin_memcpy(&low, kIota + lane, sizeof(low));
    low += static_cast<uint32_t>(pair);
    typename V::Floats first, second;
    Pair<typename V::Floats, typename V::Ints, typename V::Words>(low, high, key, &first,
                                                                  &second);
    __builtin_memcpy(out + lane, &first, sizeof(first));
    __builtin_memcpy(out + kLanes + lane, &second, sizeof(second));
  }
}

/// Samples [skip, skip + count) of a group.
template <int kWidth>
CARRYALL_INLINE void FillPart(NoiseKey key, int64_t group, int64_t skip, int64_t count,
                              float* out) {
  float whole[kGroup];
  FillGroup<kWidth>(key, group, whole);
  std::memcpy(out, whole + skip, static_cast<size_t>(count) * sizeof(float));
}

template <int kWidth>
CARRYALL_INLINE void Fill(NoiseKey key, int64_t first, int64_t count, float* out) {
  int64_t group = first >> 5;
  if (const int64_t skip = first & (kGroup - 1); skip != 0) {
    const int64_t take = std::min(count, kGroup - skip);
    FillPart<kWidth>(key, group, skip, take, out);
    out += take, count -= take, ++group;
  }
  for (; count >= kGroup; count -= kGroup, out += kGroup, ++group) {
    FillGroup<kWidth>(key, group, out);
  }
  if (count > 0) FillPart<kWidth>(key, group, 0, count, out);
}

void FillPortable(NoiseKey key, int64_t first, int64_t count, float* out) {
  Fill<4>(key, first, count, out);
}
__attribute__((target("avx2"))) void FillAvx2(NoiseKey key, int64_t first, int64_t count,
                                              float* out) {
  Fill<8>(key, first, count, out);
}
#ifdef __clang__  // which knows the width of the vectors from their type
#define CARRYALL_AVX512 "avx512f,avx512dq"
#else
#define CARRYALL_AVX512 "avx512f,avx512dq,prefer-vector-width=512"
#endif
__attribute__((target(CARRYALL_AVX512))) void FillAvx512(NoiseKey key, int64_t first,
                                                         int64_t count, float* out) {
  Fill<16>(key, first, count, out);
}

bool Always() { return true; }
bool HasAvx2() { return __builtin_cpu_supports("avx2"); }
bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

uint64_t Mix(uint64_t x) {  // SplitMix64's finalizer (Steele, Lea and Flood, 2014)
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

const NoiseImplementation kNoise[kNoiseImplementations] = {
    {"portable", FillPortable, Always},
    {"avx2", FillAvx2, HasAvx2},
    {"avx512", FillAvx512, HasAvx512}};

NoiseKey MakeNoiseKey(uint64_t seed, std::string_view channel) {
  uint64_t hash = Mix(seed + 0x9e3779b97f4a7c15);
  for (char c : channel) hash = Mix(hash ^ static_cast<uint8_t>(c)) + 0x9e3779b97f4a7c15;
  return {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)};
}

void FillNoise(NoiseKey key, int64_t first, int64_t count, float* out) {
  static const auto fill = [] {
    auto best = kNoise[0].fill;
    for (const auto& candidate : kNoise) {
      if (candidate.usable()) best = candidate.fill;
    }
    return best;
  }();
  fill(key, first, count, out);
}

float scalar::NoiseAt(NoiseKey key, int64_t sample) {
  const int64_t lane = sample & (kGroup - 1);
  const uint64_t pair =
      static_cast<uint64_t>(sample >> 5) * kLanes + static_cast<uint64_t>(lane % kLanes);
  float first = 0, second = 0;
  Pair<float, int32_t, uint32_t>(static_cast<uint32_t>(pair),
                                 static_cast<uint32_t>(pair >> 32), key, &first, &second);
  return lane < kLanes ? first : second;
}

}  // namespace carryall::kernels
