#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <gtest/gtest.h>

#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kSecond = Duration::FromSeconds(1);

std::shared_ptr<arrow::Array> Numbers(const std::vector<int64_t>& numbers) {
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow::int64(), static_cast<int64_t>(numbers.size()),
                             {nullptr, arrow::Buffer::FromVector(numbers)}, 0));
}

std::shared_ptr<arrow::Array> Ids(const std::vector<uint32_t>& ids) {
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow::uint32(), static_cast<int64_t>(ids.size()),
                             {nullptr, arrow::Buffer::FromVector(ids)}, 0));
}

TEST(ToColumnBatch, MakesTheBatchArrowWouldMake) {
  Random random(41);
  for (int round = 0; round < 60; ++round) {
    const auto channels = RandomChannels(9, {16, 64, 1000}, &random);
    const auto truth = RandomBlockSamples(*channels, kSecond, &random);
    const auto batch =
        Value(ToColumnBatch(MakeBlock(kStart, kSecond, channels, truth, &random)));
    ASSERT_OK(batch->ValidateFull());
    arrow::FieldVector fields = {arrow::field("time", arrow::int64())};
    arrow::ArrayVector columns = {Numbers({kStart.ns()})};
    for (size_t i = 0; i < channels->size(); ++i) {
      fields.push_back(arrow::field((*channels)[i].name,
                                    arrow::list(ToArrow((*channels)[i].data_type))));
      columns.push_back(ToListArray((*channels)[i].data_type, {truth[i]}, 0, &random));
    }
    const auto expected = arrow::RecordBatch::Make(arrow::schema(fields), 1, columns);
    ASSERT_TRUE(batch->schema()->Equals(*expected->schema(), true));
    for (size_t i = 0; i < channels->size(); ++i) {
      // Bit for bit: random bytes may be NaN, which compares with nothing.
      const auto& list =
          static_cast<const arrow::ListArray&>(*batch->column(static_cast<int>(i) + 1));
      ASSERT_EQ(SamplesOf(*list.value_slice(0)), truth[i]);
    }
    const auto back = Value(BlockFromColumnBatch(batch, channels));
    EXPECT_EQ(back.time(), kStart);
    EXPECT_EQ(back.duration(), kSecond);
    for (size_t i = 0; i < channels->size(); ++i) {
      ASSERT_EQ(SamplesOf(back.view(i)), truth[i]);
    }
  }
}

TEST(ToColumnBatch, ReferencesSamplesAndKeepsThemAlive) {
  Random random(42);
  const auto channels = MakeChannels({{64, DataType::kFloat64}});
  const auto truth = RandomSamples(DataType::kFloat64, 64, 0, &random);
  std::shared_ptr<arrow::RecordBatch> batch;
  {
    const auto block = MakeBlock(kStart, kSecond, channels, {truth}, &random);
    batch = Value(ToColumnBatch(block));
    EXPECT_EQ(batch->column_data(1)->child_data[0]->buffers[1]->data(),
              block.view(0).values);
  }
  EXPECT_EQ(SamplesOf(*static_cast<const arrow::ListArray&>(*batch->column(1)).values()),
            truth);
}

