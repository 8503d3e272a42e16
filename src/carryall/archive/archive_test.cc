#include "carryall/archive/archive.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "carryall/archive/archive_model.h"
#include "carryall/archive/archive_writer.h"
#include "carryall/files/reader.h"
#include "carryall/files/temporary_directory.h"

namespace carryall::archive {
namespace {

using ::testing::HasSubstr;

constexpr GpsTime kStart = GpsTime::FromSeconds(1'000'000'000);
constexpr Duration kSecond = Duration::FromSeconds(1);

std::optional<std::string> Present(const Channel& channel, int64_t sample, int width) {
  return SampleBytes(channel.name, sample, width);
}

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest()
      : channels_(ChannelSet::Make({MakeChannel("X1:A", DataType::kFloat32, 256),
                                    MakeChannel("X1:B", DataType::kInt16, 4)})
                      .ValueOrDie()) {}

  Result<WriteReport> Add(const std::vector<TestBlock>& blocks,
                          WriterOptions options = {}) {
    ARROW_ASSIGN_OR_RAISE(auto writer, ArchiveWriter::Open(directory_, options));
    for (const TestBlock& block : blocks) ARROW_RETURN_NOT_OK(writer->Write(block.block));
    return writer->Commit();
  }
  TestBlock Block(int64_t from, int64_t seconds) const {
    return MakeBlock(channels_, kStart + kSecond * from, kSecond * seconds, Present);
  }
  std::string OnlySegment() const {
    const auto index = ReadIndex(directory_).ValueOrDie();
    EXPECT_EQ(index.segments.size(), 1u);
    return SegmentPath(directory_, index.segments[0].file);
  }
  std::string OpenError() const { return Archive::Open(directory_).status().message(); }

  files::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.File("archive");
  std::shared_ptr<const ChannelSet> channels_;
};

TEST_F(ArchiveTest, GivesBackWhatWasWrittenInPlace) {
  const TestBlock block = Block(0, 3);
  const WriteReport report = Add({block}).ValueOrDie();
  EXPECT_EQ(report.channels, 2);
  EXPECT_EQ(report.added_samples, 3 * 260);
  EXPECT_EQ(report.added_bytes, 3 * (256 * 4 + 4 * 2));
  const auto archive = Archive::Open(directory_).ValueOrDie();
  EXPECT_EQ(Dump(*archive), block.samples);
  ASSERT_EQ(archive->channels().size(), 2u);
  EXPECT_EQ(archive->channels()[0].stride, Duration::FromNs(62'500'000));
  EXPECT_EQ(archive->channels()[1].stride, kSecond);
  const Extent extent =
      archive->ExtentAt(0, FirstSampleAt(channels_->channels()[0].sample_rate, kStart));
  const auto data = extent.segment->Data().ValueOrDie();
  const SampleView view = data->View(extent.column, extent.begin, 10);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.values) % 64, 0u);
  EXPECT_GE(view.values, data->file().data());
  EXPECT_LT(view.values, data->file().data() + data->file().size());
}

TEST_F(ArchiveTest, SegmentsAreArrowFilesThatOurReaderReads) {
  const TestBlock block = MakeBlock(channels_, kStart, kSecond,
                                    [](const Channel& channel, int64_t sample,
                                       int width) -> std::optional<std::string> {
                                      if (sample % 5 == 1) return std::nullopt;
                                      return SampleBytes(channel.name, sample, width);
                                    });
  ASSERT_TRUE(Add({block}).ok());
  auto reader = files::BlockReader::Open(OnlySegment()).ValueOrDie();
  const SeriesBlock read = reader->Next().ValueOrDie().value();
  EXPECT_EQ(read.time(), kStart);
  const SampleView& view = read.view(0);
  ASSERT_EQ(view.length, 256);
  for (int64_t i = 0; i < view.length; ++i) {
    const auto& samples = block.samples.at("X1:A");
    const auto at = samples.find(256'000'000'000 + i);
    const bool there = kernels::GetBit(view.validity, view.validity_offset + i);
    ASSERT_EQ(there, at != samples.end()) << i;
    const std::string bytes(reinterpret_cast<const char*>(view.values) + i * 4, 4);
    ASSERT_EQ(bytes, there ? at->second : std::string(4, '\0')) << i;
  }
}

TEST_F(ArchiveTest, AddingTheSameAgainChangesNothing) {
  ASSERT_TRUE(Add({Block(0, 3)}).ok());
  std::ifstream before(directory_ + "/index.arrow", std::ios::binary);
  const std::string index((std::istreambuf_iterator<char>(before)), {});
  const WriteReport report = Add({Block(0, 3), Block(1, 1)}).ValueOrDie();
  EXPECT_EQ(report.added_samples, 0);
  EXPECT_EQ(report.known_samples, 4 * 260);
  std::ifstream after(directory_ + "/index.arrow", std::ios::binary);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(after)), {}), index);
  const std::filesystem::directory_iterator segments(directory_ + "/segments");
  EXPECT_EQ(std::distance(segments, {}), 1);
}

