#include "carryall/archive/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "carryall/archive/archive_model.h"
#include "carryall/files/hdf5_fixture.h"
#include "carryall/files/temporary_directory.h"
#include "carryall/files/writer.h"

namespace carryall::archive {
namespace {

using ::testing::HasSubstr;

constexpr GpsTime kStart = GpsTime::FromSeconds(968654552);
constexpr Duration kSecond = Duration::FromSeconds(1);

std::optional<std::string> Present(const Channel& channel, int64_t sample, int width) {
  return SampleBytes(channel.name, sample, width);
}

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    channels_ = ChannelSet::Make({MakeChannel("X1:A", DataType::kFloat32, 1024),
                                  MakeChannel("X1:B", DataType::kInt32, 64),
                                  MakeChannel("X1:C", DataType::kUint8, 16)})
                    .ValueOrDie();
  }
  // A file of [from, from + seconds), and what it holds.
  Model WriteArrow(const std::string& path, int64_t from, int64_t seconds) const {
    auto writer = files::BlockWriter::Open(path, channels_).ValueOrDie();
    Model model;
    for (int64_t i = from; i < from + seconds; ++i) {
      const TestBlock block =
          MakeBlock(channels_, kStart + kSecond * i, kSecond, Present);
      EXPECT_TRUE(writer->Write(block.block).ok());
      for (const auto& [name, samples] : block.samples) {
        model[name].insert(samples.begin(), samples.end());
      }
    }
    EXPECT_TRUE(writer->Close().ok());
    return model;
  }
  Model Stored() const { return Dump(*Archive::Open(archive_).ValueOrDie()); }
  size_t FilesIn(const std::string& part) const {
    return std::distance(std::filesystem::directory_iterator(archive_ + "/" + part), {});
  }

  files::TemporaryDirectory directory_;
  const std::string archive_ = directory_.File("archive");
  std::shared_ptr<const ChannelSet> channels_;
};

TEST_F(ImportTest, TakesSeveralFilesOfSeveralKindsAtOnce) {
  const std::string arrow = directory_.File("a.arrow"), hdf5 = directory_.File("b.h5");
  Model expected = WriteArrow(arrow, 0, 5);
  std::vector<double> values(64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  {
    files::Hdf5Fixture file(hdf5);
    file.Set("H1:STRAIN", values, H5T_NATIVE_DOUBLE)
        .Gwpy("H1:STRAIN", 968654560, 1.0 / 16, "strain");
    file.Set("notes", values, H5T_NATIVE_DOUBLE);
  }
  std::vector<std::string> seen;
  ImportOptions options;
  options.progress = [&](const ImportProgress& progress) {
    seen.push_back(progress.path);
  };
  const ImportReport report = ImportFiles({arrow, hdf5}, archive_, options).ValueOrDie();
  EXPECT_EQ(report.written.channels, 4);
  EXPECT_EQ(report.written.added_samples, 5 * 1104 + 64);
  EXPECT_THAT(report.skipped, ::testing::ElementsAre(HasSubstr("b.h5: /notes")));
  EXPECT_EQ(seen.front(), arrow);
  EXPECT_EQ(seen.back(), hdf5);
  for (int64_t i = 0; i < 64; ++i) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &values[i], 8);
    expected["H1:STRAIN"][int64_t{968654560} * 16 + i] = bytes;
  }
  EXPECT_EQ(Stored(), expected);
  const auto archive = Archive::Open(archive_).ValueOrDie();
  EXPECT_EQ(archive->unit(archive->Find("H1:STRAIN").value()), "strain");
}

TEST_F(ImportTest, RepeatingItAddsNothing) {
  const std::string path = directory_.File("a.arrow");
  const Model expected = WriteArrow(path, 0, 5);
  ASSERT_TRUE(ImportFiles({path}, archive_).ok());
  const auto again = ImportFiles({path, path}, archive_).ValueOrDie();
  EXPECT_EQ(again.written.added_samples, 0);
  EXPECT_EQ(again.written.known_samples, 2 * 5 * 1104);
  EXPECT_EQ(Stored(), expected);
  EXPECT_EQ(FilesIn("segments"), 1u);
}

TEST_F(ImportTest, OneBadFileOfSeveralLeavesTheArchiveAsItWas) {
  const std::string good = directory_.File("a.arrow"), more = directory_.File("c.arrow"),
                    bad = directory_.File("b.arrow");
  const Model before = WriteArrow(good, 0, 2);
  WriteArrow(more, 2, 2);
  std::ofstream(bad) << "no file of ours";
  ASSERT_TRUE(ImportFiles({good}, archive_).ok());
  const Status status = ImportFiles({more, bad}, archive_).status();
  EXPECT_THAT(status.message(), HasSubstr(bad));
  EXPECT_EQ(Stored(), before);
  EXPECT_EQ(FilesIn("segments"), 1u);
}

TEST_F(ImportTest, CanBeStopped) {
  const std::string path = directory_.File("a.arrow");
  WriteArrow(path, 0, 3);
  std::stop_source stop;
  ImportOptions options;
  options.stop = stop.get_token();
  options.progress = [&](const ImportProgress&) { stop.request_stop(); };
  EXPECT_EQ(KindOf(ImportFiles({path}, archive_, options).status()),
            ErrorKind::kCancelled);
  EXPECT_EQ(KindOf(Archive::Open(archive_).status()), ErrorKind::kNotFound);
}

