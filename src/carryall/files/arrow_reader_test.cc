#include "carryall/files/arrow_reader.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "carryall/files/temporary_directory.h"

namespace carryall::files {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<arrow::Field> ChannelField(const std::string& name, const char* rate) {
  auto field = arrow::field(name, arrow::list(arrow::int32()));
  return rate == nullptr
             ? field
             : field->WithMetadata(arrow::key_value_metadata({"rate"}, {rate}));
}

// Rows of one channel; an empty optional is a null list, a negative number a null item.
std::shared_ptr<arrow::Array> Lists(
    const std::vector<std::optional<std::vector<int32_t>>>& rows) {
  auto items = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  for (const auto& row : rows) {
    if (!row) {
      EXPECT_TRUE(lists.AppendNull().ok());
      continue;
    }
    EXPECT_TRUE(lists.Append().ok());
    for (int32_t value : *row) {
      EXPECT_TRUE((value < 0 ? items->AppendNull() : items->Append(value)).ok());
    }
  }
  return lists.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Times(const std::vector<int64_t>& times) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(times).ok());
  return builder.Finish().ValueOrDie();
}

void WriteIpc(const std::string& path, const arrow::RecordBatch& batch, bool stream,
              std::shared_ptr<arrow::util::Codec> codec = nullptr) {
  auto out = arrow::io::FileOutputStream::Open(path).ValueOrDie();
  arrow::ipc::IpcWriteOptions options;
  options.codec = std::move(codec);
  auto writer = (stream ? arrow::ipc::MakeStreamWriter(out, batch.schema(), options)
                        : arrow::ipc::MakeFileWriter(out, batch.schema(), options))
                    .ValueOrDie();
  ASSERT_TRUE(writer->WriteRecordBatch(batch).ok());
  ASSERT_TRUE(writer->Close().ok());
  ASSERT_TRUE(out->Close().ok());
}

Status ReadAll(const std::string& path, std::vector<SeriesBlock>* blocks = nullptr) {
  ARROW_ASSIGN_OR_RAISE(auto reader, BlockReader::Open(path));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(auto block, reader->Next());
    if (!block) return Status::OK();
    if (blocks != nullptr) blocks->push_back(*block);
  }
}

