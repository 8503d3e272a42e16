#include "carryall/codec/encoder.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "carryall/codec/decoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kStride = Duration::FromMs(125);

/// What Arrow's stream reader makes of a stream of the schema and the payload.
std::shared_ptr<arrow::RecordBatch> ReadBack(const std::shared_ptr<arrow::Schema>& schema,
                                             const arrow::ipc::IpcPayload& payload) {
  const auto options = arrow::ipc::IpcWriteOptions::Defaults();
  auto sink = Value(arrow::io::BufferOutputStream::Create());
  auto writer = Value(arrow::ipc::internal::MakePayloadStreamWriter(sink.get(), options));
  arrow::ipc::IpcPayload head;
  const arrow::ipc::DictionaryFieldMapper mapper;
  EXPECT_TRUE(arrow::ipc::GetSchemaPayload(*schema, options, mapper, &head).ok());
  EXPECT_TRUE(writer->Start().ok());
  EXPECT_TRUE(writer->WritePayload(head).ok());
  EXPECT_TRUE(writer->WritePayload(payload).ok());
  EXPECT_TRUE(writer->Close().ok());
  arrow::io::BufferReader source(Value(sink->Finish()));
  auto reader = Value(arrow::ipc::RecordBatchStreamReader::Open(&source));
  EXPECT_TRUE(reader->schema()->Equals(*schema, /*check_metadata=*/true));
  auto batch = Value(reader->Next());
  EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
  return batch;
}

/// Checks a payload against what transports do: every piece but the last is a multiple of
/// 8 bytes, and the padded total is what the metadata say.
void ExpectPieces(const arrow::ipc::IpcPayload& payload) {
  int64_t total = 0;
  for (const auto& piece : payload.body_buffers) {
    EXPECT_EQ(piece->size() % 8, 0);
    EXPECT_GT(piece->size(), 0);
    total += piece->size();
  }
  EXPECT_EQ(total, payload.body_length);
}

std::shared_ptr<arrow::Array> CellOf(const arrow::RecordBatch& batch, int column,
                                     int64_t row) {
  const auto& list = static_cast<const arrow::ListArray&>(*batch.column(column));
  EXPECT_FALSE(list.IsNull(row));
  return list.value_slice(row);
}

/// SamplesOf reads nothing behind gaps; the wire must have zeros there.
void ExpectZerosBehindGaps(const arrow::RecordBatch& batch, int first_list) {
  for (int c = first_list; c < batch.num_columns(); ++c) {
    const auto& list = static_cast<const arrow::ListArray&>(*batch.column(c));
    const arrow::ArrayData& child = *list.values()->data();
    const int64_t width = list.value_type()->byte_width();
    for (int64_t i = 0; i < child.length; ++i) {
      if (child.IsValid(i)) continue;
      for (int64_t b = 0; b < width; ++b) {
        ASSERT_EQ(child.buffers[1]->data()[(child.offset + i) * width + b], 0);
      }
    }
  }
}

int64_t TimeAt(const arrow::RecordBatch& batch, int64_t row) {
  return static_cast<const arrow::Int64Array&>(*batch.column(0)).Value(row);
}

struct Shape {
  const char* name;
  int channels;
  std::vector<int64_t> rates;
  std::vector<Duration> durations;  ///< of the blocks
};

std::vector<Shape> Shapes() {
  const Duration one = kStride, tail = Duration::FromMs(62);
  return {
      {"small", 5, {16, 64, 256}, {one, one * 4, one * 3 + Duration::FromMs(125) * 1}},
      {"short and long tails", 4, {1000}, {tail, one * 2 + tail, one, tail}},
      {"large", 3, {131072}, {one, one * 3, one}},
      {"one sample", 60, {8}, {one, one, one * 2}}};
}

class EveryCompression : public ::testing::TestWithParam<Compression> {};