// An import in a child process that is killed before its n-th step on the file system.
// Returns false if it came to its end before that.
bool ImportKilledAt(int64_t step, const std::vector<std::string>& paths,
                    const std::string& archive, const ImportOptions& base) {
  const pid_t child = fork();
  if (child == 0) {
    int64_t steps = 0;
    ImportOptions options = base;
    options.writer.hook = [&](std::string_view, const std::string&) {
      if (steps++ == step) kill(getpid(), SIGKILL);
      return Status::OK();
    };
    _exit(ImportFiles(paths, archive, options).ok() ? 0 : 1);
  }
  int result = 0;
  EXPECT_EQ(waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFSIGNALED(result) || WEXITSTATUS(result) == 0) << "step " << step;
  return WIFSIGNALED(result);
}

TEST_F(ImportTest, KilledAtAnyStepItLeavesTheOldStateOrTheNewOne) {
  const std::string first = directory_.File("a.arrow"),
                    second = directory_.File("b.arrow");
  const Model old_state = WriteArrow(first, 0, 2);
  const Model new_state = [&] {
    Model both = WriteArrow(second, 1, 12);
    for (const auto& [name, samples] : old_state) {
      both[name].insert(samples.begin(), samples.end());
    }
    return both;
  }();
  const std::string pristine = directory_.File("pristine");
  ASSERT_TRUE(ImportFiles({first}, pristine).ok());
  ImportOptions options;
  options.writer.segment_bytes = 4096;
  int64_t step = 0, old_seen = 0, new_seen = 0;
  for (bool killed = true; killed; ++step) {
    std::filesystem::remove_all(archive_);
    std::filesystem::copy(pristine, archive_, std::filesystem::copy_options::recursive);
    killed = ImportKilledAt(step, {second}, archive_, options);
    const Model found = Stored();
    ASSERT_TRUE(found == old_state || found == new_state) << "killed at step " << step;
    (found == old_state ? old_seen : new_seen) += 1;
    // The next import cleans up and gets there.
    ASSERT_TRUE(ImportFiles({second}, archive_).ok()) << "after step " << step;
    ASSERT_EQ(Stored(), new_state) << "after step " << step;
    const auto index = ReadIndex(archive_).ValueOrDie();
    ASSERT_EQ(FilesIn("segments"), index.segments.size()) << "after step " << step;
    ASSERT_EQ(FilesIn(""), 4u) << "after step " << step;
  }
  EXPECT_GE(old_seen, 30);
  EXPECT_GE(new_seen, 1);
}

TEST_F(ImportTest, TheFirstImportKilledAtAnyStepLeavesNoArchive) {
  const std::string path = directory_.File("a.arrow");
  const Model expected = WriteArrow(path, 0, 2);
  bool killed = true;
  for (int64_t step = 0; killed; ++step) {
    std::filesystem::remove_all(archive_);
    killed = ImportKilledAt(step, {path}, archive_, {});
    const auto archive = Archive::Open(archive_);
    if (archive.ok()) {
      ASSERT_EQ(Dump(**archive), expected) << "step " << step;
    } else {
      ASSERT_EQ(KindOf(archive.status()), ErrorKind::kNotFound) << archive.status();
    }
    ASSERT_TRUE(ImportFiles({path}, archive_).ok());
    ASSERT_EQ(Stored(), expected) << "step " << step;
  }
}

TEST_F(ImportTest, AFailureAtAnyStepLeavesTheArchiveAsItWasAndNoFilesBehind) {
  const std::string first = directory_.File("a.arrow"),
                    second = directory_.File("b.arrow");
  const Model before = WriteArrow(first, 0, 2);
  WriteArrow(second, 2, 6);
  ASSERT_TRUE(ImportFiles({first}, archive_).ok());
  bool failed = true;
  for (int64_t step = 0; failed; ++step) {
    int64_t steps = 0;
    std::string failing;
    ImportOptions options;
    options.writer.segment_bytes = 8192;
    options.writer.hook = [&](std::string_view name, const std::string& path) -> Status {
      if (steps++ != step) return Status::OK();
      failing = name;
      return files::SystemError(ENOSPC, "write to", path);
    };
    const auto report = ImportFiles({second}, archive_, options);
    failed = !report.ok();
    if (!failed) break;
    EXPECT_EQ(KindOf(report.status()), ErrorKind::kIo);
    EXPECT_THAT(report.status().message(), HasSubstr("No space left on device"));
    EXPECT_THAT(report.status().message(), HasSubstr(archive_));
    if (Stored() != before) {
      // Only what comes after the index was replaced may fail late.
      ASSERT_EQ(failing, "sync directory") << "step " << step;
      ASSERT_TRUE(ImportFiles({second}, archive_).ok());
      return;
    }
    ASSERT_EQ(FilesIn("segments"), 1u) << "step " << step << " " << failing;
    ASSERT_EQ(FilesIn("tables"), 1u) << "step " << step << " " << failing;
    ASSERT_EQ(FilesIn(""), 4u) << "step " << step << " " << failing;
  }
  FAIL() << "the sync after the index never failed";
}

}  // namespace
}  // namespace carryall::archive
