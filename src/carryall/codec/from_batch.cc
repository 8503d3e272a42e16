#include <arrow/record_batch.h>

#include "carryall/codec/array_slice.h"
#include "carryall/codec/assemble.h"
#include "carryall/codec/decoder.h"
#include "carryall/codec/row_reader.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {
namespace {

/// What the columns' pointers lead to lies all over the heap and, behind the last of
/// them, in memory that nobody has read yet. Asking for it some columns ahead, one step
/// deeper each time, overlaps the waiting.
void PrefetchAhead(const arrow::ArrayDataVector& columns, size_t i) {
  const auto at = [&](size_t ahead) {
    return i + ahead < columns.size() ? columns[i + ahead].get() : nullptr;
  };
  if (const arrow::ArrayData* list = at(16)) {
    __builtin_prefetch(list);
    __builtin_prefetch(reinterpret_cast<const char*>(list) + 64);
  }
  if (const arrow::ArrayData* list = at(12)) {
    __builtin_prefetch(list->type.get());
    __builtin_prefetch(list->buffers.data());
    __builtin_prefetch(list->child_data.data());
  }
  if (const arrow::ArrayData* list = at(8)) {
    if (list->buffers.size() > 1) __builtin_prefetch(list->buffers[1].get());
    if (!list->child_data.empty()) {
      __builtin_prefetch(list->child_data[0].get());
      __builtin_prefetch(reinterpret_cast<const char*>(list->child_data[0].get()) + 64);
    }
  }
  if (const arrow::ArrayData* list = at(4)) {
    if (list->buffers.size() > 1 && list->buffers[1] != nullptr) {
      __builtin_prefetch(list->buffers[1]->data() + 4 * list->offset);
    }
    if (!list->child_data.empty()) {
      __builtin_prefetch(list->child_data[0]->type.get());
      __builtin_prefetch(list->child_data[0]->buffers.data());
    }
  }
  if (const arrow::ArrayData* list = at(2); list != nullptr &&
                                            !list->child_data.empty() &&
                                            list->child_data[0]->buffers.size() > 1) {
    __builtin_prefetch(list->child_data[0]->buffers[1].get());
  }
}

/// A column-form batch that becomes one block.
class ColumnBatch {
 public:
  ColumnBatch(const arrow::RecordBatch& batch, std::shared_ptr<const ChannelSet> channels,
              MemoryOwner owner)
      : batch_(batch),
        channels_(std::move(channels)),
        owner_(std::move(owner)),
        rows_(batch.num_rows()) {}

  Result<SeriesBlock> ToBlock() {
    const arrow::ArrayDataVector& columns = batch_.column_data();
    if (columns.size() != channels_->size() + 1 || rows_ < 1) {
      return Error(ErrorKind::kInvalidArgument,
                   "column-form batch has {} columns and {} rows, expected time and {} "
                   "channels",
                   columns.size(), rows_, channels_->size());
    }
    ARROW_ASSIGN_OR_RAISE(const uint8_t* times,
                          ValuesOf(*columns[0], arrow::Type::INT64, 8, rows_, "time"));
    time_ = GpsTime::FromNs(Load<int64_t>(times));
    ARROW_ASSIGN_OR_RAISE(const bool regular, TakeWholeColumns());
    if (!regular) return JoinRows();
    return SeriesBlock(time_, duration_, channels_, std::move(views_), {owner_});
  }

 private:
  Status SliceOf(size_t i, ListSlice* list) const {
    const Channel& channel = (*channels_)[i];
    RETURN_NOT_OK(SliceOfList(*batch_.column_data()[i + 1], channel.data_type, rows_,
                              channel.name, list));
    if (!list->OffsetsAreSound(rows_)) {
      return Error(ErrorKind::kCorrupt,
                   "list offsets are out of order or range: channel {}", channel.name);
    }
    return Status::OK();
  }