TEST_P(EveryCompression, ArrowReadsTheColumnsThatWereWritten) {
  Random random(31);
  for (const Shape& shape : Shapes()) {
    for (int round = 0; round < 12; ++round) {
      const auto channels = RandomChannels(shape.channels, shape.rates, &random);
      EncodeOptions options;
      options.compression = GetParam();
      options.stride = kStride;
      auto encoder = Value(StreamEncoder::Make(channels, options));
      for (Duration duration : shape.durations) {
        const auto truth = RandomBlockSamples(*channels, duration, &random);
        const auto payload =
            Value(encoder->Encode(MakeBlock(kStart, duration, channels, truth, &random)));
        if (GetParam() == Compression::kNone) ExpectPieces(payload);
        const auto batch = ReadBack(encoder->schema(), payload);
        const int64_t rows = (duration.ns() + kStride.ns() - 1) / kStride.ns();
        ASSERT_EQ(batch->num_rows(), rows);
        for (int64_t row = 0; row < rows; ++row) {
          EXPECT_EQ(TimeAt(*batch, row), (kStart + kStride * row).ns());
        }
        for (size_t i = 0; i < channels->size(); ++i) {
          std::vector<Samples> parts;
          for (int64_t row = 0; row < rows; ++row) {
            parts.push_back(SamplesOf(*CellOf(*batch, static_cast<int>(i) + 1, row)));
            const Duration here = std::min(kStride, duration - kStride * row);
            EXPECT_EQ(parts.back().size(), (*channels)[i].sample_rate.SamplesIn(here));
          }
          ASSERT_EQ(Join(parts), truth[i]) << shape.name << " channel " << i;
        }
        ExpectZerosBehindGaps(*batch, 1);
      }
    }
  }
}

TEST_P(EveryCompression, ArrowReadsTheRowsThatWereWritten) {
  Random random(32);
  for (const Shape& shape : Shapes()) {
    for (int round = 0; round < 12; ++round) {
      const auto channels = RandomChannels(shape.channels, shape.rates, &random);
      EncodeOptions options;
      options.form = Form::kRow;
      options.compression = GetParam();
      auto encoder = Value(StreamEncoder::Make(channels, options));
      for (Duration duration : shape.durations) {
        const auto truth = RandomBlockSamples(*channels, duration, &random);
        const auto payload =
            Value(encoder->Encode(MakeBlock(kStart, duration, channels, truth, &random)));
        if (GetParam() == Compression::kNone) ExpectPieces(payload);
        const auto batch = ReadBack(encoder->schema(), payload);
        std::vector<bool> seen(channels->size());
        const auto& ids = static_cast<const arrow::UInt32Array&>(*batch->column(1));
        for (int64_t row = 0; row < batch->num_rows(); ++row) {
          EXPECT_EQ(TimeAt(*batch, row), kStart.ns());
          const size_t id = ids.Value(row);
          ASSERT_LT(id, channels->size());
          EXPECT_FALSE(seen[id]);
          seen[id] = true;
          for (int c = 2; c < batch->num_columns(); ++c) {
            const auto cell = CellOf(*batch, c, row);
            if (cell->type_id() == ToArrow((*channels)[id].data_type)->id()) {
              ASSERT_EQ(SamplesOf(*cell), truth[id]);
            } else {
              EXPECT_EQ(cell->length(), 0);
            }
          }
        }
        for (size_t i = 0; i < channels->size(); ++i) {
          EXPECT_TRUE(seen[i] || truth[i].missing() == truth[i].size());
        }
        ExpectZerosBehindGaps(*batch, 2);
      }
    }
  }
}

TEST_P(EveryCompression, OurDecoderGivesTheBlocksBack) {
  Random random(33);
  for (Form form : {Form::kColumn, Form::kRow}) {
    for (int round = 0; round < 40; ++round) {
      const auto channels = RandomChannels(7, {16, 64, 16384}, &random);
      EncodeOptions options{form, GetParam(), kStride};
      auto encoder = Value(StreamEncoder::Make(channels, options));
      auto decoder = Value(StreamDecoder::Make(encoder->schema(), channels));
      for (int message = 0; message < 4; ++message) {
        const Duration duration = kStride * static_cast<int64_t>(1 + random() % 4);
        const auto truth = RandomBlockSamples(*channels, duration, &random);
        const auto sent = MakeBlock(kStart, duration, channels, truth, &random);
        const auto payload = Value(encoder->Encode(sent));
        std::vector<uint8_t> body;
        for (const auto& piece : payload.body_buffers) {
          if (piece == nullptr) continue;
          body.insert(body.end(), piece->data(), piece->data() + piece->size());
          body.resize((body.size() + 7) / 8 * 8);
        }
        std::vector<SeriesBlock> blocks;
        ASSERT_OK(decoder->Decode({payload.metadata, arrow::Buffer::FromVector(body)},
                                  &blocks));
        ASSERT_EQ(blocks.size(), 1u);
        EXPECT_EQ(blocks[0].time(), kStart);
        EXPECT_EQ(blocks[0].duration(), duration);
        for (size_t i = 0; i < channels->size(); ++i) {
          ASSERT_EQ(SamplesOf(blocks[0].view(i)), truth[i]);
        }
      }
    }
  }
}

