#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/model/channel.h"

namespace carryall {

/// A run of samples in memory that somebody else keeps alive. Trivially copyable.
///
/// Three states: `values` and no `validity` (no gaps); both (a cleared bit is a missing
/// sample, whose value bytes are unspecified but readable); neither, with length > 0
/// (every sample is missing).
struct SampleView {
  const uint8_t* values = nullptr;    ///< at any address: load with memcpy
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

/// The views of a block, read only. Copies share them; a list laid out like another one,
/// only elsewhere in memory, shares them too: its pointers are moved as they are read, so
/// that a stream of messages of one layout writes its views once.
class ViewList {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = SampleView;
    using difference_type = std::ptrdiff_t;
    using pointer = const SampleView*;
    using reference = SampleView;

    Iterator(const ViewList* list, size_t i) : list_(list), i_(i) {}
    SampleView operator*() const { return (*list_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }

   private:
    const ViewList* list_;
    size_t i_;
  };

  ViewList() = default;
  explicit ViewList(std::vector<SampleView> views)
      : views_(std::make_shared<const std::vector<SampleView>>(std::move(views))) {}
  /// These views over memory that lies `bytes` further on.
  ViewList Moved(std::ptrdiff_t bytes) const {
    ViewList out = *this;
    out.shift_ += static_cast<uintptr_t>(bytes);
    return out;
  }

  /// How far this list was moved against `other`; nothing if it is another one, or empty.
  std::optional<std::ptrdiff_t> MovedFrom(const ViewList& other) const {
    if (views_ == nullptr || views_ != other.views_) return std::nullopt;
    return static_cast<std::ptrdiff_t>(shift_ - other.shift_);
  }

  size_t size() const { return views_ == nullptr ? 0 : views_->size(); }
  bool empty() const { return size() == 0; }
  SampleView operator[](size_t i) const {
    SampleView view = (*views_)[i];
    view.values = Shifted(view.values);
    view.validity = Shifted(view.validity);
    return view;
  }
  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, size()); }
  operator std::vector<SampleView>() const {  // NOLINT(google-explicit-constructor)
    std::vector<SampleView> views;
    views.reserve(size());
    for (size_t i = 0; i < size(); ++i) views.push_back((*this)[i]);
    return views;
  }

 private:
  const uint8_t* Shifted(const uint8_t* p) const {
    if (p == nullptr) return nullptr;
    return reinterpret_cast<const uint8_t*>(reinterpret_cast<uintptr_t>(p) + shift_);
  }

  std::shared_ptr<const std::vector<SampleView>> views_;
  uintptr_t shift_ = 0;
};

/// Keeps the memory under some views alive (an arrow::Buffer, a mapped file, a batch).
using MemoryOwner = std::shared_ptr<const void>;

/// The owners of a block's memory, read only. One, the common case, needs no memory of
/// its own.
class OwnerList {
 public:
  OwnerList() = default;
  OwnerList(std::vector<MemoryOwner> owners) {  // NOLINT(google-explicit-constructor)
    if (owners.size() == 1 && owners[0] != nullptr) {
      one_ = std::move(owners[0]);
    } else {
      several_ = std::move(owners);
    }
  }
  OwnerList(std::initializer_list<MemoryOwner> owners)
      : OwnerList(std::vector<MemoryOwner>(owners)) {}
  explicit OwnerList(MemoryOwner owner) : one_(std::move(owner)) {}

  const MemoryOwner* begin() const { return one_ != nullptr ? &one_ : several_.data(); }
  const MemoryOwner* end() const { return begin() + size(); }
  size_t size() const { return one_ != nullptr ? 1 : several_.size(); }
  bool empty() const { return size() == 0; }
  const MemoryOwner& operator[](size_t i) const { return begin()[i]; }
  operator std::vector<MemoryOwner>() const {  // NOLINT(google-explicit-constructor)
    return std::vector<MemoryOwner>(begin(), end());
  }

 private:
  MemoryOwner one_;
  std::vector<MemoryOwner> several_;
};

/// The samples of several channels over one half-open span [time, time + duration).
/// Immutable, cheap to copy, thread safe; holds views and their owners, never samples.
/// View i belongs to channels()[i] and has sample_rate * duration samples.
class SeriesBlock {
 public:
  SeriesBlock() = default;
  SeriesBlock(GpsTime time, Duration duration, std::shared_ptr<const ChannelSet> channels,
              std::vector<SampleView> views, OwnerList owners)
      : SeriesBlock(time, duration, std::move(channels), ViewList(std::move(views)),
                    std::move(owners)) {}
  /// A template so that braces always mean a vector.
  template <std::same_as<ViewList> List>
  SeriesBlock(GpsTime time, Duration duration, std::shared_ptr<const ChannelSet> channels,
              List views, OwnerList owners)
      : time_(time),
        duration_(duration),
        channels_(std::move(channels)),
        views_(std::move(views)),
        owners_(std::move(owners)) {}

  /// A block in which every sample is missing.
  static SeriesBlock Gap(GpsTime time, Duration duration,
                         std::shared_ptr<const ChannelSet> channels);

  GpsTime time() const { return time_; }
  Duration duration() const { return duration_; }
  GpsTime end() const { return time_ + duration_; }
  const std::shared_ptr<const ChannelSet>& channels() const { return channels_; }
  size_t size() const { return views_.size(); }
  SampleView view(size_t i) const { return views_[i]; }
  const ViewList& views() const { return views_; }
  const OwnerList& owners() const { return owners_; }

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
  ViewList views_;
  OwnerList owners_;
};

}  // namespace carryall
