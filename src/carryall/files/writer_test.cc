#include "carryall/files/writer.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "carryall/files/hdf5_attribute.h"
#include "carryall/files/reader.h"
#include "carryall/files/temporary_directory.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::files {
namespace {

using ::testing::HasSubstr;

constexpr GpsTime kStart = GpsTime::FromSeconds(968654552);

Channel MakeChannel(const std::string& name, DataType type, int64_t hz) {
  Channel channel;
  channel.name = name;
  channel.data_type = type;
  channel.sample_rate = SampleRate::Make(hz).ValueOrDie();
  return channel;
}

// The samples of a channel as a test sees them: bytes, or nothing where missing.
using Samples = std::vector<std::optional<std::string>>;

// Random blocks, and what a file of them must hold; zeros fill up to the first block's
// time.
class Blocks {
 public:
  Blocks(std::vector<Channel> channels, uint64_t seed)
      : channels_(ChannelSet::Make(std::move(channels)).ValueOrDie()), random_(seed) {}

  const std::shared_ptr<const ChannelSet>& channels() const { return channels_; }
  const std::map<std::string, Samples>& samples() const { return samples_; }

  SeriesBlock Next(GpsTime time, Duration duration, double gaps) {
    std::vector<SampleView> views;
    std::vector<MemoryOwner> owners;
    for (const Channel& channel : channels_->channels()) {
      const int64_t count = channel.sample_rate.SamplesIn(duration);
      Samples& all = samples_[channel.name];
      const int64_t before = channel.sample_rate.SamplesIn(time - kStart);
      all.resize(before);
      const int kind = gaps == 0 ? 1 : random_() % 3;
      views.push_back(kind == 0
                          ? SampleView::Missing(channel.data_type, count)
                          : Fill(channel, count, kind == 1 ? 0 : gaps, &all, &owners));
      all.resize(before + count);
    }
    return SeriesBlock(time, duration, channels_, std::move(views), std::move(owners));
  }

 private:
  SampleView Fill(const Channel& channel, int64_t count, double gaps, Samples* all,
                  std::vector<MemoryOwner>* owners) {
    const int width = ByteWidth(channel.data_type);
    auto bytes = std::make_shared<std::vector<uint8_t>>(count * width);
    // Small numbers: no bit pattern of a float is a NaN.
    for (uint8_t& byte : *bytes) byte = random_() % 64;
    const int64_t offset = random_() % 11;
    auto bits = std::make_shared<std::vector<uint8_t>>((count + offset + 7) / 8);
    SampleView view{bytes->data(), nullptr, 0, count, channel.data_type};
    for (int64_t i = 0; i < count; ++i) {
      const bool there = gaps == 0 || random_() % 1000 >= gaps * 1000;
      kernels::SetBits(bits->data(), offset + i, 1, there);
      if (there) {
        all->push_back(
            std::string(reinterpret_cast<char*>(bytes->data()) + i * width, width));
      } else {
        all->push_back(std::nullopt);
      }
    }
    if (gaps > 0) {
      view.validity = bits->data();
      view.validity_offset = offset;
    }
    owners->push_back(bytes);
    owners->push_back(bits);
    return view;
  }

