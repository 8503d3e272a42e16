#include <gtest/gtest.h>

#include <algorithm>

#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);

/// A column-form batch with the truth beside it.
struct ColumnCase {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::vector<int64_t> times;
  std::vector<Duration> durations;  ///< of the rows
  /// [row][channel]; nothing where the list is null or empty.
  std::vector<std::vector<Cell>> cells;
};

/// How irregular the batches are that are made.
struct Mood {
  double jump = 0.1;        ///< of a row's time
  double absent = 0.1;      ///< lists, null or empty
  double short_last = 0.2;  ///< row
  double gap_fraction = 0.3;
};

class ColumnMaker {
 public:
  ColumnMaker(std::shared_ptr<const ChannelSet> channels, Duration stride, Mood mood,
              Random* random)
      : channels_(std::move(channels)), stride_(stride), mood_(mood), random_(random) {}

  ColumnCase Make(GpsTime start, int rows) {
    ColumnCase out;
    std::vector<std::vector<Cell>> written(channels_->size());
    int64_t time = start.ns();
    for (int row = 0; row < rows; ++row) {
      if (row > 0 && Chance(mood_.jump)) time += stride_.ns();
      const bool is_short = row + 1 == rows && Chance(mood_.short_last);
      const Duration duration = is_short ? Duration::FromNs(stride_.ns() / 2) : stride_;
      out.times.push_back(time);
      out.durations.push_back(duration);
      time += duration.ns();
      auto& cells = out.cells.emplace_back();
      for (size_t i = 0; i < channels_->size(); ++i) {
        const Channel& channel = (*channels_)[i];
        const Samples samples =
            RandomSamples(channel.data_type, channel.sample_rate.SamplesIn(duration),
                          Chance(0.5) ? 0 : mood_.gap_fraction, random_);
        const bool absent = Chance(mood_.absent);
        const Samples empty = AllMissing(channel.data_type, 0);
        written[i].push_back(!absent       ? Cell(samples)
                             : Chance(0.5) ? Cell(empty)
                                           : Cell());
        cells.push_back(absent ? Cell() : Cell(samples));
      }
    }
    arrow::ArrayVector columns = {TimeArray(out.times)};
    for (size_t i = 0; i < channels_->size(); ++i) {
      columns.push_back(ToListArray((*channels_)[i].data_type, written[i],
                                    static_cast<int64_t>((*random_)() % 5), random_));
    }
    out.batch = arrow::RecordBatch::Make(ColumnSchema(*channels_), rows, columns);
    return out;
  }

  static std::shared_ptr<arrow::Array> TimeArray(const std::vector<int64_t>& times) {
    return arrow::MakeArray(
        arrow::ArrayData::Make(arrow::int64(), static_cast<int64_t>(times.size()),
                               {nullptr, arrow::Buffer::FromVector(times)}, 0));
  }

 private:
  bool Chance(double p) { return std::generate_canonical<double, 32>(*random_) < p; }

  std::shared_ptr<const ChannelSet> channels_;
  Duration stride_;
  Mood mood_;
  Random* random_;
};

bool Knows(const std::vector<Cell>& row) {
  return std::any_of(row.begin(), row.end(), [](const Cell& c) { return c.has_value(); });
}

bool SamePresence(const std::vector<Cell>& a, const std::vector<Cell>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].has_value() != b[i].has_value()) return false;
  }
  return true;
}