TEST(BlockFromColumnBatch, TakesRowsAsContiguousWhateverTheirTimes) {
  Random random(43);
  const auto channels = RandomChannels(3, {16, 64}, &random);
  for (int round = 0; round < 60; ++round) {
    const int rows = 1 + static_cast<int>(random() % 4);
    std::vector<std::vector<Cell>> cells(channels->size());
    std::vector<std::vector<Samples>> truth(channels->size());
    arrow::ArrayVector columns = {Numbers(std::vector<int64_t>(rows, kStart.ns()))};
    for (size_t i = 0; i < channels->size(); ++i) {
      const DataType type = (*channels)[i].data_type;
      const int64_t count = (*channels)[i].sample_rate.SamplesIn(kSecond);
      for (int row = 0; row < rows; ++row) {
        const uint64_t kind = i == 0 ? 3 : random() % 4;
        const auto samples = RandomSamples(type, count, row % 2 == 0 ? 0 : 0.3, &random);
        cells[i].push_back(kind == 0   ? Cell()
                           : kind == 1 ? Cell(AllMissing(type, 0))
                                       : Cell(samples));
        truth[i].push_back(kind <= 1 ? AllMissing(type, count) : samples);
      }
      columns.push_back(ToListArray(type, cells[i], 3, &random));
    }
    const auto batch = arrow::RecordBatch::Make(ColumnSchema(*channels), rows, columns);
    for (const auto& block : {Value(BlockFromColumnBatch(batch, channels)),
                              Value(BlockFromColumnBatch(*batch, channels))}) {
      EXPECT_EQ(block.time(), kStart);
      EXPECT_EQ(block.duration(), kSecond * rows);
      ASSERT_OK(block.Validate());
      for (size_t i = 0; i < channels->size(); ++i) {
        ASSERT_EQ(SamplesOf(block.view(i)), Join(truth[i])) << "round " << round;
      }
    }
    if (rows > 2) {
      const auto block = Value(BlockFromColumnBatch(batch->Slice(1, 2), channels));
      for (size_t i = 0; i < channels->size(); ++i) {
        ASSERT_EQ(SamplesOf(block.view(i)), Join({truth[i][1], truth[i][2]}));
      }
    }
  }
}

TEST(BlockFromColumnBatch, RefusesWhatDoesNotFit) {
  Random random(44);
  const auto channels = MakeChannels({{16, DataType::kInt8}});
  const auto good = ToListArray(
      DataType::kInt8, {RandomSamples(DataType::kInt8, 16, 0, &random)}, 0, &random);
  const auto refuse = [&](const arrow::ArrayVector& columns, int64_t rows,
                          ErrorKind kind) {
    arrow::FieldVector fields;
    for (const auto& column : columns) {
      fields.push_back(
          arrow::field(fields.empty() ? "time" : "X1:TEST-CH_000", column->type()));
    }
    const auto batch = arrow::RecordBatch::Make(arrow::schema(fields), rows, columns);
    EXPECT_EQ(KindOf(BlockFromColumnBatch(batch, channels).status()), kind);
  };
  refuse({Numbers({1})}, 1, ErrorKind::kInvalidArgument);
  refuse({Numbers({}), good->Slice(0, 0)}, 0, ErrorKind::kInvalidArgument);
  refuse({Numbers({1}), Numbers({1})}, 1, ErrorKind::kInvalidArgument);
  refuse({Ids({1}), good}, 1, ErrorKind::kInvalidArgument);
  refuse({Numbers({1}), ToListArray(DataType::kInt8, {Cell()}, 0, &random)}, 1,
         ErrorKind::kInvalidArgument);
  // Offsets beyond the child, and a child beyond its buffer.
  auto beyond = good->data()->Copy();
  beyond->buffers[1] = arrow::Buffer::FromVector(std::vector<int32_t>{0, 17});
  refuse({Numbers({1}), arrow::MakeArray(beyond)}, 1, ErrorKind::kCorrupt);
  auto cut = good->data()->Copy();
  cut->child_data[0] = cut->child_data[0]->Copy();
  cut->child_data[0]->length = 17;
  cut->buffers[1] = beyond->buffers[1];
  refuse({Numbers({1}), arrow::MakeArray(cut)}, 1, ErrorKind::kCorrupt);
  refuse({Numbers({std::numeric_limits<int64_t>::max()}), good}, 1, ErrorKind::kCorrupt);
}