TEST_F(ArchiveTest, OverlapsAddOnlyWhatIsNew) {
  ASSERT_TRUE(Add({Block(2, 2), Block(6, 1)}).ok());
  const TestBlock whole = Block(0, 9);
  const WriteReport report = Add({whole}).ValueOrDie();
  EXPECT_EQ(report.known_samples, 3 * 260);
  EXPECT_EQ(report.added_samples, 6 * 260);
  EXPECT_EQ(Dump(*Archive::Open(directory_).ValueOrDie()), whole.samples);
}

TEST_F(ArchiveTest, ConflictsNameChannelAndSpanAndChangeNothing) {
  ASSERT_TRUE(Add({Block(0, 4)}).ok());
  const auto before = Dump(*Archive::Open(directory_).ValueOrDie());
  const auto differing = [](const Channel& channel, int64_t sample, int width) {
    const bool other = channel.name == "X1:B" && sample == 4'000'000'009;
    return std::optional<std::string>(SampleBytes(channel.name, sample, width, other));
  };
  const Status status =
      Add({MakeBlock(channels_, kStart + kSecond, kSecond * 5, differing)}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "archive holds other samples of channel X1:B in [1000000001, 1000000004), "
            "the first "
            "at 1000000002.25");
  const auto gap = [](const Channel& channel, int64_t sample,
                      int width) -> std::optional<std::string> {
    if (channel.name == "X1:A" && sample % 256 == 7) return std::nullopt;
    return SampleBytes(channel.name, sample, width);
  };
  EXPECT_THAT(Add({MakeBlock(channels_, kStart, kSecond, gap)}).status().message(),
              HasSubstr("channel X1:A in [1000000000, 1000000001), the first at "
                        "1000000000.02734375 (a gap here)"));
  EXPECT_EQ(Dump(*Archive::Open(directory_).ValueOrDie()), before);
  const std::filesystem::directory_iterator segments(directory_ + "/segments");
  EXPECT_EQ(std::distance(segments, {}), 1);
}

TEST_F(ArchiveTest, AConflictWithinOneImportIsFoundToo) {
  const auto other = [](const Channel& channel, int64_t sample, int width) {
    return std::optional<std::string>(SampleBytes(channel.name, sample, width, 1));
  };
  const auto conflicting = MakeBlock(channels_, kStart + kSecond, kSecond, other);
  EXPECT_THAT(Add({Block(0, 4), conflicting}).status().message(),
              HasSubstr("other samples"));
  EXPECT_EQ(KindOf(Archive::Open(directory_).status()), ErrorKind::kNotFound);
}

TEST_F(ArchiveTest, AChannelKeepsItsTypeAndRate) {
  ASSERT_TRUE(Add({Block(0, 1)}).ok());
  const auto other =
      ChannelSet::Make({MakeChannel("X1:A", DataType::kFloat64, 256)}).ValueOrDie();
  EXPECT_EQ(
      Add({MakeBlock(other, kStart + kSecond * 9, kSecond, Present)}).status().message(),
      "channel X1:A is float64 at 256 Hz here, but float32 at 256 Hz in the archive");
}

TEST_F(ArchiveTest, OneImportAtATime) {
  auto first = ArchiveWriter::Open(directory_).ValueOrDie();
  const Status status = ArchiveWriter::Open(directory_).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(std::to_string(getpid())));
  EXPECT_THAT(status.message(), HasSubstr(directory_));
  first.reset();
  EXPECT_TRUE(ArchiveWriter::Open(directory_).ok());
}