/// Checks the blocks against the truth: one for each run of contiguous rows with the same
/// channels, in order.
void ExpectBlocks(const ColumnCase& truth, const ChannelSet& channels,
                  const std::vector<SeriesBlock>& blocks) {
  size_t at = 0;
  for (size_t row = 0; row < truth.times.size();) {
    if (!Knows(truth.cells[row])) {
      ++row;
      continue;
    }
    size_t end = row + 1;
    while (end < truth.times.size() &&
           truth.times[end] == truth.times[end - 1] + truth.durations[end - 1].ns() &&
           SamePresence(truth.cells[row], truth.cells[end])) {
      ++end;
    }
    ASSERT_LT(at, blocks.size());
    const SeriesBlock& block = blocks[at++];
    ASSERT_OK(block.Validate());
    EXPECT_EQ(block.time().ns(), truth.times[row]);
    EXPECT_EQ(block.end().ns(), truth.times[end - 1] + truth.durations[end - 1].ns());
    for (size_t i = 0; i < channels.size(); ++i) {
      std::vector<Samples> parts;
      for (size_t r = row; r < end; ++r) {
        parts.push_back(truth.cells[r][i].value_or(
            AllMissing(channels[i].data_type,
                       channels[i].sample_rate.SamplesIn(truth.durations[r]))));
      }
      ASSERT_EQ(SamplesOf(block.view(i)), Join(parts)) << channels[i].name;
    }
    row = end;
  }
  EXPECT_EQ(at, blocks.size());
}

TEST(DecodeColumns, GivesWhatArrowWroteForRandomBatches) {
  Random random(11);
  for (int round = 0; round < 150; ++round) {
    const auto channels =
        RandomChannels(1 + static_cast<int>(random() % 12), {16, 32, 256}, &random);
    Mood mood;
    if (round % 3 == 0) mood = {0, 0, 0, 0.3};
    ColumnMaker maker(channels, Duration::FromMs(125), mood, &random);
    const ColumnCase first = maker.Make(kStart, 1);
    auto decoder = Value(StreamDecoder::Make(first.batch->schema(), channels));
    for (int message = 0; message < 8; ++message) {
      const ColumnCase truth = maker.Make(kStart, 1 + static_cast<int>(random() % 6));
      const auto body = static_cast<Body>(random() % 3);
      std::vector<SeriesBlock> blocks;
      ASSERT_OK(
          decoder->Decode(ToMessage(*truth.batch, body, random() % 2 == 0), &blocks));
      ExpectBlocks(truth, *channels, blocks);
      if (HasFatalFailure()) FAIL() << "round " << round << " message " << message;
    }
  }
}

TEST(DecodeColumns, GivesWhatArrowWroteForSlicedBatches) {
  Random random(12);
  for (int round = 0; round < 40; ++round) {
    const auto channels = RandomChannels(4, {16, 32}, &random);
    ColumnMaker maker(channels, Duration::FromMs(125), Mood{}, &random);
    ColumnCase truth = maker.Make(kStart, 6);
    const int skip = 1 + static_cast<int>(random() % 4);
    truth.batch = truth.batch->Slice(skip);
    truth.times.erase(truth.times.begin(), truth.times.begin() + skip);
    truth.durations.erase(truth.durations.begin(), truth.durations.begin() + skip);
    truth.cells.erase(truth.cells.begin(), truth.cells.begin() + skip);
    auto decoder = Value(StreamDecoder::Make(truth.batch->schema(), channels));
    std::vector<SeriesBlock> blocks;
    ASSERT_OK(decoder->Decode(ToMessage(*truth.batch), &blocks));
    ExpectBlocks(truth, *channels, blocks);
  }
}

TEST(DecodeColumns, SeesNewSamplesBehindEqualMetadata) {
  Random random(13);
  const auto channels = RandomChannels(6, {64}, &random);
  ColumnMaker maker(channels, Duration::FromMs(125), Mood{0, 0, 0, 0}, &random);
  const ColumnCase a = maker.Make(kStart, 2);
  const ColumnCase b = maker.Make(kStart + Duration::FromSeconds(1), 2);
  const IpcMessage first = ToMessage(*a.batch), second = ToMessage(*b.batch);
  ASSERT_TRUE(first.metadata->Equals(*second.metadata));
  auto decoder = Value(StreamDecoder::Make(a.batch->schema(), channels));
  for (int round = 0; round < 3; ++round) {
    std::vector<SeriesBlock> blocks;
    ASSERT_OK(decoder->Decode(first, &blocks));
    ExpectBlocks(a, *channels, blocks);
    blocks.clear();
    ASSERT_OK(decoder->Decode(second, &blocks));
    ExpectBlocks(b, *channels, blocks);
  }
}

