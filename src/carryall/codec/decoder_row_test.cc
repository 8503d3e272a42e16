#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "carryall/codec/decoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);

struct Row {
  uint32_t id;
  DataType type;  ///< which list column holds the cell
  Cell cell;
};

/// A row-form batch with a list column for each of `types`; a row's other lists are null
/// or empty.
std::shared_ptr<arrow::RecordBatch> RowBatchOf(
    GpsTime time, const std::vector<Row>& rows, const std::vector<DataType>& types,
    Random* random, std::shared_ptr<const arrow::KeyValueMetadata> metadata = nullptr) {
  const auto count = static_cast<int64_t>(rows.size());
  std::vector<uint32_t> ids;
  for (const Row& row : rows) ids.push_back(row.id);
  const std::vector<int64_t> times(rows.size(), time.ns());
  arrow::FieldVector fields = {arrow::field("time", arrow::int64()),
                               arrow::field("id", arrow::uint32())};
  arrow::ArrayVector columns = {
      arrow::MakeArray(arrow::ArrayData::Make(
          arrow::int64(), count, {nullptr, arrow::Buffer::FromVector(times)}, 0)),
      arrow::MakeArray(arrow::ArrayData::Make(
          arrow::uint32(), count, {nullptr, arrow::Buffer::FromVector(ids)}, 0))};
  const bool null_others = (*random)() % 2 == 0;
  for (DataType type : types) {
    std::vector<Cell> cells;
    for (const Row& row : rows) {
      const bool here = row.type == type;
      cells.push_back(here ? row.cell : null_others ? Cell() : Cell(AllMissing(type, 0)));
    }
    fields.push_back(
        arrow::field(types.size() == 1 ? "data" : "data." + std::string(Name(type)),
                     arrow::list(ToArrow(type))));
    columns.push_back(
        ToListArray(type, cells, static_cast<int64_t>((*random)() % 3), random));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields, std::move(metadata)), count,
                                  columns);
}

std::shared_ptr<const arrow::KeyValueMetadata> NamesOf(const ChannelSet& channels) {
  std::string names;
  for (const Channel& channel : channels.channels()) {
    names += (names.empty() ? "" : "\n") + channel.name;
  }
  return arrow::key_value_metadata({"carryall.channels"}, {names});
}

std::vector<DataType> TypesIn(const ChannelSet& channels) {
  std::map<DataType, bool> types;
  for (const Channel& channel : channels.channels()) types[channel.data_type] = true;
  std::vector<DataType> out;
  for (const auto& [type, _] : types) out.push_back(type);
  return out;
}

void ExpectBlock(const SeriesBlock& block, GpsTime time, Duration duration,
                 const std::vector<Samples>& truth) {
  ASSERT_OK(block.Validate());
  EXPECT_EQ(block.time(), time);
  EXPECT_EQ(block.duration(), duration);
  ASSERT_EQ(block.size(), truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    ASSERT_EQ(SamplesOf(block.view(i)), truth[i]) << (*block.channels())[i].name;
  }
}

TEST(DecodeRows, GivesWhatArrowWroteForRandomBatches) {
  Random random(21);
  const Duration second = Duration::FromSeconds(1);
  for (int round = 0; round < 150; ++round) {
    const auto channels =
        RandomChannels(1 + static_cast<int>(random() % 12), {1, 16, 256}, &random);
    const auto types = TypesIn(*channels);
    const auto metadata = NamesOf(*channels);
    std::unique_ptr<StreamDecoder> decoder;
    for (int message = 0; message < 6; ++message) {
      auto truth = RandomBlockSamples(*channels, second, &random);
      std::vector<Row> rows;
      bool any = false;
      for (size_t i = 0; i < channels->size(); ++i) {
        const DataType type = (*channels)[i].data_type;
        const uint64_t kind = random() % 8;
        if (kind == 0) truth[i] = AllMissing(type, truth[i].size());
        if (kind == 0 && random() % 2 == 0) continue;
        if (kind != 0) any = true;
        rows.push_back(
            {static_cast<uint32_t>(i), type, kind == 0 ? Cell() : Cell(truth[i])});
      }
      if (rows.empty()) continue;
      if (random() % 2 == 0) std::shuffle(rows.begin(), rows.end(), random);
      const auto batch = RowBatchOf(kStart, rows, types, &random, metadata);
      if (decoder == nullptr)
        decoder = Value(StreamDecoder::Make(batch->schema(), channels));
      const IpcMessage sent =
          ToMessage(*batch, static_cast<Body>(random() % 3), random() % 2 == 0);
      for (int again = 0; again < 2; ++again) {
        std::vector<SeriesBlock> blocks;
        ASSERT_OK(decoder->Decode(sent, &blocks));
        ASSERT_EQ(blocks.size(), any ? 1u : 0u);
        if (any) ExpectBlock(blocks[0], kStart, second, truth);
        if (HasFatalFailure()) FAIL() << "round " << round << " message " << message;
      }
    }
  }
}

