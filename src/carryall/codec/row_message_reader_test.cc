#include "carryall/codec/row_message_reader.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <gtest/gtest.h>

#include <cstring>

#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kStride = Duration::FromMs(125);

/// A row as anybody would read it.
struct Row {
  uint32_t id;
  Samples samples;
  bool operator==(const Row&) const = default;
};

std::vector<Row> RowsOf(const MessageRows& batch) {
  std::vector<Row> rows;
  for (int64_t i = 0; i < batch.rows; ++i) {
    rows.push_back({Load<uint32_t>(batch.ids + 4 * i),
                    SamplesOf(batch.list.View(batch.list.Offset(i), batch.list.Length(i),
                                              batch.type))});
  }
  return rows;
}

/// A stream of batches as Arrow writes it.
std::vector<uint8_t> Stream(const std::vector<std::shared_ptr<arrow::RecordBatch>>& all,
                            bool compressed = false) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  if (compressed)
    options.codec = Value(arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME));
  auto sink = Value(arrow::io::BufferOutputStream::Create());
  auto writer = Value(arrow::ipc::MakeStreamWriter(sink, all[0]->schema(), options));
  for (const auto& batch : all) EXPECT_TRUE(writer->WriteRecordBatch(*batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  const auto buffer = Value(sink->Finish());
  return {buffer->data(), buffer->data() + buffer->size()};
}

std::shared_ptr<arrow::RecordBatch> Batch(DataType type, GpsTime time,
                                          const std::vector<uint32_t>& ids,
                                          const std::vector<Cell>& cells,
                                          Random* random) {
  arrow::Int64Builder times;
  arrow::UInt32Builder id_column;
  for (const uint32_t id : ids) {
    EXPECT_TRUE(times.Append(time.ns()).ok());
    EXPECT_TRUE(id_column.Append(id).ok());
  }
  return arrow::RecordBatch::Make(PlainRowSchema(type), static_cast<int64_t>(ids.size()),
                                  {Value(times.Finish()), Value(id_column.Finish()),
                                   ToListArray(type, cells, 0, random)});
}

TEST(RowMessageReader, GivesWhatThePublisherWrote) {
  Random random(1);
  for (const DataType type : {DataType::kFloat32, DataType::kInt64, DataType::kUint8}) {
    const auto channels = MakeChannels({{16, type}, {256, type}, {64, type}});
    const auto samples = RandomBlockSamples(*channels, kStride, &random);
    const auto message = Value(
        ToRowMessage(MakeBlock(kStart, kStride, channels, samples, &random), {7, 2, 90}));
    RowMessageReader reader;
    for (int again = 0; again < 2; ++again) {
      const auto batches = Value(reader.Read(message->data(), message->size()));
      ASSERT_EQ(batches.size(), 1u);
      EXPECT_EQ(batches[0].time_ns, kStart.ns());
      EXPECT_EQ(batches[0].type, type);
      EXPECT_EQ(RowsOf(batches[0]),
                (std::vector<Row>{{7, samples[0]}, {2, samples[1]}, {90, samples[2]}}));
    }
  }
}

TEST(RowMessageReader, EqualLayoutsHaveOneGenerationWhateverTheSamples) {
  Random random(2);
  const auto type = DataType::kFloat64;
  RowMessageReader reader;
  const auto read = [&](const std::vector<uint32_t>& ids, int64_t length, double gaps) {
    std::vector<Cell> cells;
    for (size_t i = 0; i < ids.size(); ++i) {
      cells.push_back(RandomSamples(type, length, gaps, &random));
    }
    const auto bytes = Stream({Batch(type, kStart, ids, cells, &random)});
    const auto batches =
        Value(reader.Read(bytes.data(), static_cast<int64_t>(bytes.size())));
    EXPECT_EQ(RowsOf(batches[0])[1].samples, *cells[1]);
    return batches[0].generation;
  };
  const int64_t first = read({1, 2, 3}, 8, 0);
  EXPECT_EQ(read({1, 2, 3}, 8, 0), first);
  EXPECT_EQ(read({1, 2, 3}, 8, 0.5), first);
  EXPECT_EQ(read({1, 2, 3}, 8, 0), first);
  EXPECT_NE(read({1, 3, 2}, 8, 0), first);
  EXPECT_NE(read({1, 2, 3}, 16, 0), first);
}

TEST(RowMessageReader, ReadsSeveralBatchesNullListsAndCompressedBodies) {
  Random random(3);
  const auto type = DataType::kInt16;
  const std::vector<Cell> some = {RandomSamples(type, 4, 0.3, &random), std::nullopt,
                                  RandomSamples(type, 4, 0, &random)};
  const std::vector<Cell> more = {RandomSamples(type, 2, 0, &random)};
  for (const bool compressed : {false, true}) {
    const auto bytes = Stream({Batch(type, kStart, {0, 1, 2}, some, &random),
                               Batch(type, kStart, {}, {}, &random),
                               Batch(type, kStart + kStride, {5}, more, &random)},
                              compressed);
    RowMessageReader reader;
    for (int again = 0; again < 2; ++again) {
      const auto batches =
          Value(reader.Read(bytes.data(), static_cast<int64_t>(bytes.size())));
      ASSERT_EQ(batches.size(), 2u);
      EXPECT_EQ(RowsOf(batches[0])[0].samples, *some[0]);
      EXPECT_EQ(batches[0].list.Length(1), 0);
      EXPECT_EQ(RowsOf(batches[0])[2].samples, *some[2]);
      EXPECT_EQ(batches[1].time_ns, (kStart + kStride).ns());
      EXPECT_EQ(RowsOf(batches[1]), (std::vector<Row>{{5, *more[0]}}));
    }
  }
}

TEST(RowMessageReader, TheEndMarkerMayBeMissing) {
  Random random(4);
  const auto type = DataType::kFloat32;
  auto bytes =
      Stream({Batch(type, kStart, {4}, {RandomSamples(type, 3, 0, &random)}, &random)});
  bytes.resize(bytes.size() - 8);
  RowMessageReader reader;
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(Value(reader.Read(bytes.data(), static_cast<int64_t>(bytes.size()))).size(),
              1u);
  }
}

