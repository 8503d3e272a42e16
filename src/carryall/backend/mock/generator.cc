#include "carryall/backend/mock/generator.h"

#include <arrow/util/float16.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "carryall/formula/formula.h"
#include "carryall/kernels/noise.h"
#include "carryall/model/sample_grid.h"

namespace carryall::backend::mock {
namespace {

constexpr int64_t kRun = 1024;  // samples converted at a time

// What x86's conversion instructions give, which numpy uses: the smallest value for
// whatever does not fit.
int32_t ToInt32(double v) {
  return v > -2147483649.0 && v < 2147483648.0 ? static_cast<int32_t>(v) : INT32_MIN;
}
int64_t ToInt64(double v) {
  return v >= -0x1p63 && v < 0x1p63 ? static_cast<int64_t>(v) : INT64_MIN;
}
uint64_t ToUint64(double v) {
  if (v >= 0x1p63)
    return static_cast<uint64_t>(ToInt64(v - 0x1p63)) ^ (uint64_t{1} << 63);
  return static_cast<uint64_t>(ToInt64(v));
}

template <typename T, typename From, typename Convert>
void Store(const From* from, int64_t count, uint8_t* out, Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(convert(from[i]));
    std::memcpy(out + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
  }
}

/// Numbers to samples of a data type: integers by truncation, as C does it.
template <typename From>
void StoreAs(DataType type, const From* from, int64_t count, uint8_t* out) {
  const auto same = [](From v) { return v; };
  switch (type) {
    case DataType::kInt8:
      return Store<int8_t>(from, count, out, ToInt32);
    case DataType::kInt16:
      return Store<int16_t>(from, count, out, ToInt32);
    case DataType::kInt32:
      return Store<int32_t>(from, count, out, ToInt32);
    case DataType::kInt64:
      return Store<int64_t>(from, count, out, ToInt64);
    case DataType::kUint8:
      return Store<uint8_t>(from, count, out, ToInt32);
    case DataType::kUint16:
      return Store<uint16_t>(from, count, out, ToInt32);
    case DataType::kUint32:
      return Store<uint32_t>(from, count, out, ToInt64);
    case DataType::kUint64:
      return Store<uint64_t>(from, count, out, ToUint64);
    case DataType::kFloat32:
      return Store<float>(from, count, out, same);
    case DataType::kFloat64:
      return Store<double>(from, count, out, same);
    case DataType::kFloat16:
      return Store<uint16_t>(from, count, out, [](From v) {
        return arrow::util::Float16::FromDouble(static_cast<double>(v)).bits();
      });
  }
}

class Noise final : public Generator {
 public:
  Noise(const Channel& channel, uint64_t seed)
      : key_(kernels::MakeNoiseKey(seed, channel.name)),
        rate_(channel.sample_rate),
        type_(channel.data_type) {}

  void Fill(GpsTime time, int64_t count, uint8_t* out) const override {
    int64_t sample = FirstSampleAt(rate_, time);
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
        rate_(channel.sample_rate.hz()),
        type_(channel.data_type) {}

  void Fill(GpsTime time, int64_t count, uint8_t* out) const override {
    static thread_local std::vector<double> scratch;
    double t[kRun], run[kRun];
    // Rounded once: nanoseconds since 1980 do not fit a double.
    const auto begin = static_cast<double>(static_cast<long double>(time.ns()) / 1e9L);
    for (int64_t done = 0; done < count; done += kRun) {
      const int64_t part = std::min(count - done, kRun);
      for (int64_t i = 0; i < part; ++i) {
        t[i] = begin + static_cast<double>(done + i) / rate_;
      }
      formula_.Evaluate(t, part, run, &scratch);
      StoreAs(type_, run, part, out + done * ByteWidth(type_));
    }
  }

 private:
  formula::Formula formula_;
  double rate_;
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