  /// The common case: every channel has samples in all rows or in none. False: not so.
  Result<bool> TakeWholeColumns() {
    DurationRule rule;
    views_.reserve(channels_->size());
    for (size_t i = 0; i < channels_->size(); ++i) {
      PrefetchAhead(batch_.column_data(), i + 1);
      ListSlice list;
      RETURN_NOT_OK(SliceOf(i, &list));
      const Channel& channel = (*channels_)[i];
      const int64_t length =
          rows_ == 1 ? list.Length(0) : list.Offset(rows_) - list.Offset(0);
      for (int64_t row = 0; rows_ > 1 && length > 0 && row < rows_; ++row) {
        if (list.Length(row) == 0) return false;
      }
      rule.Add(channel.sample_rate, length);
      views_.push_back(list.View(list.Offset(0), length, channel.data_type));
    }
    duration_ = rule.duration();
    RETURN_NOT_OK(CheckDuration());
    SampleRate rate;
    int64_t expected = rate.SamplesIn(duration_);
    for (size_t i = 0; i < views_.size(); ++i) {
      const Channel& channel = (*channels_)[i];
      if (channel.sample_rate != rate) {
        rate = channel.sample_rate;
        expected = rate.SamplesIn(duration_);
      }
      if (views_[i].length == expected) continue;
      if (views_[i].length > 0) {
        if (rows_ > 1) return false;
        return Disagree(channel, views_[i].length, duration_);
      }
      views_[i] = SampleView::Missing(channel.data_type, expected);
    }
    return true;
  }

  Status CheckDuration() const {
    if (duration_.ns() == 0) {
      return Error(ErrorKind::kInvalidArgument, "column-form batch has no samples");
    }
    if (!SpanFits(time_.ns(), duration_)) {
      return Error(ErrorKind::kCorrupt, "block at {} lasts beyond the end of time",
                   time_.ns());
    }
    return Status::OK();
  }

  static Status Disagree(const Channel& channel, int64_t samples, Duration duration) {
    return Error(
        ErrorKind::kCorrupt,
        "channels of one row disagree about its duration: {} samples of channel {} "
        "at {} Hz in {}",
        samples, channel.name, channel.sample_rate.hz(), ToString(duration));
  }

  /// A block for each row, then joined; rows without any samples last as long as the
  /// longest.
  Result<SeriesBlock> JoinRows() {
    std::vector<ListSlice> lists(channels_->size());
    for (size_t i = 0; i < lists.size(); ++i) RETURN_NOT_OK(SliceOf(i, &lists[i]));
    std::vector<Duration> durations;
    Duration longest;
    for (int64_t row = 0; row < rows_; ++row) {
      DurationRule rule;
      for (size_t i = 0; i < lists.size(); ++i) {
        rule.Add((*channels_)[i].sample_rate, lists[i].Length(row));
      }
      durations.push_back(rule.duration());
      longest = std::max(longest, rule.duration());
    }
    std::vector<SeriesBlock> blocks;
    duration_ = Duration();
    for (int64_t row = 0; row < rows_; ++row) {
      Duration& duration = durations[static_cast<size_t>(row)];
      if (duration.ns() == 0) duration = longest;
      ARROW_ASSIGN_OR_RAISE(auto views, ViewsOfRow(lists, row, duration));
      const GpsTime begin = time_ + duration_;
      if (duration_ > kLongestBlock - duration || !SpanFits(begin.ns(), duration)) {
        return Error(ErrorKind::kCorrupt, "block at {} lasts beyond the end of time",
                     time_.ns());
      }
      blocks.emplace_back(begin, duration, channels_, std::move(views),
                          std::vector<MemoryOwner>{owner_});
      duration_ = duration_ + duration;
    }
    return Concatenate(blocks);
  }

  Result<std::vector<SampleView>> ViewsOfRow(const std::vector<ListSlice>& lists,
                                             int64_t row, Duration duration) const {
    std::vector<SampleView> views;
    for (size_t i = 0; i < lists.size(); ++i) {
      const Channel& channel = (*channels_)[i];
      const int64_t length = lists[i].Length(row);
      const int64_t expected = channel.sample_rate.SamplesIn(duration);
      if (length != 0 && length != expected) return Disagree(channel, length, duration);
      views.push_back(
          length == 0 ? SampleView::Missing(channel.data_type, expected)
                      : lists[i].View(lists[i].Offset(row), length, channel.data_type));
    }
    return views;
  }

  const arrow::RecordBatch& batch_;
  std::shared_ptr<const ChannelSet> channels_;
  MemoryOwner owner_;
  int64_t rows_;
  GpsTime time_;
  Duration duration_;
  std::vector<SampleView> views_;
};

class RowReaderOfBatches final : public RowBatchReader {
 public:
  RowReaderOfBatches(std::shared_ptr<const ChannelSet> channels, StreamShape shape)
      : shape_(std::move(shape)),
        reader_(std::move(channels), shape_.list_types, shape_.ids),
        lists_(shape_.list_types.size()) {}