TEST(RowMessageReader, AnotherTypeIsANewSchema) {
  Random random(5);
  RowMessageReader reader;
  for (const DataType type :
       {DataType::kFloat32, DataType::kFloat64, DataType::kFloat32}) {
    const auto cell = RandomSamples(type, 3, 0, &random);
    const auto bytes = Stream({Batch(type, kStart, {4}, {cell}, &random)});
    const auto batches =
        Value(reader.Read(bytes.data(), static_cast<int64_t>(bytes.size())));
    EXPECT_EQ(RowsOf(batches[0]), (std::vector<Row>{{4, cell}}));
  }
}

TEST(RowMessageReader, WhatIsNoRowMessageIsRefusedAndTheNextOneRead) {
  Random random(6);
  const auto type = DataType::kFloat32;
  const auto cell = RandomSamples(type, 3, 0, &random);
  const auto good = Stream({Batch(type, kStart, {4}, {cell}, &random)});
  const auto other = Stream(
      {arrow::RecordBatch::Make(arrow::schema({arrow::field("time", arrow::int64())}), 1,
                                {Batch(type, kStart, {4}, {cell}, &random)->column(0)})});
  const std::vector<std::vector<uint8_t>> bad = {{},
                                                 {1, 2, 3},
                                                 std::vector<uint8_t>(500, 0xff),
                                                 other,
                                                 {good.begin(), good.begin() + 400}};
  RowMessageReader reader;
  for (const auto& bytes : bad) {
    EXPECT_FALSE(reader.Read(bytes.data(), static_cast<int64_t>(bytes.size())).ok());
    EXPECT_EQ(Value(reader.Read(good.data(), static_cast<int64_t>(good.size()))).size(),
              1u);
  }
}

TEST(RowMessageReader, ChangedBytesHarmNobody) {
  Random random(7);
  const auto type = DataType::kFloat32;
  const std::vector<Cell> cells = {RandomSamples(type, 5, 0.2, &random),
                                   RandomSamples(type, 5, 0, &random)};
  const auto good = Stream({Batch(type, kStart, {0, 1}, cells, &random)});
  RowMessageReader reader;
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (int change = 0; change < 2; ++change) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    // Of its own size, so that the address sanitizer sees the end.
    const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
    const auto batches = reader.Read(exact.data(), static_cast<int64_t>(exact.size()));
    if (!batches.ok()) {
      ++refused;
      continue;
    }
    for (const MessageRows& batch : *batches) RowsOf(batch);
  }
  EXPECT_GT(refused, 1000);
  const auto batches = Value(reader.Read(good.data(), static_cast<int64_t>(good.size())));
  EXPECT_EQ(RowsOf(batches[0])[0].samples, *cells[0]);
}

}  // namespace
}  // namespace carryall::codec