TEST(DecodeRows, GapsThatComeAndGoLeaveTheOtherMessagesAlone) {
  Random random(22);
  const auto channels = MakeChannels(
      {{64, DataType::kFloat64}, {64, DataType::kFloat64}, {64, DataType::kFloat64}});
  std::unique_ptr<StreamDecoder> decoder;
  for (int message = 0; message < 40; ++message) {
    std::vector<Samples> truth;
    std::vector<Row> rows;
    for (uint32_t i = 0; i < 3; ++i) {
      truth.push_back(
          RandomSamples(DataType::kFloat64, 64, message % 3 == 0 ? 0.3 : 0, &random));
      rows.push_back({i, DataType::kFloat64, truth.back()});
    }
    const auto batch = RowBatchOf(kStart, rows, {DataType::kFloat64}, &random);
    if (decoder == nullptr) {
      decoder = Value(StreamDecoder::Make(batch->schema(), channels, {0, 1, 2}));
    }
    std::vector<SeriesBlock> blocks;
    ASSERT_OK(decoder->Decode(ToMessage(*batch), &blocks));
    ASSERT_EQ(blocks.size(), 1u);
    ExpectBlock(blocks[0], kStart, Duration::FromSeconds(1), truth);
    for (size_t i = 0; i < 3 && message % 3 != 0; ++i) {
      EXPECT_FALSE(blocks[0].view(i).may_have_gaps());
    }
  }
}

TEST(DecodeRows, IdsNobodyAskedForAreSkippedAndTheLastOfEqualOnesWins) {
  Random random(23);
  const auto channels = MakeChannels({{16, DataType::kInt16}, {16, DataType::kInt16}});
  const auto cell = [&](int64_t n) {
    return RandomSamples(DataType::kInt16, n, 0, &random);
  };
  const Samples a = cell(16), b = cell(16), old = cell(8);
  const auto type = DataType::kInt16;
  const auto batch = RowBatchOf(kStart,
                                {{7, type, cell(3)},
                                 {5, type, old},
                                 {9, type, cell(4)},
                                 {2, type, b},
                                 {5, type, a},
                                 {4000000000, type, cell(1)}},
                                {type}, &random);
  auto decoder = Value(
      StreamDecoder::Make(batch->schema(), channels, {-1, -1, 1, -1, -1, 0, -1, -1}));
  for (int again = 0; again < 2; ++again) {
    std::vector<SeriesBlock> blocks;
    ASSERT_OK(decoder->Decode(ToMessage(*batch), &blocks));
    ASSERT_EQ(blocks.size(), 1u);
    ExpectBlock(blocks[0], kStart, Duration::FromSeconds(1), {a, b});
  }
}

TEST(DecodeRows, ChannelsOfTheTableThatAreNotWantedAreSkipped) {
  Random random(24);
  const auto sent = MakeChannels({{16, DataType::kInt8}, {16, DataType::kInt8}});
  const auto wanted = Value(ChannelSet::Make({(*sent)[1]}));
  const Samples a = RandomSamples(DataType::kInt8, 16, 0, &random);
  const Samples b = RandomSamples(DataType::kInt8, 16, 0, &random);
  const auto batch =
      RowBatchOf(kStart, {{0, DataType::kInt8, a}, {1, DataType::kInt8, b}},
                 {DataType::kInt8}, &random, NamesOf(*sent));
  auto decoder = Value(StreamDecoder::Make(batch->schema(), wanted));
  std::vector<SeriesBlock> blocks;
  ASSERT_OK(decoder->Decode(ToMessage(*batch), &blocks));
  ASSERT_EQ(blocks.size(), 1u);
  ExpectBlock(blocks[0], kStart, Duration::FromSeconds(1), {b});
}

TEST(DecodeRows, NamesTheChannelThatDisagreesAboutTheDuration) {
  Random random(25);
  const auto channels = MakeChannels({{16, DataType::kInt8}, {16, DataType::kInt8}});
  const auto batch =
      RowBatchOf(kStart,
                 {{0, DataType::kInt8, RandomSamples(DataType::kInt8, 16, 0, &random)},
                  {1, DataType::kInt8, RandomSamples(DataType::kInt8, 8, 0, &random)}},
                 {DataType::kInt8}, &random);
  auto decoder = Value(StreamDecoder::Make(batch->schema(), channels, {0, 1}));
  std::vector<SeriesBlock> blocks;
  const Status status = decoder->Decode(ToMessage(*batch), &blocks);
  EXPECT_EQ(KindOf(status), ErrorKind::kCorrupt);
  EXPECT_NE(status.message().find("X1:TEST-CH_001"), std::string::npos)
      << status.message();
}

TEST(DecodeRows, RefusesTablesAndSchemasThatDoNotFit) {
  const auto channels = MakeChannels({{16, DataType::kInt8}, {16, DataType::kFloat64}});
  const auto time = arrow::field("time", arrow::int64());
  const auto id = arrow::field("id", arrow::uint32());
  const auto data = arrow::field("data", arrow::list(arrow::int8()));
  const auto expect = [&](arrow::FieldVector fields, const IdTable& ids,
                          const std::string& word, const char* names = nullptr) {
    const auto metadata = names == nullptr
                              ? nullptr
                              : arrow::key_value_metadata({"carryall.channels"}, {names});
    const Status status =
        StreamDecoder::Make(arrow::schema(std::move(fields), metadata), channels, ids)
            .status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << word;
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  };
  expect({time, id, data}, {}, "no table of ids");
  expect({time, id, data}, {0, 1}, "X1:TEST-CH_001");
  expect({time, id, data}, {2}, "position 2");
  expect({time, id, data}, {}, "X1:TEST-CH_000", "X1:TEST-CH_000\nX1:A\nX1:TEST-CH_000");
  expect({time, id, arrow::field("data", arrow::int8())}, {0}, "data");
  expect({time, id, arrow::field("values", arrow::list(arrow::int8()))}, {0}, "values");
  expect({time, id, data, data}, {0}, "data");
}

}  // namespace
}  // namespace carryall::codec
