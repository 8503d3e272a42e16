#include "carryall/codec/row_reader.h"

#include <cstring>
#include <limits>

namespace carryall::codec {
RowReader::RowReader(std::shared_ptr<const ChannelSet> channels,
                     std::span<const DataType> list_types, std::span<const int32_t> ids)
    : channels_(std::move(channels)), table_(ids), list_of_type_(kDataTypeCount, -1) {
  for (size_t i = 0; i < list_types.size(); ++i) {
    list_of_type_[static_cast<size_t>(list_types[i])] = static_cast<int32_t>(i);
  }
  lists_.resize(list_types.size());
  slots_.resize(channels_->size());
  rates_.reserve(channels_->size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    rates_.push_back((*channels_)[i].sample_rate);
    slots_[i].type = (*channels_)[i].data_type;
  }
}

Status RowReader::Read(const RowBatch& batch, const MemoryOwner& owner,
                       std::vector<SeriesBlock>* out) {
  if (!IsAsBefore(batch)) {
    rows_ = 0;
    for (Shared& shared : shared_) shared = {};
    RETURN_NOT_OK(Index(batch));
    RETURN_NOT_OK(SetDuration());
    Remember(batch);
  }
  if (duration_.ns() == 0) return Status::OK();
  const auto time = Load<int64_t>(batch.times);
  if (!SpanFits(time, duration_)) {
    return Error(ErrorKind::kCorrupt, "block at {} lasts beyond the end of time", time);
  }
  out->emplace_back(GpsTime::FromNs(time), duration_, channels_, Views(batch),
                    OwnerList(MemoryOwner(owner)));
  return Status::OK();
}

bool RowReader::IsAsBefore(const RowBatch& batch) const {
  if (batch.rows != rows_ || std::memcmp(batch.ids, ids_.data(), ids_.size()) != 0) {
    return false;
  }
  for (size_t i = 0; i < lists_.size(); ++i) {
    const ListSlice& list = batch.lists[i];
    if (list.list_validity != nullptr || list.child_length < lists_[i].end ||
        std::memcmp(list.offsets, lists_[i].offsets.data(), lists_[i].offsets.size()) !=
            0) {
      return false;
    }
  }
  return true;
}

Status RowReader::Index(const RowBatch& batch) {
  for (const ListSlice& list : batch.lists) {
    if (!list.OffsetsAreSound(batch.rows)) {
      return Error(ErrorKind::kCorrupt,
                   "list offsets are out of order or range: column {}",
                   &list - batch.lists.data() + 2);
    }
  }
  for (Slot& slot : slots_) slot.list = -1;
  for (int64_t row = 0; row < batch.rows; ++row) {
    const auto id = Load<uint32_t>(batch.ids + 4 * row);
    if (id >= table_.size() || table_[id] < 0) continue;
    Slot& slot = slots_[static_cast<size_t>(table_[id])];
    const int32_t list = list_of_type_[static_cast<size_t>(slot.type)];
    slot.length = batch.lists[static_cast<size_t>(list)].Length(row);
    slot.begin = batch.lists[static_cast<size_t>(list)].Offset(row);
    slot.list = slot.length > 0 ? list : -1;
  }
  return Status::OK();
}

Status RowReader::SetDuration() {
  DurationRule rule;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].list >= 0) rule.Add(rates_[i], slots_[i].length);
  }
  duration_ = rule.duration();
  SampleRate rate;
  int64_t expected = rate.SamplesIn(duration_);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (rates_[i] != rate) {
      rate = rates_[i];
      expected = rate.SamplesIn(duration_);
    }
    Slot& slot = slots_[i];
    if (slot.list < 0) {
      slot.begin = 0;
      slot.length = expected;
    } else if (slot.length != expected) {
      return Error(
          ErrorKind::kCorrupt,
          "channels of one block disagree about its duration: {} samples of channel "
          "{} at {} Hz in {}",
          slot.length, (*channels_)[i].name, rate.hz(), ToString(duration_));
    }
  }
  return Status::OK();
}

void RowReader::Remember(const RowBatch& batch) {
  for (const ListSlice& list : batch.lists) {
    if (list.list_validity != nullptr) return;
  }
  ids_.assign(batch.ids, batch.ids + 4 * batch.rows);
  for (size_t i = 0; i < lists_.size(); ++i) {
    const ListSlice& list = batch.lists[i];
    lists_[i].offsets.assign(list.offsets, list.offsets + 4 * (batch.rows + 1));
    lists_[i].end = list.Offset(batch.rows);
  }
  rows_ = batch.rows;
}

ViewList RowReader::Views(const RowBatch& batch) {
  const auto values = reinterpret_cast<intptr_t>(batch.lists[0].values);
  places_.clear();
  bool nulls = false;
  for (const ListSlice& list : batch.lists) {
    nulls = nulls || list.validity != nullptr;
    places_.push_back(reinterpret_cast<intptr_t>(list.values) - values);
    places_.push_back(list.validity == nullptr
                          ? std::numeric_limits<int64_t>::min()
                          : reinterpret_cast<intptr_t>(list.validity) - values);
    places_.push_back(list.validity_offset);
    places_.push_back(list.all_null ? 1 : 0);
  }
  Shared& shared = shared_[nulls ? 1 : 0];
  if (shared.places != places_) {
    shared = {places_, batch.lists[0].values, ViewList(MakeViews(batch))};
  }
  return shared.views.Moved(values - reinterpret_cast<intptr_t>(shared.values));
}

std::vector<SampleView> RowReader::MakeViews(const RowBatch& batch) const {
  std::vector<SampleView> views;
  views.reserve(slots_.size());
  for (const Slot& slot : slots_) {
    views.push_back(slot.list < 0 ? SampleView::Missing(slot.type, slot.length)
                                  : batch.lists[static_cast<size_t>(slot.list)].View(
                                        slot.begin, slot.length, slot.type));
  }
  return views;
}

}  // namespace carryall::codec