TEST_P(EveryCompression, ABlockWithoutSamplesStillTellsItsDuration) {
  const auto channels = MakeChannels(
      {{8, DataType::kInt8}, {16, DataType::kFloat32}, {256, DataType::kFloat64}});
  for (Form form : {Form::kColumn, Form::kRow}) {
    EncodeOptions options{form, GetParam(), kStride};
    auto encoder = Value(StreamEncoder::Make(channels, options));
    auto decoder = Value(StreamDecoder::Make(encoder->schema(), channels));
    for (int64_t strides : {1, 2, 3, 8}) {
      const auto sent = SeriesBlock::Gap(kStart, kStride * strides, channels);
      const auto payload = Value(encoder->Encode(sent));
      const auto batch = ReadBack(encoder->schema(), payload);
      std::vector<SeriesBlock> blocks;
      ASSERT_OK(decoder->Decode(ToMessage(*batch), &blocks));
      ASSERT_EQ(blocks.size(), 1u);
      EXPECT_EQ(blocks[0].duration(), sent.duration());
      for (size_t i = 0; i < channels->size(); ++i) {
        EXPECT_EQ(SamplesOf(blocks[0].view(i)), SamplesOf(sent.view(i)));
      }
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Compression>& info) {
  return info.param == Compression::kNone  ? "none"
         : info.param == Compression::kLz4 ? "lz4"
                                           : "zstd";
}

INSTANTIATE_TEST_SUITE_P(Codec, EveryCompression,
                         ::testing::Values(Compression::kNone, Compression::kLz4,
                                           Compression::kZstd),
                         NameOf);

TEST(Encoder, RowsLeaveOutChannelsOnlyWhereTheOthersTellTheDuration) {
  Random random(34);
  const auto channels =
      MakeChannels({{1, DataType::kFloat32}, {256, DataType::kFloat32}});
  EncodeOptions options{Form::kRow, Compression::kNone, kStride};
  auto encoder = Value(StreamEncoder::Make(channels, options));
  auto decoder = Value(StreamDecoder::Make(encoder->schema(), channels));
  // The slow channel's one sample says 1 s; the fast one, all missing, is needed for 1.5
  // s.
  const Duration duration = Duration::FromMs(1500);
  const std::vector<Samples> truth = {RandomSamples(DataType::kFloat32, 1, 0, &random),
                                      AllMissing(DataType::kFloat32, 384)};
  const auto payload =
      Value(encoder->Encode(MakeBlock(kStart, duration, channels, truth, &random)));
  const auto batch = ReadBack(encoder->schema(), payload);
  EXPECT_EQ(batch->num_rows(), 2);
  std::vector<SeriesBlock> blocks;
  ASSERT_OK(decoder->Decode(ToMessage(*batch), &blocks));
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].duration(), duration);
}

TEST(Encoder, ReferencesBigRunsAndCoalescesNeighbours) {
  const auto channels = MakeChannels({{16384, DataType::kFloat64},
                                      {16384, DataType::kFloat64},
                                      {16384, DataType::kFloat64}});
  auto memory = std::make_shared<std::vector<double>>(3 * 16384, 1.5);
  const auto* base = reinterpret_cast<const uint8_t*>(memory->data());
  std::vector<SampleView> views;
  for (int i = 0; i < 3; ++i) {
    views.push_back({base + i * 16384 * 8, nullptr, 0, 16384, DataType::kFloat64});
  }
  const SeriesBlock block(kStart, Duration::FromSeconds(1), channels, views, {memory});
  const auto points_into = [&](const arrow::Buffer& buffer) {
    return buffer.data() >= base && buffer.data() < base + memory->size() * 8;
  };
  EncodeOptions options;
  options.stride = Duration::FromSeconds(1);
  auto columns = Value(StreamEncoder::Make(channels, options));
  const auto wide = Value(columns->Encode(block));
  EXPECT_EQ(std::count_if(wide.body_buffers.begin(), wide.body_buffers.end(),
                          [&](const auto& b) { return points_into(*b); }),
            3);
  EXPECT_LE(wide.body_buffers.size(), 7u);
  options.form = Form::kRow;
  auto rows = Value(StreamEncoder::Make(channels, options));
  const auto tall = Value(rows->Encode(block));
  ASSERT_EQ(tall.body_buffers.size(), 2u);
  EXPECT_EQ(tall.body_buffers[1]->data(), base);
  EXPECT_EQ(tall.body_buffers[1]->size(), 3 * 16384 * 8);
}