TEST_F(ArchiveTest, ForeignDirectoriesAreLeftAlone) {
  EXPECT_EQ(KindOf(Archive::Open(directory_).status()), ErrorKind::kNotFound);
  EXPECT_THAT(OpenError(), HasSubstr("no such archive directory: " + directory_));
  std::filesystem::create_directory(directory_);
  EXPECT_THAT(OpenError(), HasSubstr("has no index.arrow: " + directory_));
  std::ofstream(directory_ + "/thesis.tex") << "x";
  const Status status = ArchiveWriter::Open(directory_).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("thesis.tex"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
  EXPECT_THAT(Archive::Open(directory_ + "/thesis.tex").status().message(),
              HasSubstr("not a directory"));
}

TEST_F(ArchiveTest, DamageIsFoundAtOpeningAndNamed) {
  ASSERT_TRUE(Add({Block(0, 3)}).ok());
  const std::string segment = OnlySegment();
  const std::string index = directory_ + "/index.arrow";
  const std::string table =
      std::filesystem::directory_iterator(directory_ + "/tables")->path().string();
  const auto read = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  };
  const auto write = [](const std::string& path, const std::string& bytes) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << bytes;
  };
  for (const std::string& path : {segment, index, table}) {
    const std::string good = read(path);
    write(path, good.substr(0, good.size() - 1));
    EXPECT_EQ(KindOf(Archive::Open(directory_).status()), ErrorKind::kCorrupt) << path;
    EXPECT_THAT(OpenError(), HasSubstr(path));
    std::filesystem::remove(path);
    EXPECT_FALSE(Archive::Open(directory_).ok()) << path;
    EXPECT_THAT(OpenError(), HasSubstr(path == index ? directory_ : path));
    write(path, good);
    ASSERT_TRUE(Archive::Open(directory_).ok());
  }
  // Any byte of a segment's schema or footer.
  const std::string good = read(segment);
  const SegmentInfo info = ReadIndex(directory_).ValueOrDie().segments[0];
  const auto table_read = ChannelTable::Read(table, info.table).ValueOrDie();
  const int64_t body_end = SegmentLayout::Make(info, *table_read).ValueOrDie().body_end();
  for (int64_t at = 0; at < info.bytes; at += at < info.body_offset ? 3 : 5) {
    if (at >= info.body_offset && at < body_end) at = body_end;
    std::string bad = good;
    bad[at] ^= 0x20;
    write(segment, bad);
    const Status status = Archive::Open(directory_).status();
    ASSERT_EQ(KindOf(status), ErrorKind::kCorrupt) << at;
    ASSERT_THAT(status.message(), HasSubstr(segment)) << at;
  }
}

TEST_F(ArchiveTest, EveryFlippedByteOfIndexAndTableIsHarmless) {
  ASSERT_TRUE(Add({Block(0, 3)}).ok());
  const auto before = Dump(*Archive::Open(directory_).ValueOrDie());
  const std::string table =
      std::filesystem::directory_iterator(directory_ + "/tables")->path().string();
  for (const std::string& path : {directory_ + "/index.arrow", table}) {
    std::ifstream in(path, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] ^= at % 2 == 0 ? 0xff : 0x01;
      std::filesystem::remove(path);
      std::ofstream(path, std::ios::binary) << bad;
      // Padding may change without harm; whatever opens must say what was written.
      const auto archive = Archive::Open(directory_);
      if (archive.ok()) {
        ASSERT_EQ(Dump(**archive), before) << path << " " << at;
      }
    }
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << good;
  }
}

TEST_F(ArchiveTest, AnotherVersionOfTheFormatIsRefusedAsSuch) {
  ASSERT_TRUE(Add({Block(0, 1)}).ok());
  const std::string path = directory_ + "/index.arrow";
  auto file = arrow::io::ReadableFile::Open(path).ValueOrDie();
  auto reader = arrow::ipc::RecordBatchFileReader::Open(file).ValueOrDie();
  auto batch = reader->ReadRecordBatch(0).ValueOrDie();
  auto metadata = batch->schema()->metadata()->Copy();
  ASSERT_TRUE(metadata->Set("carryall-archive", "2").ok());
  auto out = arrow::io::FileOutputStream::Open(path + ".new").ValueOrDie();
  ASSERT_TRUE(WriteTableFile(*batch->ReplaceSchemaMetadata(metadata), out.get()).ok());
  ASSERT_TRUE(out->Close().ok());
  std::filesystem::rename(path + ".new", path);
  EXPECT_EQ(KindOf(Archive::Open(directory_).status()), ErrorKind::kUnsupported);
  EXPECT_THAT(OpenError(), HasSubstr("version 2"));
}

TEST_F(ArchiveTest, ASnapshotOutlivesLaterImportsAndReopeningSharesItsSegments) {
  ASSERT_TRUE(Add({Block(0, 2)}).ok());
  const auto first = Archive::Open(directory_).ValueOrDie();
  const auto before = Dump(*first);
  ASSERT_TRUE(Add({Block(2, 2)}).ok());
  const auto second = Archive::Open(directory_, {}, first).ValueOrDie();
  EXPECT_EQ(Dump(*first), before);
  EXPECT_EQ(Dump(*second), Block(0, 4).samples);
  EXPECT_EQ(second->segments()[0], first->segments()[0]);
  EXPECT_EQ(second->index().generation, 2);
  EXPECT_EQ(second->tables().size(), 1u);
}

TEST_F(ArchiveTest, TimesBeyondTheFormatAreRefused) {
  const auto block =
      MakeBlock(channels_, GpsTime::FromSeconds(4'700'000'000), kSecond, Present);
  EXPECT_EQ(KindOf(Add({block}).status()), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace carryall::archive