  std::shared_ptr<const ChannelSet> channels_;
  std::mt19937_64 random_;
  std::map<std::string, Samples> samples_;
};

std::vector<Channel> OneOfEach() {
  std::vector<Channel> out;
  for (int i = 0; i < kDataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    out.push_back(
        MakeChannel("X1:T-" + std::string(Name(type)), type, i % 2 == 0 ? 64 : 16));
  }
  return out;
}

std::map<std::string, Samples> ReadBack(const std::string& path) {
  auto reader = BlockReader::Open(path).ValueOrDie();
  std::map<std::string, Samples> out;
  while (auto block = reader->Next().ValueOrDie()) {
    EXPECT_TRUE(block->Validate().ok());
    for (size_t i = 0; i < block->size(); ++i) {
      const Channel& channel = (*block->channels())[i];
      const SampleView& view = block->view(i);
      Samples& all = out[channel.name];
      all.resize(channel.sample_rate.SamplesIn(block->time() - kStart));
      for (int64_t k = 0; k < view.length; ++k) {
        const int width = ByteWidth(channel.data_type);
        const bool there = !view.all_missing() &&
                           (view.validity == nullptr ||
                            kernels::GetBit(view.validity, view.validity_offset + k));
        all.push_back(
            there ? std::optional<std::string>(std::string(
                        reinterpret_cast<const char*>(view.values) + k * width, width))
                  : std::nullopt);
      }
    }
  }
  return out;
}

class WriterTest : public ::testing::TestWithParam<std::string> {
 protected:
  TemporaryDirectory directory_;
};

TEST_P(WriterTest, RoundTripsEveryTypeWithGapsAndHoles) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const std::string path = directory_.File(GetParam());
    Blocks blocks(OneOfEach(), seed);
    WriterOptions options;
    options.buffered_bytes = seed % 2 == 0 ? 1000 : 1 << 20;
    auto writer = BlockWriter::Open(path, blocks.channels(), options).ValueOrDie();
    GpsTime time = kStart;
    std::mt19937_64 random(seed);
    for (int i = 0; i < 12; ++i) {
      const Duration length = Duration::FromNs(62'500'000) * (1 + random() % 40);
      ASSERT_TRUE(writer->Write(blocks.Next(time, length, i % 3 == 0 ? 0 : 0.3)).ok());
      time = time + length;
      if (i % 5 == 4) time = time + Duration::FromNs(62'500'000) * (random() % 50);
    }
    ASSERT_TRUE(writer->Close().ok());
    EXPECT_EQ(ReadBack(path), blocks.samples()) << "seed " << seed;
  }
}

TEST_P(WriterTest, NothingStandsUnderTheNameUntilClose) {
  const std::string path = directory_.File(GetParam());
  std::ofstream(path) << "what was there before";
  Blocks blocks(OneOfEach(), 1);
  {
    auto writer = BlockWriter::Open(path, blocks.channels()).ValueOrDie();
    ASSERT_TRUE(writer->Write(blocks.Next(kStart, Duration::FromSeconds(1), 0)).ok());
    EXPECT_EQ(std::filesystem::file_size(path), 21u);
  }
  EXPECT_EQ(std::filesystem::file_size(path), 21u);
  const std::filesystem::directory_iterator begin(directory_.path()), end;
  EXPECT_EQ(std::distance(begin, end), 1);
}

TEST_P(WriterTest, RefusesOverlapsOtherChannelsAndPathsThatCannotBe) {
  const std::string path = directory_.File(GetParam());
  Blocks blocks(OneOfEach(), 1), others({MakeChannel("X1:O", DataType::kInt8, 4)}, 1);
  auto writer = BlockWriter::Open(path, blocks.channels()).ValueOrDie();
  const auto block = blocks.Next(kStart, Duration::FromSeconds(1), 0);
  ASSERT_TRUE(writer->Write(block).ok());
  EXPECT_THAT(writer->Write(block).message(), HasSubstr("begins before the end"));
  EXPECT_THAT(
      writer->Write(others.Next(block.end(), Duration::FromSeconds(1), 0)).message(),
      HasSubstr("other channels"));
  const auto lost =
      BlockWriter::Open(directory_.File("no/" + GetParam()), blocks.channels());
  EXPECT_EQ(KindOf(lost.status()), ErrorKind::kIo);
  EXPECT_THAT(lost.status().message(), HasSubstr("no/" + GetParam()));
}

TEST_P(WriterTest, AFileWithoutBlocksIsAFile) {
  const std::string path = directory_.File(GetParam());
  Blocks blocks(OneOfEach(), 1);
  auto writer = BlockWriter::Open(path, blocks.channels()).ValueOrDie();
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_GT(std::filesystem::file_size(path), 0u);
}

INSTANTIATE_TEST_SUITE_P(Formats, WriterTest, ::testing::Values("x.h5", "x.arrow"),
                         [](const auto& format) { return format.param.substr(2); });