TEST(Encoder, ManySmallChannelsBecomeOneBuffer) {
  Random random(35);
  const std::vector<ChannelSpec> specs(767, {16, DataType::kFloat32});
  const auto channels = MakeChannels(specs);
  auto encoder = Value(StreamEncoder::Make(channels, {}));
  const Duration stride = Duration::FromNs(62'500'000);
  const auto truth = RandomBlockSamples(*channels, stride, &random);
  const auto payload =
      Value(encoder->Encode(MakeBlock(kStart, stride, channels, truth, &random)));
  EXPECT_EQ(payload.body_buffers.size(), 1u);
}

TEST(Encoder, PayloadsKeepTheSamplesAliveAndEqualMetadataAreShared) {
  Random random(36);
  const auto channels = MakeChannels({{16384, DataType::kFloat64}});
  EncodeOptions options;
  options.stride = Duration::FromSeconds(1);
  auto encoder = Value(StreamEncoder::Make(channels, options));
  const auto truth = RandomSamples(DataType::kFloat64, 16384, 0, &random);
  auto payload = Value(encoder->Encode(
      MakeBlock(kStart, Duration::FromSeconds(1), channels, {truth}, &random)));
  const auto next = Value(
      encoder->Encode(MakeBlock(kStart + Duration::FromSeconds(1),
                                Duration::FromSeconds(1), channels, {truth}, &random)));
  EXPECT_EQ(payload.metadata.get(), next.metadata.get());
  encoder.reset();
  EXPECT_EQ(SamplesOf(*CellOf(*ReadBack(ColumnSchema(*channels), payload), 1, 0)), truth);
}

TEST(Encoder, RefusesBlocksOfOtherChannelsNamingThem) {
  Random random(37);
  const auto mine = MakeChannels({{16, DataType::kInt8}, {16, DataType::kInt8}});
  const auto other = MakeChannels({{16, DataType::kInt8}, {16, DataType::kInt16}});
  auto encoder = Value(StreamEncoder::Make(mine, {}));
  const auto status = encoder->Encode(SeriesBlock::Gap(kStart, kStride, other)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_NE(status.message().find("X1:TEST-CH_001"), std::string::npos)
      << status.message();
  const SeriesBlock wrong(kStart, Duration::FromSeconds(1), mine,
                          {SampleView::Missing(DataType::kInt8, 16),
                           SampleView::Missing(DataType::kInt8, 15)},
                          {});
  EXPECT_NE(encoder->Encode(wrong).status().message().find("X1:TEST-CH_001"),
            std::string::npos);
  EXPECT_FALSE(StreamEncoder::Make(nullptr, {}).ok());
  EXPECT_FALSE(
      StreamEncoder::Make(mine, {Form::kColumn, Compression::kNone, Duration()}).ok());
}

TEST(ColumnSchema, HasTimeNotNullAndARateForEachChannel) {
  const auto channels =
      MakeChannels({{16384, DataType::kFloat16}, {16, DataType::kUint64}});
  const auto schema = ColumnSchema(*channels);
  EXPECT_EQ(schema->num_fields(), 3);
  EXPECT_FALSE(schema->field(0)->nullable());
  EXPECT_TRUE(schema->field(1)->type()->Equals(arrow::list(arrow::float16())));
  EXPECT_EQ(*schema->field(1)->metadata()->Get("rate"), "16384");
  EXPECT_EQ(*schema->field(2)->metadata()->Get("rate"), "16");
}

}  // namespace
}  // namespace carryall::codec
