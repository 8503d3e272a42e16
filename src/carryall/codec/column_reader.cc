#include "carryall/codec/column_reader.h"

namespace carryall::codec {
namespace {

/// Whether each of the rows has `length` samples, the first of them at `begin`.
bool AreRegular(const uint8_t* offsets, int64_t rows, int64_t begin, int64_t length) {
  int64_t wrong = Load<int32_t>(offsets) - begin;
  for (int64_t row = 1; row <= rows; ++row) {
    wrong |= Load<int32_t>(offsets + 4 * row) - (begin + length * row);
  }
  return wrong == 0;
}

}  // namespace

ColumnReader::ColumnReader(std::shared_ptr<const ChannelSet> channels,
                           const StreamShape& shape, int64_t max_views)
    : channels_(std::move(channels)), max_views_(max_views) {
  every_channel_ = shape.list_channels.size() == channels_->size();
  for (size_t i = 0; i < shape.list_channels.size(); ++i) {
    const int32_t channel = shape.list_channels[i];
    every_channel_ &= channel == static_cast<int32_t>(i);
    columns_.push_back({channel, (*channels_)[static_cast<size_t>(channel)].sample_rate,
                        shape.list_types[i], 0});
  }
}

Status ColumnReader::Read(const BatchLayout& layout, const uint8_t* body,
                          const MemoryOwner& owner, std::vector<SeriesBlock>* out) {
  if (ReadRegular(layout, body, owner, out)) return Status::OK();
  const size_t before = out->size();
  Status status = ReadGeneral(layout, body, owner, out);
  if (!status.ok()) out->resize(before);
  return status;
}

bool ColumnReader::TimesAreRegular(const BatchLayout& layout, const uint8_t* body) const {
  const int64_t rows = layout.rows;
  if (row_duration_.ns() == 0 || (rows > 1 && !row_is_exact_) ||
      row_duration_.ns() > kLongestBlock.ns() / rows) {
    return false;
  }
  const auto first = Load<int64_t>(body + layout.time);
  if (!SpanFits(first, row_duration_ * rows)) return false;
  for (int64_t row = 1; row < rows; ++row) {
    if (Load<int64_t>(body + layout.time + 8 * row) != first + row_duration_.ns() * row) {
      return false;
    }
  }
  return true;
}

bool ColumnReader::IsAsShared(const BatchLayout& layout, const uint8_t* body) const {
  if (layout.generation != shared_.generation || layout.rows != shared_.rows ||
      row_duration_ != shared_.row_duration) {
    return false;
  }
  bool regular = true;
  for (size_t i = 0; i < columns_.size() && regular; ++i) {
    regular =
        AreRegular(body + layout.lists[i].offsets, layout.rows, 0, columns_[i].expected);
  }
  return regular;
}

bool ColumnReader::MakeViews(const BatchLayout& layout, const uint8_t* body,
                             std::vector<SampleView>* views, bool* shareable) const {
  const int64_t rows = layout.rows;
  if (every_channel_) {
    views->resize(columns_.size());
  } else {
    *views = MissingViews(row_duration_ * rows);
  }
  bool any = false;
  *shareable = true;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const ListPlace& place = layout.lists[i];
    const uint8_t* offsets = body + place.offsets;
    const int64_t begin = Load<int32_t>(offsets);
    const int64_t length = column.expected * rows;
    SampleView& view = (*views)[static_cast<size_t>(column.channel)];
    if (place.list_validity >= 0 || begin < 0) return false;
    *shareable = *shareable && begin == 0;
    if (rows == 1 && Load<int32_t>(offsets + 4) == begin && begin <= place.child_length) {
      view = SampleView::Missing(column.type, length);
      *shareable = false;
      continue;
    }
    if (begin + length > place.child_length ||
        !AreRegular(offsets, rows, begin, column.expected)) {
      return false;
    }
    view = ListSlice::Of(place, body).View(begin, length, column.type);
    any = true;
  }
  return any;
}

bool ColumnReader::ReadRegular(const BatchLayout& layout, const uint8_t* body,
                               const MemoryOwner& owner, std::vector<SeriesBlock>* out) {
  if (!TimesAreRegular(layout, body)) return false;
  ViewList list;
  if (IsAsShared(layout, body)) {
    list = shared_.views.Moved(body - shared_.body);
  } else {
    std::vector<SampleView> views;
    bool shareable = false;
    if (!MakeViews(layout, body, &views, &shareable)) return false;
    list = ViewList(std::move(views));
    if (shareable) shared_ = {layout.generation, layout.rows, row_duration_, body, list};
  }
  out->emplace_back(GpsTime::FromNs(Load<int64_t>(body + layout.time)),
                    row_duration_ * layout.rows, channels_, std::move(list),
                    std::vector<MemoryOwner>{owner});
  return true;
}