TEST(DecodeColumns, ChecksOffsetsAlsoBehindEqualMetadata) {
  Random random(14);
  const auto channels = MakeChannels({{16, DataType::kFloat64}});
  ColumnMaker maker(channels, Duration::FromSeconds(1), Mood{0, 0, 0, 0}, &random);
  const ColumnCase truth = maker.Make(kStart, 1);
  const IpcMessage good = ToMessage(*truth.batch);
  auto decoder = Value(StreamDecoder::Make(truth.batch->schema(), channels));
  std::vector<SeriesBlock> blocks;
  ASSERT_OK(decoder->Decode(good, &blocks));
  // The body is: one time, two offsets, samples.
  const std::vector<std::pair<int32_t, int32_t>> bad = {
      {0, 17}, {-1, 15}, {1, 17}, {16, 0}, {2147483647, -2147483647}};
  for (const auto& [begin, end] : bad) {
    std::shared_ptr<arrow::Buffer> body =
        Value(good.body->CopySlice(0, good.body->size()));
    std::memcpy(body->mutable_data() + 8, &begin, 4);
    std::memcpy(body->mutable_data() + 12, &end, 4);
    const Status status = decoder->Decode({good.metadata, body}, &blocks);
    EXPECT_EQ(KindOf(status), ErrorKind::kCorrupt) << begin << " " << end;
    EXPECT_NE(status.message().find("X1:TEST-CH_000"), std::string::npos)
        << status.message();
    EXPECT_EQ(blocks.size(), 1u);
  }
  ASSERT_OK(decoder->Decode(good, &blocks));
  ExpectBlocks(truth, *channels, {blocks.back()});
}

TEST(DecodeColumns, ChannelsInAnotherOrderOrWithoutAColumn) {
  Random random(15);
  const auto sent = RandomChannels(3, {16}, &random);
  ColumnMaker maker(sent, Duration::FromSeconds(1), Mood{0, 0, 0, 0.3}, &random);
  const ColumnCase truth = maker.Make(kStart, 1);
  Channel extra = (*sent)[0];
  extra.name = "X1:NOT-SENT";
  const auto wanted =
      Value(ChannelSet::Make({(*sent)[2], extra, (*sent)[0], (*sent)[1]}));
  auto decoder = Value(StreamDecoder::Make(truth.batch->schema(), wanted));
  for (int round = 0; round < 2; ++round) {
    std::vector<SeriesBlock> blocks;
    ASSERT_OK(decoder->Decode(ToMessage(*truth.batch), &blocks));
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_EQ(SamplesOf(blocks[0].view(0)), truth.cells[0][2]);
    EXPECT_EQ(SamplesOf(blocks[0].view(1)), AllMissing(extra.data_type, 16));
    EXPECT_EQ(SamplesOf(blocks[0].view(2)), truth.cells[0][0]);
    EXPECT_EQ(SamplesOf(blocks[0].view(3)), truth.cells[0][1]);
  }
}

TEST(DecodeColumns, DurationOfAWholeSecondFromAnyRate) {
  Random random(16);
  const auto channels = MakeChannels({{3, DataType::kInt8}, {7, DataType::kInt16}});
  ColumnMaker maker(channels, Duration::FromSeconds(1), Mood{0, 0, 0, 0}, &random);
  const ColumnCase truth = maker.Make(kStart, 3);
  auto decoder = Value(StreamDecoder::Make(truth.batch->schema(), channels));
  std::vector<SeriesBlock> blocks;
  ASSERT_OK(decoder->Decode(ToMessage(*truth.batch), &blocks));
  ExpectBlocks(truth, *channels, blocks);
}

