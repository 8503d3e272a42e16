#include "carryall/backend/mock/generator.h"

#include <algorithm>
#include <vector>

#include "carryall/backend/mock/store.h"
#include "carryall/formula/formula.h"
#include "carryall/kernels/noise.h"
#include "carryall/model/sample_grid.h"

namespace carryall::backend::mock {
namespace {

constexpr int64_t kRun = 1024;  // samples converted at a time

class Noise final : public Generator {
 public:
  Noise(const Channel& channel, uint64_t seed)
      : key_(kernels::MakeNoiseKey(seed, channel.name)),
        rate_(channel.sample_rate),
        type_(channel.data_type) {}

  void Fill(GpsTime begin, GpsTime end, Duration, uint8_t* out) const override {
    int64_t sample = FirstSampleAt(rate_, begin);
    int64_t count = rate_.SamplesIn(end - begin);
    if (type_ == DataType::kFloat32 && reinterpret_cast<uintptr_t>(out) % 4 == 0) {
      return kernels::FillNoise(key_, sample, count, reinterpret_cast<float*>(out));
    }
    float run[kRun];
    while (count > 0) {
      const int64_t part = std::min(count, kRun);
      kernels::FillNoise(key_, sample, part, run);
      StoreAs(type_, run, part, out);
      out += part * ByteWidth(type_);
      sample += part, count -= part;
    }
  }

 private:
  kernels::NoiseKey key_;
  SampleRate rate_;
  DataType type_;
};

class FormulaGenerator final : public Generator {
 public:
  FormulaGenerator(const Channel& channel, formula::Formula formula)
      : formula_(std::move(formula)),
        rate_(channel.sample_rate),
        type_(channel.data_type) {}

  void Fill(GpsTime begin, GpsTime end, Duration stride, uint8_t* out) const override {
    double t[kRun];
    int64_t filled = 0;
    for (GpsTime time = begin; time < end;) {
      const GpsTime until = std::min((time + Duration::FromNs(1)).Ceil(stride), end);
      const int64_t count = rate_.SamplesIn(until - time);
      // Rounded once: nanoseconds since 1980 do not fit a double.
      const auto origin = static_cast<double>(static_cast<long double>(time.ns()) / 1e9L);
      for (int64_t k = 0; k < count; ++k) {
        t[filled++] = origin + static_cast<double>(k) / rate_.hz();
        if (filled == kRun) Flush(t, &filled, &out);
      }
      time = until;
    }
    Flush(t, &filled, &out);
  }

 private:
  /// Computes and stores the samples at the first `*count` times.
  void Flush(const double* t, int64_t* count, uint8_t** out) const {
    static thread_local std::vector<double> scratch;
    double values[kRun];
    formula_.Evaluate(t, *count, values, &scratch);
    StoreAs(type_, values, *count, *out);
    *out += *count * ByteWidth(type_);
    *count = 0;
  }

  formula::Formula formula_;
  SampleRate rate_;
  DataType type_;
};

}  // namespace

Result<std::unique_ptr<const Generator>> MakeGenerator(
    const metadata::ChannelConfig& config, uint64_t seed) {
  const auto func = config.extras.find("func");
  if (func == config.extras.end()) return std::make_unique<Noise>(config.channel, seed);
  auto formula = formula::Formula::Parse(func->second);
  if (!formula.ok()) {
    return WithContext(formula.status(),
                       fmt::format("{}:{}: channel {}: func", config.file, config.line,
                                   config.channel.name));
  }
  return std::make_unique<FormulaGenerator>(config.channel, formula.MoveValueUnsafe());
}

}  // namespace carryall::backend::mock
