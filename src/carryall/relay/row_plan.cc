#include "carryall/relay/row_plan.h"

#include <algorithm>

#include "carryall/codec/bytes.h"

namespace carryall::relay {

using codec::MessageRows;

RowPlan::RowPlan(std::shared_ptr<const ChannelSet> channels,
                 std::vector<int32_t> positions, Duration stride)
    : channels_(std::move(channels)), positions_(std::move(positions)), stride_(stride) {
  for (const int32_t position : positions_) {
    const Channel& channel = (*channels_)[static_cast<size_t>(position)];
    channel_of_id_[channel.partition_index.value_or(0)] = position;
  }
}

bool RowPlan::Prepare(const MessageRows& rows) {
  if (rows.generation == generation_) return false;
  generation_ = rows.generation;
  rows_.clear();
  absent_.clear();
  complaint_.clear();
  // Of repeated ids the last counts.
  std::unordered_map<int32_t, Row> found;
  for (int64_t i = 0; i < rows.rows; ++i) {
    const auto wanted = channel_of_id_.find(codec::Load<uint32_t>(rows.ids + 4 * i));
    if (wanted == channel_of_id_.end()) continue;
    found[wanted->second] = {wanted->second, rows.list.Offset(i), rows.list.Length(i)};
  }
  for (const auto& [position, row] : found) {
    const Channel& channel = (*channels_)[static_cast<size_t>(position)];
    if (row.length == 0) continue;
    if (channel.data_type != rows.type) {
      complaint_ = fmt::format("{} of channel {}, which is {}", Name(rows.type),
                               channel.name, Name(channel.data_type));
      continue;
    }
    rows_.push_back(row);
  }
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.channel < b.channel; });
  FindDuration(rows);
  std::erase_if(rows_, [&](const Row& row) {
    const Channel& channel = (*channels_)[static_cast<size_t>(row.channel)];
    if (channel.sample_rate.SamplesIn(duration_) == row.length) return false;
    complaint_ = fmt::format("{} samples of channel {} at {} Hz in {}", row.length,
                             channel.name, channel.sample_rate.hz(), ToString(duration_));
    return true;
  });
  size_t next = 0;
  std::vector<int32_t> sorted = positions_;
  std::sort(sorted.begin(), sorted.end());
  for (const int32_t position : sorted) {
    if (next < rows_.size() && rows_[next].channel == position) {
      ++next;
    } else {
      absent_.push_back(position);
    }
  }
  if ((duration_ % stride_).ns() != 0) {
    complaint_ = fmt::format("{} is no whole number of strides", ToString(duration_));
    rows_.clear();
  }
  if (rows_.empty()) duration_ = Duration();
  return true;
}

/// The stride if a row says so; otherwise what holds all rows.
void RowPlan::FindDuration(const MessageRows& rows) {
  codec::DurationRule rule;
  for (const Row& row : rows_) {
    const SampleRate rate = (*channels_)[static_cast<size_t>(row.channel)].sample_rate;
    if (rate.SamplesIn(stride_) == row.length) {
      duration_ = stride_;
      return;
    }
    rule.Add(rate, row.length);
  }
  duration_ = rule.duration();
  if (!codec::SpanFits(rows.time_ns, duration_)) duration_ = Duration();
}

}  // namespace carryall::relay
