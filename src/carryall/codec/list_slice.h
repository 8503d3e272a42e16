#pragma once

#include <algorithm>
#include <cstdint>

#include "carryall/codec/batch_layout.h"
#include "carryall/codec/bytes.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/model/series_block.h"

namespace carryall::codec {

/// One list column in memory, wherever it came from. The memory holds rows + 1 offsets
/// and `child_length` samples and validity bits; what the offsets say has not been
/// checked. Internal to codec.
struct ListSlice {
  const uint8_t* offsets = nullptr;  ///< int32, any alignment
  const uint8_t* values = nullptr;
  const uint8_t* validity = nullptr;  ///< null: no sample is null
  int64_t validity_offset = 0;
  const uint8_t* list_validity = nullptr;  ///< null: no list is null
  int64_t list_validity_offset = 0;
  int64_t child_length = 0;
  bool all_null = false;  ///< every sample is null

  static ListSlice Of(const ListPlace& place, const uint8_t* body) {
    ListSlice slice;
    slice.offsets = body + place.offsets;
    slice.values = body + place.values;
    if (place.validity >= 0) slice.validity = body + place.validity;
    if (place.list_validity >= 0) slice.list_validity = body + place.list_validity;
    slice.child_length = place.child_length;
    slice.all_null = place.all_null;
    return slice;
  }

  int64_t Offset(int64_t row) const { return Load<int32_t>(offsets + 4 * row); }
  /// Samples of a row; none if the list is null.
  int64_t Length(int64_t row) const {
    if (list_validity != nullptr &&
        !kernels::GetBit(list_validity, list_validity_offset + row)) {
      return 0;
    }
    return Offset(row + 1) - Offset(row);
  }
  /// Whether the offsets never decrease and stay within the child.
  bool OffsetsAreSound(int64_t rows) const {
    int32_t last = Load<int32_t>(offsets);
    bool sound = last >= 0;
    for (int64_t row = 1; row <= rows; ++row) {
      const auto next = Load<int32_t>(offsets + 4 * row);
      sound &= next >= last;
      last = next;
    }
    return sound && last <= child_length;
  }
  SampleView View(int64_t begin, int64_t length, DataType type) const {
    if (all_null) return SampleView::Missing(type, length);
    return SampleView{values + begin * ByteWidth(type), validity,
                      validity == nullptr ? 0 : validity_offset + begin, length, type};
  }
};

/// How long a block lasts, from how many samples it has of several channels. Rates and
/// durations are whole numbers, so the shortest duration that holds them all is it.
class DurationRule {
 public:
  void Add(SampleRate rate, int64_t samples) {
    if (samples == last_samples_ && rate == last_rate_) return;
    last_samples_ = samples;
    last_rate_ = rate;
    const auto hz = static_cast<uint64_t>(rate.hz());
    const auto ns = (static_cast<uint64_t>(samples) * 1'000'000'000 + hz - 1) / hz;
    longest_ = std::max(longest_, ns);
  }
  Duration duration() const { return Duration::FromNs(static_cast<int64_t>(longest_)); }

 private:
  uint64_t longest_ = 0;
  int64_t last_samples_ = -1;
  SampleRate last_rate_;
};

/// No block is longer, so that rates times durations stay within int64. Also the longest
/// that one list of samples can last.
inline constexpr Duration kLongestBlock = Duration::FromSeconds(int64_t{1} << 31);

/// Whether [time, time + duration) is not too long and ends before the end of time.
inline bool SpanFits(int64_t time_ns, Duration duration) {
  int64_t end = 0;
  return duration <= kLongestBlock &&
         !__builtin_add_overflow(time_ns, duration.ns(), &end);
}

}  // namespace carryall::codec