TEST(FormatOfPath, KnowsExtensionsInAnyCaseAndNamesTheOthers) {
  EXPECT_EQ(FormatOfPath("a/b.HDF5").ValueOrDie(), FileFormat::kHdf5);
  EXPECT_EQ(FormatOfPath("x.arrow").ValueOrDie(), FileFormat::kArrow);
  EXPECT_EQ(FormatOfPath("x.y.parquet").ValueOrDie(), FileFormat::kParquet);
  for (const char* path : {"x.txt", "x", "a.h5/b", ".", ""}) {
    EXPECT_THAT(FormatOfPath(path).status().message(), HasSubstr(path));
  }
}

TEST(Hdf5Writer, MarksGapsWithNanAndAMaskBesideTheSeries) {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.h5");
  Blocks blocks({MakeChannel("X1:F", DataType::kFloat32, 16),
                 MakeChannel("X1:I", DataType::kInt32, 16)},
                3);
  {
    auto writer = BlockWriter::Open(path, blocks.channels()).ValueOrDie();
    ASSERT_TRUE(writer->Write(blocks.Next(kStart, Duration::FromSeconds(2), 0)).ok());
    ASSERT_TRUE(writer
                    ->Write(blocks.Next(kStart + Duration::FromSeconds(3),
                                        Duration::FromSeconds(1), 0))
                    .ok());
    ASSERT_TRUE(writer->Close().ok());
  }
  Hdf5Session session;
  const Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  const auto read = [&](const char* name, hid_t type, void* out) {
    const Hdf5Handle set(H5Dopen2(file.get(), name, H5P_DEFAULT), H5Dclose);
    return H5Dread(set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  };
  std::vector<float> floats(64);
  std::vector<int32_t> integers(64);
  std::vector<uint8_t> mask(64);
  ASSERT_GE(read("X1:F", H5T_NATIVE_FLOAT, floats.data()), 0);
  ASSERT_GE(read("X1:I", H5T_NATIVE_INT32, integers.data()), 0);
  ASSERT_GE(read("mask/X1:I", H5T_NATIVE_UINT8, mask.data()), 0);
  for (int i = 0; i < 64; ++i) {
    const bool gap = i >= 32 && i < 48;
    EXPECT_EQ(std::isnan(floats[i]), gap) << i;
    EXPECT_EQ(mask[i], gap) << i;
    EXPECT_TRUE(!gap || integers[i] == 0) << i;
  }
  const Hdf5Handle set(H5Dopen2(file.get(), "X1:F", H5P_DEFAULT), H5Dclose);
  EXPECT_EQ(ReadNumber(set.get(), "x0").ValueOrDie()->value, 968654552.0);
  EXPECT_EQ(ReadNumber(set.get(), "dx").ValueOrDie()->value, 0.0625);
  EXPECT_EQ(ReadText(set.get(), "channel").ValueOrDie(), "X1:F");
}

// Writes to a disk that is full at 200,000 bytes. False unless that is an error naming
// the file, which is not there in the end.
bool FullDiskIsSaid(const std::string& name) {
  const rlimit limit{200'000, 200'000};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  TemporaryDirectory directory;
  const std::string path = directory.File(name);
  Blocks blocks({MakeChannel("X1:F", DataType::kFloat32, 16384)}, 3);
  WriterOptions options;
  options.buffered_bytes = 100'000;
  Status status;
  {
    auto writer = BlockWriter::Open(path, blocks.channels(), options).ValueOrDie();
    for (int i = 0; i < 10 && status.ok(); ++i) {
      status = writer->Write(
          blocks.Next(kStart + Duration::FromSeconds(i), Duration::FromSeconds(1), 0));
    }
    if (status.ok()) status = writer->Close();
  }
  fprintf(stderr, "%s\n", status.ToString().c_str());
  return !status.ok() && KindOf(status) == ErrorKind::kIo &&
         status.message().find(path) != std::string::npos &&
         status.message().find("File too large") != std::string::npos &&
         std::filesystem::is_empty(directory.path());
}

class FullDisk : public testing::TestWithParam<const char*> {};

// In a process of its own, which must also end well: libraries have work to do at exit.
TEST_P(FullDisk, IsAnErrorNamingThePathAndLeavesNothing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit(FullDiskIsSaid(GetParam()) ? 0 : 1), testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(EveryFormat, FullDisk,
                         testing::Values("x.h5", "x.arrow", "x.parquet"));

std::shared_ptr<arrow::RecordBatch> ReadParquet(const std::string& path) {
  auto file = arrow::io::ReadableFile::Open(path).ValueOrDie();
  auto reader = parquet::arrow::OpenFile(file, arrow::default_memory_pool()).ValueOrDie();
  auto table = reader->ReadTable().ValueOrDie();
  return table->CombineChunksToBatch().ValueOrDie();
}

TEST(ParquetWriter, OneRowASampleWhereAllRatesAgree) {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.parquet");
  std::vector<Channel> channels;
  for (int i = 0; i < kDataTypeCount; ++i) {
    channels.push_back(
        MakeChannel("X1:T-" + std::to_string(i), static_cast<DataType>(i), 1024));
  }
  Blocks blocks(channels, 5);
  WriterOptions options;
  options.buffered_bytes = 10000;
  auto writer = BlockWriter::Open(path, blocks.channels(), options).ValueOrDie();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(writer
                    ->Write(blocks.Next(kStart + Duration::FromSeconds(i),
                                        Duration::FromSeconds(1), 0.2))
                    .ok());
  }
  ASSERT_TRUE(writer->Close().ok());
  const auto table = ReadParquet(path);
  ASSERT_EQ(table->num_rows(), 4096);
  ASSERT_EQ(table->schema()->field(0)->name(), "time_ns");
  const auto& times = static_cast<const arrow::Int64Array&>(*table->column(0));
  EXPECT_EQ(times.Value(0), kStart.ns());
  EXPECT_EQ(times.Value(1), kStart.ns() + 976562);  // 1 / 1024 s, rounded down
  EXPECT_EQ(times.Value(1024), kStart.ns() + 1'000'000'000);
  for (int c = 0; c < kDataTypeCount; ++c) {
    const auto& array = *table->column(c + 1);
    ASSERT_EQ(array.type_id(), ToArrow(channels[c].data_type)->id());
    const int width = ByteWidth(channels[c].data_type);
    const Samples& expected = blocks.samples().at(channels[c].name);
    for (int64_t i = 0; i < 4096; ++i) {
      ASSERT_EQ(array.IsNull(i), !expected[i].has_value()) << c << " " << i;
      if (!expected[i]) continue;
      const auto* bytes = reinterpret_cast<const char*>(array.data()->buffers[1]->data());
      ASSERT_EQ(std::string(bytes + (array.offset() + i) * width, width), *expected[i]);
    }
  }
}

TEST(ParquetWriter, OneRowABlockWhereRatesDiffer) {
  TemporaryDirectory directory;
  const std::string path = directory.File("x.parquet");
  Blocks blocks({MakeChannel("X1:A", DataType::kFloat64, 16),
                 MakeChannel("X1:B", DataType::kInt16, 4)},
                5);
  auto writer = BlockWriter::Open(path, blocks.channels()).ValueOrDie();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer
                    ->Write(blocks.Next(kStart + Duration::FromSeconds(i),
                                        Duration::FromSeconds(1), 0))
                    .ok());
  }
  ASSERT_TRUE(writer->Close().ok());
  const auto table = ReadParquet(path);
  ASSERT_EQ(table->num_rows(), 3);
  const auto& a = static_cast<const arrow::ListArray&>(*table->column(1));
  const auto& b = static_cast<const arrow::ListArray&>(*table->column(2));
  EXPECT_EQ(a.value_length(2), 16);
  EXPECT_EQ(b.value_length(2), 4);
  const auto last = std::static_pointer_cast<arrow::Int16Array>(b.value_slice(2));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(last->raw_values() + 3), 2),
            blocks.samples().at("X1:B").back());
}

}  // namespace
}  // namespace carryall::files
