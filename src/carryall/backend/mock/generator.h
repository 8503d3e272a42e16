#pragma once

#include <memory>

#include "carryall/metadata/channel_file.h"
#include "carryall/model/channel.h"

namespace carryall::backend::mock {

/// Makes the samples of one channel: a pure function of GPS time. Immutable, thread safe.
class Generator {
 public:
  virtual ~Generator() = default;
  /// The samples of [begin, end) in the channel's data type, to `out`. A formula counts
  /// them from the start of each stride on, as stock's mock does; `begin` counts as one.
  virtual void Fill(GpsTime begin, GpsTime end, Duration stride, uint8_t* out) const = 0;
};

/// Noise, or the formula under "func". kInvalidArgument beginning with FILE:LINE and
/// naming the channel if the formula cannot be understood.
Result<std::unique_ptr<const Generator>> MakeGenerator(
    const metadata::ChannelConfig& config, uint64_t seed);

}  // namespace carryall::backend::mock