  Result<SeriesBlock> Read(const std::shared_ptr<arrow::RecordBatch>& batch) override {
    return ReadOwned(*batch, batch);
  }

  Result<SeriesBlock> ReadOwned(const arrow::RecordBatch& batch,
                                const MemoryOwner& owner) {
    const int64_t rows = batch.num_rows();
    const arrow::ArrayDataVector& columns = batch.column_data();
    if (columns.size() != lists_.size() + 2 || rows < 1) {
      return Error(
          ErrorKind::kInvalidArgument,
          "row-form batch has {} columns and {} rows, expected time, id and data",
          columns.size(), rows);
    }
    RowBatch view;
    view.rows = rows;
    ARROW_ASSIGN_OR_RAISE(view.times,
                          ValuesOf(*columns[0], arrow::Type::INT64, 8, rows, "time"));
    ARROW_ASSIGN_OR_RAISE(view.ids,
                          ValuesOf(*columns[1], arrow::Type::UINT32, 4, rows, "id"));
    for (size_t i = 0; i < lists_.size(); ++i) {
      RETURN_NOT_OK(SliceOfList(*columns[i + 2], shape_.list_types[i], rows,
                                batch.schema()->field(static_cast<int>(i) + 2)->name(),
                                &lists_[i]));
    }
    view.lists = lists_;
    out_.clear();
    RETURN_NOT_OK(reader_.Read(view, owner, &out_));
    if (out_.empty()) {
      return Error(ErrorKind::kInvalidArgument,
                   "row-form batch has no samples of a channel asked for");
    }
    return std::move(out_.front());
  }

 private:
  const StreamShape shape_;
  RowReader reader_;
  std::vector<ListSlice> lists_;
  std::vector<SeriesBlock> out_;
};

Result<std::unique_ptr<RowReaderOfBatches>> MakeRowReader(
    const arrow::Schema& schema, std::shared_ptr<const ChannelSet> channels,
    IdTable ids) {
  ARROW_ASSIGN_OR_RAISE(StreamShape shape, ReadShape(schema, *channels, std::move(ids)));
  if (shape.form != Form::kRow) {
    return Error(ErrorKind::kInvalidArgument, "row-form batch has no column of ids");
  }
  return std::make_unique<RowReaderOfBatches>(std::move(channels), std::move(shape));
}

Result<SeriesBlock> FromRows(const arrow::RecordBatch& batch,
                             std::shared_ptr<const ChannelSet> channels,
                             const IdTable& ids, const MemoryOwner& owner) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        MakeRowReader(*batch.schema(), std::move(channels), ids));
  return reader->ReadOwned(batch, owner);
}

MemoryOwner ShareArrays(const arrow::RecordBatch& batch) {
  return std::make_shared<const arrow::ArrayDataVector>(batch.column_data());
}

}  // namespace

Result<SeriesBlock> BlockFromColumnBatch(const std::shared_ptr<arrow::RecordBatch>& batch,
                                         std::shared_ptr<const ChannelSet> channels) {
  return ColumnBatch(*batch, std::move(channels), batch).ToBlock();
}

Result<SeriesBlock> BlockFromColumnBatch(const arrow::RecordBatch& batch,
                                         std::shared_ptr<const ChannelSet> channels) {
  return ColumnBatch(batch, std::move(channels), ShareArrays(batch)).ToBlock();
}

Result<SeriesBlock> BlockFromRowBatch(const std::shared_ptr<arrow::RecordBatch>& batch,
                                      std::shared_ptr<const ChannelSet> channels,
                                      const IdTable& ids) {
  return FromRows(*batch, std::move(channels), ids, batch);
}

Result<SeriesBlock> BlockFromRowBatch(const arrow::RecordBatch& batch,
                                      std::shared_ptr<const ChannelSet> channels,
                                      const IdTable& ids) {
  return FromRows(batch, std::move(channels), ids, ShareArrays(batch));
}

Result<std::unique_ptr<RowBatchReader>> RowBatchReader::Make(
    const arrow::Schema& schema, std::shared_ptr<const ChannelSet> channels,
    IdTable ids) {
  return MakeRowReader(schema, std::move(channels), std::move(ids));
}

}  // namespace carryall::codec
