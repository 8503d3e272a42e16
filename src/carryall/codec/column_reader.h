#pragma once

#include <memory>
#include <vector>

#include "carryall/codec/batch_layout.h"
#include "carryall/codec/list_slice.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {

/// Turns the columns of laid-out messages into blocks. Remembers how many samples a row
/// has of each channel: as long as that stays, a column costs two offsets and a view.
/// Internal to codec; not thread safe.
class ColumnReader {
 public:
  ColumnReader(std::shared_ptr<const ChannelSet> channels, const StreamShape& shape,
               int64_t max_views);

  /// Appends blocks over `body`, which `owner` keeps alive; the layout has rows.
  Status Read(const BatchLayout& layout, const uint8_t* body, const MemoryOwner& owner,
              std::vector<SeriesBlock>* out);

 private:
  struct Column {
    int32_t channel;
    SampleRate rate;
    DataType type;
    int64_t expected;  ///< samples a row of row_duration_
  };

  /// The views of a regular message, for the next ones of the same layout: every list
  /// begins at its first sample.
  struct Shared {
    int64_t generation = -1;
    int64_t rows = 0;
    Duration row_duration;
    const uint8_t* body = nullptr;
    ViewList views;
  };

  bool ReadRegular(const BatchLayout& layout, const uint8_t* body,
                   const MemoryOwner& owner, std::vector<SeriesBlock>* out);
  bool TimesAreRegular(const BatchLayout& layout, const uint8_t* body) const;
  bool IsAsShared(const BatchLayout& layout, const uint8_t* body) const;
  bool MakeViews(const BatchLayout& layout, const uint8_t* body,
                 std::vector<SampleView>* views, bool* shareable) const;
  Status ReadGeneral(const BatchLayout& layout, const uint8_t* body,
                     const MemoryOwner& owner, std::vector<SeriesBlock>* out);
  /// Finds out how long a row is and which channels it has; nothing known: duration 0.
  Status StudyRow(int64_t row, std::vector<bool>* present, Duration* duration);
  void SetRowDuration(Duration duration);
  std::vector<SampleView> MissingViews(Duration duration) const;
  void Emit(const BatchLayout& layout, const uint8_t* body, int64_t first, int64_t last,
            Duration duration, const std::vector<bool>& present, const MemoryOwner& owner,
            std::vector<SeriesBlock>* out) const;

  std::shared_ptr<const ChannelSet> channels_;
  std::vector<Column> columns_;
  int64_t max_views_;
  bool every_channel_ = false;  ///< column i is channel i, and there are no others
  Duration row_duration_;       ///< 0: not known yet
  bool row_is_exact_ = false;   ///< holds a whole number of samples of every channel
  Shared shared_;
  std::vector<ListSlice> slices_;
};

}  // namespace carryall::codec