Status ColumnReader::ReadGeneral(const BatchLayout& layout, const uint8_t* body,
                                 const MemoryOwner& owner,
                                 std::vector<SeriesBlock>* out) {
  const int64_t rows = layout.rows;
  slices_.clear();
  for (size_t i = 0; i < columns_.size(); ++i) {
    slices_.push_back(ListSlice::Of(layout.lists[i], body));
    if (!slices_.back().OffsetsAreSound(rows)) {
      return Error(ErrorKind::kCorrupt,
                   "list offsets are out of order or range: channel {}",
                   (*channels_)[static_cast<size_t>(columns_[i].channel)].name);
    }
  }
  const auto time = [&](int64_t row) {
    return Load<int64_t>(body + layout.time + 8 * row);
  };
  std::vector<bool> present, group_present;
  int64_t first = 0, views = 0;
  Duration total;
  const auto finish_group = [&](int64_t end) -> Status {
    if (total.ns() == 0) return Status::OK();
    views += static_cast<int64_t>(channels_->size());
    if (views > max_views_) {
      return Error(ErrorKind::kResourceExhausted,
                   "record batch of {} rows falls into too many blocks of {} channels",
                   rows, channels_->size());
    }
    Emit(layout, body, first, end, total, group_present, owner, out);
    total = Duration();
    return Status::OK();
  };
  bool may_go_on = false;
  int64_t next_time = 0;
  for (int64_t row = 0; row < rows; ++row) {
    Duration duration;
    RETURN_NOT_OK(StudyRow(row, &present, &duration));
    if (!SpanFits(time(row), duration)) {
      return Error(ErrorKind::kCorrupt, "block at {} lasts beyond the end of time",
                   time(row));
    }
    const bool goes_on = may_go_on && duration.ns() > 0 && time(row) == next_time &&
                         total <= kLongestBlock - duration && present == group_present;
    if (!goes_on) {
      RETURN_NOT_OK(finish_group(row));
      first = row;
      group_present = present;
    }
    total = total + duration;
    next_time = time(row) + duration.ns();
    may_go_on = duration.ns() > 0 && row_is_exact_;
  }
  return finish_group(rows);
}

Status ColumnReader::StudyRow(int64_t row, std::vector<bool>* present,
                              Duration* duration) {
  DurationRule rule;
  present->assign(columns_.size(), false);
  for (size_t i = 0; i < columns_.size(); ++i) {
    const int64_t samples = slices_[i].Length(row);
    if (samples == 0) continue;
    (*present)[i] = true;
    rule.Add(columns_[i].rate, samples);
  }
  *duration = rule.duration();
  if (duration->ns() == 0) return Status::OK();
  if (*duration != row_duration_) SetRowDuration(*duration);
  for (size_t i = 0; i < columns_.size(); ++i) {
    if ((*present)[i] && slices_[i].Length(row) != columns_[i].expected) {
      const Channel& channel = (*channels_)[static_cast<size_t>(columns_[i].channel)];
      return Error(
          ErrorKind::kCorrupt,
          "channels of one row disagree about its duration: {} samples of channel "
          "{} at {} Hz in {}",
          slices_[i].Length(row), channel.name, channel.sample_rate.hz(),
          ToString(*duration));
    }
  }
  return Status::OK();
}

void ColumnReader::SetRowDuration(Duration duration) {
  row_duration_ = duration;
  for (Column& column : columns_) column.expected = column.rate.SamplesIn(duration);
  row_is_exact_ = true;
  for (const Channel& channel : channels_->channels()) {
    row_is_exact_ = row_is_exact_ && channel.sample_rate.Divides(duration);
  }
}

std::vector<SampleView> ColumnReader::MissingViews(Duration duration) const {
  std::vector<SampleView> views;
  views.reserve(channels_->size());
  for (const Channel& channel : channels_->channels()) {
    views.push_back(
        SampleView::Missing(channel.data_type, channel.sample_rate.SamplesIn(duration)));
  }
  return views;
}

void ColumnReader::Emit(const BatchLayout& layout, const uint8_t* body, int64_t first,
                        int64_t end, Duration duration, const std::vector<bool>& present,
                        const MemoryOwner& owner, std::vector<SeriesBlock>* out) const {
  std::vector<SampleView> views = MissingViews(duration);
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!present[i]) continue;
    const int64_t begin = slices_[i].Offset(first);
    views[static_cast<size_t>(columns_[i].channel)] =
        slices_[i].View(begin, slices_[i].Offset(end) - begin, columns_[i].type);
  }
  out->emplace_back(GpsTime::FromNs(Load<int64_t>(body + layout.time + 8 * first)),
                    duration, channels_, std::move(views),
                    std::vector<MemoryOwner>{owner});
}

}  // namespace carryall::codec