TEST(BlockFromRowBatch, PicksTheRowsOfTheChannelsAskedFor) {
  Random random(45);
  for (int round = 0; round < 40; ++round) {
    const auto type = static_cast<DataType>(random() % kDataTypeCount);
    const std::vector<ChannelSpec> specs(4, {32, type});
    const auto channels = MakeChannels(specs);
    const auto truth = RandomBlockSamples(*channels, kSecond, &random);
    const std::vector<uint32_t> ids = {3, 900, 1, 7, 3, 0};
    const IdTable table = {2, 1, -1, 0, 3};  // nobody sends id 4
    const auto stray = RandomSamples(type, 5, 0.2, &random);
    const auto batch = arrow::RecordBatch::Make(
        arrow::schema({arrow::field("time", arrow::int64()),
                       arrow::field("id", arrow::uint32()),
                       arrow::field("data", arrow::list(ToArrow(type)))}),
        6,
        {Numbers(std::vector<int64_t>(6, kStart.ns())), Ids(ids),
         ToListArray(type, {stray, stray, truth[1], stray, truth[0], truth[2]}, 2,
                     &random)});
    if (truth[0].missing() + truth[1].missing() + truth[2].missing() == 96) continue;
    for (const auto& block : {Value(BlockFromRowBatch(batch, channels, table)),
                              Value(BlockFromRowBatch(*batch, channels, table))}) {
      EXPECT_EQ(block.duration(), kSecond);
      for (size_t i = 0; i < 3; ++i) ASSERT_EQ(SamplesOf(block.view(i)), truth[i]);
      EXPECT_TRUE(block.view(3).all_missing());
    }
    EXPECT_EQ(KindOf(BlockFromRowBatch(batch, channels, {-1, -1}).status()),
              ErrorKind::kInvalidArgument);
  }
}

TEST(ToRowMessage, IsAStreamThatArrowReads) {
  Random random(46);
  for (int round = 0; round < 30; ++round) {
    const auto type = static_cast<DataType>(random() % kDataTypeCount);
    const auto channels = MakeChannels({{32, type}, {64, type}, {16384, type}});
    const auto truth = RandomBlockSamples(*channels, kSecond, &random);
    const auto message = Value(ToRowMessage(
        MakeBlock(kStart, kSecond, channels, truth, &random), {70, 3, 4000000000}));
    const std::vector<uint8_t> end_mark = {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
    EXPECT_EQ(std::vector<uint8_t>(message->data() + message->size() - 8,
                                   message->data() + message->size()),
              end_mark);
    arrow::io::BufferReader source(message);
    auto reader = Value(arrow::ipc::RecordBatchStreamReader::Open(&source));
    ASSERT_TRUE(reader->schema()->Equals(
        *arrow::schema({arrow::field("time", arrow::int64()),
                        arrow::field("id", arrow::uint32()),
                        arrow::field("data", arrow::list(ToArrow(type)))}),
        true));
    const auto batch = Value(reader->Next());
    ASSERT_OK(batch->ValidateFull());
    EXPECT_EQ(Value(reader->Next()), nullptr);
    EXPECT_TRUE(batch->column(1)->Equals(Ids({70, 3, 4000000000})));
    const auto& list = static_cast<const arrow::ListArray&>(*batch->column(2));
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(SamplesOf(*list.value_slice(i)), truth[static_cast<size_t>(i)]);
    }
  }
}

TEST(ToRowMessage, HasTheSizeOfStocksMessages) {
  // Known sizes: 80 and 100 channels of one float32 sample.
  for (const auto& [count, size] : {std::pair<size_t, int64_t>{80, 2192}, {100, 2592}}) {
    Random random(47);
    const std::vector<ChannelSpec> specs(count, {1, DataType::kFloat32});
    const auto channels = MakeChannels(specs);
    std::vector<Samples> truth;
    std::vector<uint32_t> ids;
    for (size_t i = 0; i < count; ++i) {
      truth.push_back(RandomSamples(DataType::kFloat32, 1, 0, &random));
      ids.push_back(static_cast<uint32_t>(i));
    }
    const auto block = MakeBlock(kStart, kSecond, channels, truth, &random);
    EXPECT_EQ(Value(ToRowMessage(block, ids))->size(), size);
  }
}

TEST(ToRowMessage, RefusesMixedTypesNamingTheChannel) {
  const auto channels = MakeChannels({{16, DataType::kInt8}, {16, DataType::kInt16}});
  const auto block = SeriesBlock::Gap(kStart, kSecond, channels);
  const Status status = ToRowMessage(block, {0, 1}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_NE(status.message().find("X1:TEST-CH_001"), std::string::npos);
  EXPECT_FALSE(ToRowMessage(block, {0}).ok());
}

}  // namespace
}  // namespace carryall::codec
