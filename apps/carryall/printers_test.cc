#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>
#include <sstream>

#include "block_printer.h"
#include "channel_names.h"
#include "channel_printer.h"
#include "progress.h"
#include "text.h"

namespace carryall::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What was written to an Output, by way of a file without a name.
class Capture {
 public:
  Capture() : fd_(memfd_create("capture", 0)), out_(fd_) {}
  ~Capture() { close(fd_); }
  Output* out() { return &out_; }
  std::string text() {
    EXPECT_TRUE(out_.Flush().ok());
    std::string text(static_cast<size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fd_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

 private:
  int fd_;
  Output out_;
};

Channel Make(std::string name, int64_t hz, DataType type) {
  Channel channel;
  channel.name = std::move(name);
  channel.sample_rate = *SampleRate::Make(hz);
  channel.data_type = type;
  channel.publisher = "PUBX";
  channel.stride = Duration::FromNs(62'500'000);
  channel.max_latency = Duration::FromSeconds(1);
  return channel;
}

std::string Printed(const std::vector<Channel>& channels, ChannelFormat format) {
  Capture capture;
  const auto printer = ChannelPrinter::Make(format, capture.out());
  for (const Channel& channel : channels) printer->Print(channel);
  printer->Finish();
  return capture.text();
}

// Texts of the stock program for the same channels.
TEST(ChannelPrinterTest, ShowsWhatTheStockProgramShows) {
  const std::vector<Channel> channels = {Make("X1:CNF-CHAN_A", 512, DataType::kFloat32),
                                         Make("X1:CNF-FLAG", 16, DataType::kInt32)};
  EXPECT_EQ(Printed(channels, ChannelFormat::kTable),
            " name           data_type  sample_rate    stride \n"
            " X1:CNF-CHAN_A  float32            512  62500000 \n"
            " X1:CNF-FLAG    int32               16  62500000 \n");
  EXPECT_EQ(Printed({channels[1]}, ChannelFormat::kTableFull),
            " name         data_type  sample_rate  time  publisher  partition_id  "
            "partition_index    stride  max_latency  replay_id \n"
            " X1:CNF-FLAG  int32               16  None  PUBX       None          "
            "           None  62500000   1000000000  None      \n");
  EXPECT_EQ(Printed({channels[1]}, ChannelFormat::kName), "X1:CNF-FLAG\n");
  EXPECT_EQ(Printed({channels[1]}, ChannelFormat::kRepr),
            "<X1:CNF-FLAG, 16 Hz, 'int32', publisher='PUBX', stride=62_500_000, "
            "max_latency=1_000_000_000>\n");
  EXPECT_EQ(Printed({channels[1]}, ChannelFormat::kJson),
            R"({"name": "X1:CNF-FLAG", "data_type": "int32", "sample_rate": 16, )"
            R"("publisher": "PUBX", "stride": 62500000, "max_latency": 1000000000})"
            "\n");
  EXPECT_EQ(Printed({channels[1]}, ChannelFormat::kJsonPretty),
            "{\n    \"name\": \"X1:CNF-FLAG\",\n    \"data_type\": \"int32\",\n"
            "    \"sample_rate\": 16,\n    \"publisher\": \"PUBX\",\n"
            "    \"stride\": 62500000,\n    \"max_latency\": 1000000000\n}\n");
}

TEST(ChannelPrinterTest, NoChannelsMakeNoTable) {
  EXPECT_EQ(Printed({}, ChannelFormat::kTable), "");
}

TEST(ChannelPrinterTest, CsvQuotesAndLeavesEmpty) {
  Channel channel = Make("X1:A,\"B\"", 16, DataType::kInt8);
  channel.partition_index = 7;
  EXPECT_EQ(Printed({channel}, ChannelFormat::kCsv),
            "name,data_type,sample_rate,publisher,partition_id,partition_index,stride,"
            "max_latency,replay_id\n"
            "\"X1:A,\"\"B\"\"\",int8,16,PUBX,,7,62500000,1000000000,\n");
  EXPECT_THAT(Printed({}, ChannelFormat::kCsv), HasSubstr("name,data_type"));
}

TEST(ChannelPrinterTest, LongTablesDoNotWaitForTheirEnd) {
  Capture capture;
  const auto printer = ChannelPrinter::Make(ChannelFormat::kTable, capture.out());
  for (int i = 0; i < 1000; ++i) printer->Print(Make("A:B", 16, DataType::kInt8));
  EXPECT_EQ(capture.text(), "");
  printer->Print(Make("A:LONGER-NAME", 16, DataType::kInt8));
  const std::string text = capture.text();
  EXPECT_TRUE(
      text.starts_with("name  data_type  sample_rate       stride\n"
                       "A:B   int8                16     62500000\n"))
      << text.substr(0, 200);
  EXPECT_TRUE(text.ends_with("\nA:LONGER-NAME  int8                16     62500000\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1002);
}

TEST(ChannelPrinterTest, TerminalsGetNoControlCharacters) {
  EXPECT_THAT(Printed({Make("A:\x1b[2JB", 16, DataType::kInt8)}, ChannelFormat::kTable),
              HasSubstr("A:?[2JB"));
}

// A block of 0.125 s: 16 Hz int32 and 32 Hz float32 with its second sample missing.
class BlockPrinterTest : public ::testing::Test {
 protected:
  BlockPrinterTest() {
    auto channels = ChannelSet::Make(
        {Make("X1:B", 16, DataType::kInt32), Make("X1:A", 32, DataType::kFloat32)});
    EXPECT_TRUE(channels.ok());
    SampleView integers;
    integers.values = reinterpret_cast<const uint8_t*>(integers_);
    integers.length = 2;
    integers.data_type = DataType::kInt32;
    SampleView floats;
    floats.values = reinterpret_cast<const uint8_t*>(floats_);
    floats.validity = &validity_;
    floats.validity_offset = 3;
    floats.length = 4;
    floats.data_type = DataType::kFloat32;
    block_ = SeriesBlock(GpsTime::FromSeconds(1'000'000'000), Duration::FromMs(125),
                         *std::move(channels), {integers, floats}, {});
  }
  std::string Printed(BlockFormat format) {
    Capture capture;
    BlockPrinter::Make(format, capture.out())->Print(block_, std::nullopt);
    return capture.text();
  }
  const int32_t integers_[2] = {1, -7};
  const float floats_[4] = {0.1f, 5, 1e20f, -std::numeric_limits<float>::infinity()};
  const uint8_t validity_ = 0b1101000;
  SeriesBlock block_;
};

TEST_F(BlockPrinterTest, JsonIsTheStockPrograms) {
  EXPECT_EQ(Printed(BlockFormat::kJson),
            R"({"time_ns": 1000000000000000000, "data": {"X1:B": [1, -7], )"
            R"("X1:A": [0.10000000149011612, null, 1.0000000200408773e+20, -Infinity]}, )"
            R"("channels": {"X1:B": {"name": "X1:B", "data_type": "int32", )"
            R"("sample_rate": 16, "publisher": "PUBX", "stride": 62500000, )"
            R"("max_latency": 1000000000}, "X1:A": {"name": "X1:A", )"
            R"("data_type": "float32", "sample_rate": 32, "publisher": "PUBX", )"
            R"("stride": 62500000, "max_latency": 1000000000}}, )"
            R"("_duration_ns": 125000000})"
            "\n");
}

TEST_F(BlockPrinterTest, TablesShowFirstAndLastSampleByName) {
  EXPECT_EQ(Printed(BlockFormat::kTable),
            " channel  data_type  sample_rate  samples  has_gaps  data             \n"
            " X1:A     float32             32        4  True      [0.1, ..., -inf] \n"
            " X1:B     int32               16        2  False     [1, -7]          \n"
            "time: 1000000000.0000 s, duration: 0.1250 s\n");
}

TEST_F(BlockPrinterTest, CsvHasALineForEachSampleTime) {
  EXPECT_EQ(Printed(BlockFormat::kCsv),
            "time,X1:B,X1:A\n"
            "1000000000,1,0.1\n"
            "1000000000.03125,,\n"
            "1000000000.0625,-7,1e+20\n"
            "1000000000.09375,,-inf\n");
}

TEST_F(BlockPrinterTest, WhatIsMissingAltogetherIsNull) {
  block_ = SeriesBlock::Gap(block_.time(), Duration::FromMs(125), block_.channels());
  EXPECT_THAT(Printed(BlockFormat::kJson), HasSubstr(R"("X1:B": [null, null])"));
  EXPECT_THAT(Printed(BlockFormat::kTable), HasSubstr("True      [--, --]"));
}

TEST_F(BlockPrinterTest, LongArraysAreShortenedOnRequest) {
  int16_t values[20];
  for (int16_t i = 0; i < 20; ++i) values[i] = i;
  SampleView view;
  view.values = reinterpret_cast<const uint8_t*>(values);
  view.length = 20;
  view.data_type = DataType::kInt16;
  block_ =
      SeriesBlock(GpsTime(), Duration::FromSeconds(1),
                  *ChannelSet::Make({Make("X1:C", 20, DataType::kInt16)}), {view}, {});
  EXPECT_THAT(Printed(BlockFormat::kJsonShort),
              HasSubstr("\"array(data=[0, 1, 2, ..., 17, 18, 19], dtype=int16)\""));
}

TEST(SampleTextTest, EveryTypeKeepsItsValue) {
  const auto text = [](DataType type, auto value, SampleText form) {
    SampleView view;
    view.values = reinterpret_cast<const uint8_t*>(&value);
    view.length = 1;
    view.data_type = type;
    std::string out;
    AppendSample(view, 0, form, &out);
    return out;
  };
  EXPECT_EQ(text(DataType::kInt8, int8_t{-128}, SampleText::kExact), "-128");
  EXPECT_EQ(text(DataType::kUint8, uint8_t{200}, SampleText::kExact), "200");
  EXPECT_EQ(text(DataType::kUint64, UINT64_MAX, SampleText::kExact),
            "18446744073709551615");
  EXPECT_EQ(text(DataType::kFloat64, 1.0, SampleText::kExact), "1.0");
  EXPECT_EQ(text(DataType::kFloat64, 0.1, SampleText::kExact), "0.1");
  EXPECT_EQ(text(DataType::kFloat64, -0.0, SampleText::kExact), "-0.0");
  EXPECT_EQ(text(DataType::kFloat64, std::nan(""), SampleText::kExact), "NaN");
  EXPECT_EQ(text(DataType::kFloat64, std::nan(""), SampleText::kShort), "nan");
  // 0xcf08 is -28.125: stock shows it as -28.12 in tables.
  EXPECT_EQ(text(DataType::kFloat16, uint16_t{0xcf08}, SampleText::kExact), "-28.125");
  EXPECT_EQ(text(DataType::kFloat16, uint16_t{0xcf08}, SampleText::kShort), "-28.12");
  EXPECT_EQ(text(DataType::kFloat16, uint16_t{0x7c00}, SampleText::kExact), "Infinity");
}

TEST(TextTest, DigitsAreGrouped) {
  EXPECT_EQ(GroupedDigits(1), "1");
  EXPECT_EQ(GroupedDigits(999), "999");
  EXPECT_EQ(GroupedDigits(62500000), "62_500_000");
  EXPECT_EQ(GroupedDigits(-123456), "-123_456");
}

TEST(TextTest, BytesAreReadable) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1'500'000), "1.5 MB");
}

TEST(ChannelNamesTest, StandardInputTakesThePlaceOfTheDash) {
  std::istringstream input("# chosen\n\nB:1\r\n  C:1  \nA:1\n");
  const auto names = ExpandNames({"A:1", "-", "D:1", "A:1"}, input);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("A:1", "B:1", "C:1", "D:1"));
  std::istringstream nothing("#\n");
  EXPECT_EQ(KindOf(ExpandNames({"-"}, nothing).status()), ErrorKind::kInvalidArgument);
}

TEST(OutputTest, AReaderThatIsGoneIsNoFailureToReport) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  Output out(ends[1]);
  out.Append("text");
  EXPECT_FALSE(out.Flush().ok());
  EXPECT_TRUE(out.reader_gone());
  close(ends[1]);
}

TEST(OutputTest, AFullDiskIsAnError) {
  const int fd = open("/dev/full", O_WRONLY);
  ASSERT_GE(fd, 0);
  Output out(fd);
  out.Append("text");
  EXPECT_EQ(KindOf(out.Flush()), ErrorKind::kIo);
  EXPECT_FALSE(out.reader_gone());
  close(fd);
}

}  // namespace
}  // namespace carryall::apps