TEST(DecodeColumns, NamesTheChannelThatDisagreesAboutTheDuration) {
  Random random(17);
  const auto channels = MakeChannels({{16, DataType::kInt32}, {32, DataType::kInt32}});
  const auto batch = arrow::RecordBatch::Make(
      ColumnSchema(*channels), 1,
      {ColumnMaker::TimeArray({kStart.ns()}),
       ToListArray(DataType::kInt32, {RandomSamples(DataType::kInt32, 16, 0, &random)}, 0,
                   &random),
       ToListArray(DataType::kInt32, {RandomSamples(DataType::kInt32, 16, 0, &random)}, 0,
                   &random)});
  auto decoder = Value(StreamDecoder::Make(batch->schema(), channels));
  std::vector<SeriesBlock> blocks;
  const Status status = decoder->Decode(ToMessage(*batch), &blocks);
  EXPECT_EQ(KindOf(status), ErrorKind::kCorrupt);
  EXPECT_NE(status.message().find("X1:TEST-CH_001"), std::string::npos)
      << status.message();
}

TEST(DecodeColumns, ABatchWithoutRowsOrSamplesMakesNoBlock) {
  Random random(18);
  const auto channels = RandomChannels(2, {16}, &random);
  ColumnMaker maker(channels, Duration::FromSeconds(1), Mood{0, 0, 0, 0}, &random);
  const ColumnCase truth = maker.Make(kStart, 2);
  auto decoder = Value(StreamDecoder::Make(truth.batch->schema(), channels));
  std::vector<SeriesBlock> blocks;
  ASSERT_OK(decoder->Decode(ToMessage(*truth.batch->Slice(0, 0)), &blocks));
  ColumnMaker nothing(channels, Duration::FromSeconds(1), Mood{0, 1, 0, 0}, &random);
  ASSERT_OK(decoder->Decode(ToMessage(*nothing.Make(kStart, 2).batch), &blocks));
  EXPECT_TRUE(blocks.empty());
  ASSERT_OK(decoder->Decode(ToMessage(*truth.batch), &blocks));
  ExpectBlocks(truth, *channels, blocks);
}

TEST(DecodeColumns, BlocksOutliveTheDecoderAndTheMessage) {
  Random random(19);
  const auto channels = RandomChannels(3, {64}, &random);
  ColumnMaker maker(channels, Duration::FromSeconds(1), Mood{0, 0, 0, 0.3}, &random);
  for (Body body : {Body::kPlain, Body::kZstd}) {
    const ColumnCase truth = maker.Make(kStart, 1);
    std::vector<SeriesBlock> blocks;
    {
      auto decoder = Value(StreamDecoder::Make(truth.batch->schema(), channels));
      ASSERT_OK(decoder->Decode(ToMessage(*truth.batch, body), &blocks));
    }
    EXPECT_EQ(blocks[0].owners().size(), 1u);
    ExpectBlocks(truth, *channels, blocks);
  }
}

TEST(DecodeColumns, RefusesSchemasThatDoNotFitNamingTheColumn) {
  const auto channels = MakeChannels({{16, DataType::kFloat64}});
  const std::string name = (*channels)[0].name;
  const auto time = arrow::field("time", arrow::int64());
  const auto list = arrow::list(arrow::float64());
  const std::vector<std::pair<std::shared_ptr<arrow::Schema>, std::string>> bad = {
      {arrow::schema({}), "no column"},
      {arrow::schema({arrow::field("t", arrow::int64())}), "t: int64"},
      {arrow::schema({arrow::field("time", arrow::float64())}), "time: double"},
      {arrow::schema({time, arrow::field("X1:OTHER", list)}), "X1:OTHER"},
      {arrow::schema({time, arrow::field(name, arrow::float64())}), name},
      {arrow::schema({time, arrow::field(name, arrow::list(arrow::utf8()))}), name},
      {arrow::schema({time, arrow::field(name, arrow::list(arrow::float32()))}), name},
      {arrow::schema({time, arrow::field(name, list), arrow::field(name, list)}), name},
  };
  for (const auto& [schema, word] : bad) {
    const Status status = StreamDecoder::Make(schema, channels).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << schema->ToString();
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace carryall::codec
