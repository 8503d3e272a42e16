#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "carryall/archive/archive.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/model/sample_grid.h"

namespace carryall::archive {

inline Channel MakeChannel(const std::string& name, DataType type, int64_t hz) {
  Channel channel;
  channel.name = name;
  channel.data_type = type;
  channel.sample_rate = SampleRate::Make(hz).ValueOrDie();
  return channel;
}

/// What an archive holds, the naive way: a map from sample number to bytes. For tests.
using ModelSamples = std::map<int64_t, std::string>;
using Model = std::map<std::string, ModelSamples>;

/// Memory under a block of a test.
struct TestBlock {
  SeriesBlock block;
  Model samples;
};

/// A block over [time, time + duration) whose samples `value(channel, n, width)` gives;
/// nothing: missing.
template <typename Value>
TestBlock MakeBlock(const std::shared_ptr<const ChannelSet>& channels, GpsTime time,
                    Duration duration, const Value& value) {
  TestBlock out;
  std::vector<SampleView> views;
  std::vector<MemoryOwner> owners;
  for (const Channel& channel : channels->channels()) {
    const int64_t count = channel.sample_rate.SamplesIn(duration);
    const int64_t first = SampleNear(channel.sample_rate, time)
                              .value_or(FirstSampleAt(channel.sample_rate, time));
    const int width = ByteWidth(channel.data_type);
    auto bytes = std::make_shared<std::vector<uint8_t>>(count * width, 0xee);
    auto bits = std::make_shared<std::vector<uint8_t>>(count / 8 + 1);
    bool gaps = false;
    for (int64_t i = 0; i < count; ++i) {
      const std::optional<std::string> sample = value(channel, first + i, width);
      gaps = gaps || !sample;
      if (!sample) continue;
      kernels::SetBits(bits->data(), i, 1, true);
      std::memcpy(bytes->data() + i * width, sample->data(), width);
      out.samples[channel.name][first + i] = *sample;
    }
    views.push_back(
        {bytes->data(), gaps ? bits->data() : nullptr, 0, count, channel.data_type});
    owners.push_back(bytes);
    owners.push_back(bits);
  }
  out.block = SeriesBlock(time, duration, channels, std::move(views), std::move(owners));
  return out;
}

/// Bytes that depend on channel, sample number and version alone.
inline std::string SampleBytes(const std::string& channel, int64_t sample, int width,
                               int version = 0) {
  uint64_t x =
      std::hash<std::string>()(channel) ^ (sample * 0x9e3779b97f4a7c15u) ^ version;
  x ^= x >> 31;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 29;
  std::string out(8, '\0');
  std::memcpy(out.data(), &x, 8);
  out.resize(width);
  return out;
}

/// Everything that is in an archive.
inline Model Dump(const Archive& archive) {
  Model out;
  for (size_t i = 0; i < archive.channels().size(); ++i) {
    const Channel& channel = archive.channels()[i];
    const int width = ByteWidth(channel.data_type);
    for (int64_t at = INT64_MIN;;) {
      const Extent extent = archive.ExtentAt(i, at);
      if (extent.segment != nullptr) {
        const auto data = extent.segment->Data().ValueOrDie();
        const SampleView view =
            data->View(extent.column, extent.begin, extent.end - extent.begin);
        for (int64_t k = 0; k < view.length; ++k) {
          if (view.validity != nullptr &&
              !kernels::GetBit(view.validity, view.validity_offset + k)) {
            continue;
          }
          out[channel.name][extent.begin + k] =
              std::string(reinterpret_cast<const char*>(view.values) + k * width, width);
        }
      }
      if (extent.end == INT64_MAX) break;
      at = extent.end;
    }
  }
  return out;
}

}  // namespace carryall::archive