class ArrowReaderTest : public ::testing::Test {
 protected:
  std::shared_ptr<arrow::RecordBatch> TwoChannels() const {
    return arrow::RecordBatch::Make(
        arrow::schema({arrow::field("time", arrow::int64(), false),
                       ChannelField("X1:A", "4"), ChannelField("X1:B", "2")}),
        3,
        {Times({10'000'000'000, 11'000'000'000, 12'000'000'000}),
         Lists({{{1, 2, 3, 4}}, {{5, -1, 7, 8}}, {{9, 10}}}),
         Lists({{{1, 2}}, std::nullopt, {{3}}})});
  }
  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("x.arrow");
};

TEST_F(ArrowReaderTest, ReadsFilesAndStreamsOfColumns) {
  for (const bool stream : {false, true}) {
    WriteIpc(path_, *TwoChannels(), stream);
    std::vector<SeriesBlock> blocks;
    ASSERT_TRUE(ReadAll(path_, &blocks).ok());
    ASSERT_EQ(blocks.size(), 3u);
    EXPECT_EQ(blocks[1].time(), GpsTime::FromSeconds(11));
    EXPECT_EQ(blocks[1].duration(), Duration::FromSeconds(1));
    EXPECT_EQ(blocks[2].duration(), Duration::FromMs(500));
    EXPECT_TRUE(blocks[1].view(1).all_missing());
    EXPECT_EQ(blocks[1].view(1).length, 2);
    const SampleView& gappy = blocks[1].view(0);
    ASSERT_NE(gappy.validity, nullptr);
    EXPECT_EQ(reinterpret_cast<const int32_t*>(gappy.values)[3], 8);
    for (const SeriesBlock& block : blocks) EXPECT_TRUE(block.Validate().ok());
  }
}

TEST_F(ArrowReaderTest, ReadsCompressedBodies) {
  for (const auto kind : {arrow::Compression::LZ4_FRAME, arrow::Compression::ZSTD}) {
    WriteIpc(path_, *TwoChannels(), false, arrow::util::Codec::Create(kind).ValueOrDie());
    std::vector<SeriesBlock> blocks;
    ASSERT_TRUE(ReadAll(path_, &blocks).ok());
    EXPECT_EQ(reinterpret_cast<const int32_t*>(blocks[0].view(0).values)[2], 3);
  }
}

TEST_F(ArrowReaderTest, NamesTheColumnThatDoesNotFit) {
  const auto error = [&](arrow::FieldVector fields, arrow::ArrayVector columns) {
    WriteIpc(path_, *arrow::RecordBatch::Make(arrow::schema(fields), 1, columns), false);
    return ReadAll(path_).message();
  };
  const auto time = arrow::field("time", arrow::int64());
  const auto list = Lists({{{1, 2, 3, 4}}});
  EXPECT_EQ(error({time, ChannelField("X1:A", nullptr)}, {Times({0}), list}),
            path_ + ": column X1:A: field metadata rate is missing");
  EXPECT_THAT(
      error({time, ChannelField("X1:A", "4.5")}, {Times({0}), list}),
      HasSubstr("column X1:A: field metadata rate is not a whole number of Hz: '4.5'"));
  EXPECT_THAT(
      error({time, arrow::field("X1:A", arrow::int32())},
            {Times({0}),
             list->Slice(0, 1)->type_id() == arrow::Type::LIST
                 ? static_cast<const arrow::ListArray&>(*list).values()->Slice(0, 1)
                 : list}),
      HasSubstr("column X1:A: not a list of samples"));
  EXPECT_THAT(error({ChannelField("X1:A", "4")}, {list}),
              HasSubstr("first column is not"));
  EXPECT_THAT(error({time, ChannelField("X1:A", "4"), ChannelField("X1:B", "4")},
                    {Times({0}), list, Lists({{{1, 2}}})}),
              HasSubstr("column X1:B has 2 samples"));
  EXPECT_THAT(error({time, ChannelField("X1:A", "4"), ChannelField("X1:A", "4")},
                    {Times({0}), list, list}),
              HasSubstr("listed twice: X1:A"));
}

TEST_F(ArrowReaderTest, DamagedFilesAreErrorsOrOtherSamplesButNeverCrash) {
  std::mt19937_64 random(11);
  for (const bool stream : {false, true}) {
    WriteIpc(path_, *TwoChannels(), stream);
    std::ifstream in(path_, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    for (int i = 0; i < 2000; ++i) {
      std::string bytes = whole;
      if (i % 4 == 0) {
        bytes.resize(1 + random() % (bytes.size() - 1));
      } else {
        for (uint64_t k = 0; k <= random() % 4; ++k)
          bytes[random() % bytes.size()] = random();
      }
      std::filesystem::remove(path_);  // to truncate it would make ext4 wait for the disk
      std::ofstream(path_, std::ios::binary) << bytes;
      const Status status = ReadAll(path_);
      ASSERT_TRUE(status.ok() || status.message().find(path_) != std::string::npos)
          << status;
    }
  }
}

TEST_F(ArrowReaderTest, AForgedLengthDoesNotTakeMemory) {
  WriteIpc(path_, *TwoChannels(), true,
           arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME).ValueOrDie());
  std::ifstream in(path_, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  // The first compressed buffer of the body begins with its uncompressed length, 24
  // bytes.
  const std::string length("\x18\0\0\0\0\0\0\0", 8);
  size_t forged = 0;
  for (size_t at = bytes.find(length); at != std::string::npos;
       at = bytes.find(length, at + 1)) {
    if (bytes.compare(at + 8, 4, "\x04\x22\x4d\x18") != 0) continue;
    const int64_t huge = int64_t{20} << 30;
    std::memcpy(&bytes[at], &huge, 8);
    ++forged;
  }
  ASSERT_GT(forged, 0u);
  std::ofstream(path_, std::ios::binary) << bytes;
  const int64_t before = arrow::default_memory_pool()->max_memory();
  const Status status = ReadAll(path_);
  EXPECT_FALSE(status.ok());
  EXPECT_LT(arrow::default_memory_pool()->max_memory() - before, int64_t{1} << 27);
}

}  // namespace
}  // namespace carryall::files
