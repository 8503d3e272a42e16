#pragma once

#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "carryall/model/series_block.h"

/// Streams of known samples, made with Arrow's builders: sample n of a channel, counted
/// from GPS 0, is n (as the channel's type has it).
namespace carryall::flight {

inline Channel TestChannel(std::string name, int64_t hz, Duration stride,
                           DataType type = DataType::kFloat64) {
  Channel channel;
  channel.name = std::move(name);
  channel.sample_rate = *SampleRate::Make(hz);
  channel.data_type = type;
  channel.stride = stride;
  return channel;
}

inline std::shared_ptr<const ChannelSet> SetOf(std::vector<Channel> channels) {
  return *ChannelSet::Make(std::move(channels));
}

/// The columns as stock servers send them: `time`, then the channels by name.
inline std::shared_ptr<arrow::Schema> TestSchema(const ChannelSet& channels) {
  std::vector<Channel> sorted = channels.channels();
  std::sort(sorted.begin(), sorted.end(),
            [](const Channel& a, const Channel& b) { return a.name < b.name; });
  arrow::FieldVector fields{arrow::field("time", arrow::int64(), false)};
  for (const Channel& channel : sorted) {
    fields.push_back(arrow::field(channel.name, arrow::list(ToArrow(channel.data_type))));
  }
  return arrow::schema(std::move(fields));
}

/// Whether sample n of a channel is missing.
using Missing = std::function<bool(const Channel&, int64_t n)>;

/// One row over [time, time + duration).
inline std::shared_ptr<arrow::RecordBatch> TestBatch(const ChannelSet& channels,
                                                     GpsTime time, Duration duration,
                                                     const Missing& missing = {}) {
  const auto schema = TestSchema(channels);
  arrow::ArrayVector columns;
  arrow::Int64Builder times;
  EXPECT_TRUE(times.Append(time.ns()).ok());
  columns.push_back(*times.Finish());
  for (int i = 1; i < schema->num_fields(); ++i) {
    const Channel& channel = channels[*channels.Find(schema->field(i)->name())];
    std::unique_ptr<arrow::ArrayBuilder> made;
    EXPECT_TRUE(
        arrow::MakeBuilder(arrow::default_memory_pool(), schema->field(i)->type(), &made)
            .ok());
    auto& list = static_cast<arrow::ListBuilder&>(*made);
    EXPECT_TRUE(list.Append().ok());
    const int64_t first = channel.sample_rate.SamplesIn(time - GpsTime());
    const int64_t count = channel.sample_rate.SamplesIn(duration);
    for (int64_t n = first; n < first + count; ++n) {
      if (missing && missing(channel, n)) {
        EXPECT_TRUE(list.value_builder()->AppendNull().ok());
      } else if (channel.data_type == DataType::kFloat64) {
        auto& values = static_cast<arrow::DoubleBuilder&>(*list.value_builder());
        EXPECT_TRUE(values.Append(static_cast<double>(n)).ok());
      } else if (channel.data_type == DataType::kFloat32) {
        auto& values = static_cast<arrow::FloatBuilder&>(*list.value_builder());
        EXPECT_TRUE(values.Append(static_cast<float>(n)).ok());
      } else {
        EXPECT_EQ(channel.data_type, DataType::kInt32);
        auto& values = static_cast<arrow::Int32Builder&>(*list.value_builder());
        EXPECT_TRUE(values.Append(static_cast<int32_t>(n)).ok());
      }
    }
    columns.push_back(*made->Finish());
  }
  return arrow::RecordBatch::Make(schema, 1, std::move(columns));
}

/// Rows of `stride` over [begin, end).
inline std::vector<std::shared_ptr<arrow::RecordBatch>> TestBatches(
    const ChannelSet& channels, GpsTime begin, GpsTime end, Duration stride,
    const Missing& missing = {}) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (GpsTime time = begin; time < end; time = time + stride) {
    batches.push_back(TestBatch(channels, time, stride, missing));
  }
  return batches;
}

template <typename T>
T SampleAt(const SampleView& view, int64_t i) {
  T sample;
  std::memcpy(&sample, view.values + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return sample;
}

/// The samples of one channel of a block as text: "3 4 - 6", a missing one as "-".
inline std::string Samples(const SeriesBlock& block, size_t channel) {
  const SampleView& view = block.view(channel);
  std::string text;
  for (int64_t i = 0; i < view.length; ++i) {
    if (i > 0) text += ' ';
    const int64_t bit = view.validity_offset + i;
    if (view.all_missing() ||
        (view.validity != nullptr && (view.validity[bit / 8] >> (bit % 8) & 1) == 0)) {
      text += '-';
    } else if (view.data_type == DataType::kFloat64) {
      text += fmt::format("{}", SampleAt<double>(view, i));
    } else {
      text += fmt::format("{}", SampleAt<int32_t>(view, i));
    }
  }
  return text;
}

/// The same for a block's first channel, with its span in front: "[8 s] 3 4 - 6".
inline std::string Text(const SeriesBlock& block) {
  return fmt::format("[{}+{}] {}", FormatSeconds(block.time().ns()),
                     FormatSeconds(block.duration().ns()), Samples(block, 0));
}

}  // namespace carryall::flight
