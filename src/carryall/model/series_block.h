#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/model/channel.h"

namespace carryall {

/// A run of samples in memory that somebody else keeps alive. Trivially copyable.
///
/// Three states: `values` and no `validity` (no gaps); both (a cleared bit is a missing
/// sample, whose value bytes are unspecified but readable); neither, with length > 0 (every
/// sample is missing).
struct SampleView {
  const uint8_t* values = nullptr;
  const uint8_t* validity = nullptr;  ///< LSB first, 1 = present
  int64_t validity_offset = 0;        ///< bits before the first sample's
  int64_t length = 0;                 ///< samples
  DataType data_type = DataType::kFloat64;

  static SampleView Missing(DataType type, int64_t length) {
    return SampleView{nullptr, nullptr, 0, length, type};
  }
  bool all_missing() const { return values == nullptr && length > 0; }
  bool may_have_gaps() const { return validity != nullptr || all_missing(); }
  /// Samples [begin, begin + count) of this view. The caller keeps within bounds.
  SampleView Slice(int64_t begin, int64_t count) const {
    SampleView out = *this;
    if (values != nullptr) out.values += begin * ByteWidth(data_type);
    if (validity != nullptr) out.validity_offset += begin;
    out.length = count;
    return out;
  }
};

/// Keeps the memory under some views alive (an arrow::Buffer, a mapped file, a batch).
using MemoryOwner = std::shared_ptr<const void>;

/// The samples of several channels over one half-open span [time, time + duration).
/// Immutable, cheap to copy, thread safe; holds views and their owners, never samples.
/// View i belongs to channels()[i] and has sample_rate * duration samples.
class SeriesBlock {
 public:
  SeriesBlock() = default;
  SeriesBlock(GpsTime time, Duration duration, std::shared_ptr<const ChannelSet> channels,
              std::vector<SampleView> views, std::vector<MemoryOwner> owners)
      : time_(time), duration_(duration), channels_(std::move(channels)),
        views_(std::move(views)), owners_(std::move(owners)) {}

  /// A block in which every sample is missing.
  static SeriesBlock Gap(GpsTime time, Duration duration,
                         std::shared_ptr<const ChannelSet> channels);

  GpsTime time() const { return time_; }
  Duration duration() const { return duration_; }
  GpsTime end() const { return time_ + duration_; }
  const std::shared_ptr<const ChannelSet>& channels() const { return channels_; }
  size_t size() const { return views_.size(); }
  const SampleView& view(size_t i) const { return views_[i]; }
  const std::vector<SampleView>& views() const { return views_; }
  const std::vector<MemoryOwner>& owners() const { return owners_; }

  /// The part in [begin, begin + length), without a copy. kInvalidArgument if that is not
  /// inside the block or cuts through a sample of some channel.
  Result<SeriesBlock> Slice(GpsTime begin, Duration length) const;

  /// kInvalidArgument naming the first channel whose view has another number of samples
  /// than its rate and the duration say.
  Status Validate() const;

 private:
  GpsTime time_;
  Duration duration_;
  std::shared_ptr<const ChannelSet> channels_;
  std::vector<SampleView> views_;
  std::vector<MemoryOwner> owners_;
};

}  // namespace carryall
