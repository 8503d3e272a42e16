#include "carryall/codec/row_message_writer.h"

#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <gtest/gtest.h>

#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kTime = GpsTime::FromNs(1'187'008'882'062'500'000);

/// The stream that Arrow's writer makes of the batch a message is to hold.
std::shared_ptr<arrow::Buffer> ByArrow(DataType type, GpsTime time,
                                       const std::vector<MessageRow>& rows,
                                       const std::vector<Samples>& truth) {
  arrow::Int64Builder times;
  arrow::UInt32Builder ids;
  arrow::Int32Builder offsets;
  arrow::ArrayVector children;
  int32_t offset = 0;
  EXPECT_TRUE(offsets.Append(0).ok());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(times.Append(time.ns()).ok());
    EXPECT_TRUE(ids.Append(rows[i].id).ok());
    offset += static_cast<int32_t>(truth[i].size());
    EXPECT_TRUE(offsets.Append(offset).ok());
    children.push_back(ToArray(truth[i]));
  }
  const auto child = Value(arrow::Concatenate(children));
  const auto list = Value(arrow::ListArray::FromArrays(*Value(offsets.Finish()), *child));
  const auto schema = arrow::schema({arrow::field("time", arrow::int64()),
                                     arrow::field("id", arrow::uint32()),
                                     arrow::field("data", arrow::list(ToArrow(type)))});
  const auto batch =
      arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows.size()),
                               {Value(times.Finish()), Value(ids.Finish()), list});
  auto sink = Value(arrow::io::BufferOutputStream::Create());
  auto writer = Value(arrow::ipc::MakeStreamWriter(sink, schema));
  EXPECT_TRUE(writer->WriteRecordBatch(*batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  return Value(sink->Finish());
}

/// A message in memory that held something else before.
std::vector<uint8_t> Written(RowMessageWriter* writer, GpsTime time,
                             const SeriesBlock& block) {
  std::vector<uint8_t> out(static_cast<size_t>(writer->size(true)), 0xA5);
  const std::vector<SampleView> views = block.views();
  out.resize(static_cast<size_t>(writer->Write(time, views, out.data())));
  return out;
}

std::vector<uint8_t> Bytes(const arrow::Buffer& buffer) {
  return {buffer.data(), buffer.data() + buffer.size()};
}

class EveryType : public ::testing::TestWithParam<int> {};

TEST_P(EveryType, MessagesAreTheBytesThatArrowWrites) {
  const auto type = static_cast<DataType>(GetParam());
  Random random(71);
  const std::vector<MessageRow> rows = {{70, 3}, {3, 64}, {4'000'000'000, 1}, {0, 333}};
  auto writer = Value(RowMessageWriter::Make(type, rows));
  const auto channels = MakeChannels({{3, type}, {64, type}, {1, type}, {333, type}});
  for (int round = 0; round < 60; ++round) {
    const GpsTime time = kTime + Duration::FromMs(round);
    // Messages with and without gaps take turns in one writer.
    std::vector<Samples> truth;
    if (round % 2 == 0) {
      truth = RandomBlockSamples(*channels, Duration::FromSeconds(1), &random);
    } else {
      for (const MessageRow& row : rows) {
        truth.push_back(RandomSamples(type, row.samples, 0, &random));
      }
    }
    const auto block =
        MakeBlock(time, Duration::FromSeconds(1), channels, truth, &random);
    ASSERT_EQ(Written(&writer, time, block), Bytes(*ByArrow(type, time, rows, truth)))
        << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Codec, EveryType, ::testing::Range(0, kDataTypeCount),
                         [](const auto& tested) {
                           return std::string(Name(static_cast<DataType>(tested.param)));
                         });

TEST(RowMessageWriter, SaysHowLongMessagesAre) {
  // Seen of the stock publisher: channels, samples of each, type, bytes.
  const struct {
    uint32_t channels;
    int64_t samples;
    DataType type;
    int64_t bytes;
  } known[] = {{1, 1, DataType::kInt32, 616},
               {80, 1, DataType::kFloat32, 2'192},
               {100, 1, DataType::kFloat32, 2'592},
               {80, 1024, DataType::kFloat32, 329'552},
               {100, 1024, DataType::kFloat64, 821'392}};
  for (const auto& message : known) {
    std::vector<MessageRow> rows;
    for (uint32_t id = 0; id < message.channels; ++id) {
      rows.push_back({id, message.samples});
    }
    const auto writer = Value(RowMessageWriter::Make(message.type, rows));
    EXPECT_EQ(writer.size(/*gaps=*/false), message.bytes);
    EXPECT_GT(writer.size(/*gaps=*/true), message.bytes);
  }
}

TEST(RowMessageWriter, RefusesWhatAListCannotHold) {
  EXPECT_FALSE(RowMessageWriter::Make(DataType::kInt8, {}).ok());
  EXPECT_FALSE(RowMessageWriter::Make(DataType::kInt8, {{0, -1}}).ok());
  EXPECT_FALSE(
      RowMessageWriter::Make(DataType::kInt8, {{0, int64_t{1} << 30}, {1, 1 << 30}})
          .ok());
  EXPECT_TRUE(
      RowMessageWriter::Make(DataType::kInt8, {{0, (int64_t{1} << 31) - 1}}).ok());
}

}  // namespace
}  // namespace carryall::codec
