#pragma once

#include <memory>
#include <span>
#include <vector>

#include "carryall/codec/list_slice.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {

/// A row-form batch in memory, wherever it came from.
struct RowBatch {
  int64_t rows = 0;                  ///< at least 1
  const uint8_t* times;              ///< int64 each; row 0's counts
  const uint8_t* ids;                ///< uint32 each
  std::span<const ListSlice> lists;  ///< one a type, as the shape has them
};

/// Turns row-form batches into blocks, one each. Remembers ids and offsets with what came
/// of them: a batch that has the same costs two comparisons.
/// Internal to codec; not thread safe.
class RowReader {
 public:
  /// `list_types` has the types of every channel that `ids` names; `ids` must outlive it.
  RowReader(std::shared_ptr<const ChannelSet> channels,
            std::span<const DataType> list_types, std::span<const int32_t> ids);

  /// Appends the block, unless no row has samples of a wanted channel. kCorrupt naming
  /// the channel whose list cannot be right.
  Status Read(const RowBatch& batch, const MemoryOwner& owner,
              std::vector<SeriesBlock>* out);

 private:
  /// Where one channel's samples are, relative to the list's memory.
  struct Slot {
    int64_t begin = 0;
    int64_t length = 0;
    int32_t list = -1;  ///< negative: missing
    DataType type = DataType::kFloat64;
  };
  struct Remembered {
    std::vector<uint8_t> offsets;
    int64_t end = 0;  ///< the last offset
  };

  bool IsAsBefore(const RowBatch& batch) const;
  Status Index(const RowBatch& batch);
  Status SetDuration();
  void Remember(const RowBatch& batch);
  /// The views of a batch, for the next ones whose lists lie alike.
  struct Shared {
    std::vector<int64_t> places;  ///< of the lists, counted from the first one's values
    const uint8_t* values = nullptr;
    ViewList views;
  };

  ViewList Views(const RowBatch& batch);
  std::vector<SampleView> MakeViews(const RowBatch& batch) const;

  std::shared_ptr<const ChannelSet> channels_;
  std::span<const int32_t> table_;
  std::vector<int32_t> list_of_type_;
  std::vector<SampleRate> rates_;
  std::vector<Slot> slots_;  ///< one a channel
  Duration duration_;        ///< 0: nothing in the batch
  int64_t rows_ = 0;         ///< 0: nothing remembered
  std::vector<uint8_t> ids_;
  std::vector<Remembered> lists_;
  Shared shared_[2];  ///< without and with nulls, so that streams may alternate
  std::vector<int64_t> places_;
};

}  // namespace carryall::codec
