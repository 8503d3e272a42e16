#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>

#include "carryall/files/hdf5_fixture.h"
#include "carryall/files/reader.h"
#include "carryall/files/temporary_directory.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::files {
namespace {

using ::testing::HasSubstr;

// What a channel of a file holds, put together from its blocks.
struct Contents {
  Channel channel;
  std::string unit;
  GpsTime start;
  std::vector<uint8_t> values;
  std::vector<bool> missing;
};

Result<std::map<std::string, Contents>> ReadAll(const std::string& path,
                                                ReaderOptions options = {}) {
  ARROW_ASSIGN_OR_RAISE(auto reader, BlockReader::Open(path, options));
  std::map<std::string, Contents> out;
  for (const FileSeries& series : reader->series()) {
    out[series.channel.name] = {series.channel, series.unit, GpsTime::Max(), {}, {}};
  }
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto block, reader->Next());
    if (!block) return out;
    ARROW_RETURN_NOT_OK(block->Validate());
    for (size_t i = 0; i < block->size(); ++i) {
      const SampleView& view = block->view(i);
      Contents& contents = out[(*block->channels())[i].name];
      contents.start = std::min(contents.start, block->time());
      const int64_t bytes = view.length * ByteWidth(view.data_type);
      if (view.all_missing()) {
        contents.values.resize(contents.values.size() + bytes);
      } else {
        contents.values.insert(contents.values.end(), view.values, view.values + bytes);
      }
      for (int64_t k = 0; k < view.length; ++k) {
        contents.missing.push_back(
            view.all_missing() ||
            (view.validity != nullptr &&
             !kernels::GetBit(view.validity, view.validity_offset + k)));
      }
    }
  }
}

template <typename T>
std::vector<T> Values(const Contents& contents) {
  std::vector<T> out(contents.values.size() / sizeof(T));
  std::memcpy(out.data(), contents.values.data(), contents.values.size());
  return out;
}

template <typename T>
std::vector<T> Ramp(size_t count) {
  std::vector<T> out(count);
  std::iota(out.begin(), out.end(), T(1));
  return out;
}

std::string ErrorOf(const std::string& path) { return ReadAll(path).status().message(); }

class Hdf5Test : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("x.h5");
};

TEST_F(Hdf5Test, ReadsSeveralChannelsAsGwpyWritesThem) {
  {
    Hdf5Fixture file(path_);
    file.Set("H1:LSC-A", Ramp<double>(64), H5T_NATIVE_DOUBLE)
        .Gwpy("H1:LSC-A", 968654552, 0.0625);
    file.Set("grp/sub/B", Ramp<int32_t>(4), H5T_NATIVE_INT32)
        .Text("name", "H1:LSC-B")
        .Integer("x0", 968654553)
        .Number("sample_rate", 4);
    file.Set("L1:BIG", Ramp<int16_t>(1000), H5T_NATIVE_INT16, H5T_STD_I16BE)
        .FixedText("channel", "L1:BIG")
        .Number("x0", 968654552.5)
        .Number("dx", 0.001);
  }
  const auto contents = ReadAll(path_).ValueOrDie();
  ASSERT_EQ(contents.size(), 3u);
  const Contents& a = contents.at("H1:LSC-A");
  EXPECT_EQ(a.channel.data_type, DataType::kFloat64);
  EXPECT_EQ(a.channel.sample_rate.hz(), 16);
  EXPECT_EQ(a.unit, "m");
  EXPECT_EQ(a.start, GpsTime::FromSeconds(968654552));
  EXPECT_EQ(Values<double>(a), Ramp<double>(64));
  EXPECT_EQ(contents.at("H1:LSC-B").start, GpsTime::FromSeconds(968654553));
  EXPECT_EQ(Values<int32_t>(contents.at("H1:LSC-B")), Ramp<int32_t>(4));
  const Contents& big = contents.at("L1:BIG");
  EXPECT_EQ(big.channel.sample_rate.hz(), 1000);
  EXPECT_EQ(big.start.ns(), 968654552'500'000'000);
  EXPECT_EQ(Values<int16_t>(big), Ramp<int16_t>(1000));
}

TEST_F(Hdf5Test, ReadsEveryNumberTypeAndSkipsWhatIsNoSeries) {
  {
    Hdf5Fixture file(path_);
    for (int i = 0; i < kDataTypeCount; ++i) {
      const auto type = static_cast<DataType>(i);
      const std::vector<uint8_t> zeros(16 * ByteWidth(type));
      const Hdf5Handle stored = Hdf5TypeOf(type);
      const std::string name = "X1:" + std::string(Name(type));
      file.Set(name, std::vector<double>(16, 3), H5T_NATIVE_DOUBLE, stored.get())
          .Gwpy(name, 10, 0.0625);
    }
    file.Set("X1:SPECTRUM", Ramp<double>(4), H5T_NATIVE_DOUBLE)
        .Number("x0", 0)
        .Number("dx", 1)
        .Text("xunit", "Hz");
    file.Set("notes", Ramp<double>(4), H5T_NATIVE_DOUBLE);
    H5Lcreate_soft("/X1:float64", file.file(), "alias", H5P_DEFAULT, H5P_DEFAULT);
  }
  const auto contents = ReadAll(path_).ValueOrDie();
  ASSERT_EQ(contents.size(), size_t{kDataTypeCount});
  for (int i = 0; i < kDataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    const Contents& one = contents.at("X1:" + std::string(Name(type)));
    EXPECT_EQ(one.channel.data_type, type);
    EXPECT_EQ(one.missing.size(), 16u);
  }
  EXPECT_EQ(Values<float>(contents.at("X1:float32")), std::vector<float>(16, 3));
  EXPECT_EQ(Values<uint16_t>(contents.at("X1:float16")),
            std::vector<uint16_t>(16, 0x4200));
  EXPECT_EQ(Values<uint8_t>(contents.at("X1:uint8")), std::vector<uint8_t>(16, 3));
  const auto reader = BlockReader::Open(path_).ValueOrDie();
  EXPECT_THAT(
      reader->skipped(),
      ::testing::UnorderedElementsAre(
          "/X1:SPECTRUM: is not a series in time: attribute xunit is 'Hz'",
          "/notes: has no attributes x0 and dx", "/alias: a soft or external link"));
}

TEST_F(Hdf5Test, ReadsGwoscStrainWithItsGapsAndQualityMasks) {
  std::vector<double> strain = Ramp<double>(2 * 4096);
  for (int i = 100; i < 300; ++i) strain[i] = NAN;
  {
    Hdf5Fixture file(path_);
    file.Scalar("meta/Detector", std::string("L1"));
    file.Scalar("meta/GPSstart", int64_t{1126259446});
    file.Scalar("meta/Duration", int64_t{2});
    file.Set("strain/Strain", strain, H5T_NATIVE_DOUBLE)
        .Integer("Xstart", 1126259446)
        .Number("Xspacing", 1.0 / 4096)
        .Text("Yunits", "strain");
    file.Set("quality/simple/DQmask", std::vector<int32_t>{127, 3}, H5T_NATIVE_INT32)
        .Integer("Xstart", 1126259446)
        .Number("Xspacing", 1);
    file.Set("quality/injections/Injmask", std::vector<int32_t>{31, 30},
             H5T_NATIVE_INT32);
  }
  const auto contents = ReadAll(path_).ValueOrDie();
  ASSERT_EQ(contents.size(), 3u);
  const Contents& one = contents.at("L1:GWOSC-4KHZ_STRAIN");
  EXPECT_EQ(one.start, GpsTime::FromSeconds(1126259446));
  EXPECT_EQ(one.unit, "strain");
  for (int i = 0; i < 2 * 4096; ++i) ASSERT_EQ(one.missing[i], i >= 100 && i < 300) << i;
  EXPECT_EQ(Values<int32_t>(contents.at("L1:GWOSC-4KHZ_DQMASK")),
            (std::vector<int32_t>{127, 3}));
  const Contents& injections = contents.at("L1:GWOSC-4KHZ_INJMASK");
  EXPECT_EQ(injections.channel.sample_rate.hz(), 1);
  EXPECT_EQ(injections.start, GpsTime::FromSeconds(1126259446));
}

TEST_F(Hdf5Test, CutsLongSeriesAtWholeSecondsWhateverTheChunks) {
  const auto samples = Ramp<float>(10 * 1024 + 300);
  {
    Hdf5Fixture file(path_);
    const Hdf5Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const hsize_t chunk = 777;
    H5Pset_chunk(plan.get(), 1, &chunk);
    H5Pset_deflate(plan.get(), 4);
    file.Set("X1:A", samples, H5T_NATIVE_FLOAT, -1, plan.get())
        .Gwpy("X1:A", 100.5, 1.0 / 1024);
  }
  ReaderOptions options;
  options.block_bytes = 3000 * 4;
  auto reader = BlockReader::Open(path_, options).ValueOrDie();
  std::vector<int64_t> starts;
  while (auto block = reader->Next().ValueOrDie()) starts.push_back(block->time().ns());
  for (size_t i = 1; i < starts.size(); ++i) EXPECT_EQ(starts[i] % 1'000'000'000, 0) << i;
  EXPECT_GT(starts.size(), 3u);
  const auto contents = ReadAll(path_, options).ValueOrDie();
  EXPECT_EQ(Values<float>(contents.at("X1:A")), samples);
}

TEST_F(Hdf5Test, StartsInDoublePrecisionMeanTheNearestSample) {
  {
    Hdf5Fixture file(path_);
    // 1187008882.1 in double precision is 24 ns off the grid of 10 Hz.
    file.Set("X1:A", Ramp<double>(20), H5T_NATIVE_DOUBLE).Gwpy("X1:A", 1187008882.1, 0.1);
  }
  EXPECT_EQ(ReadAll(path_).ValueOrDie().at("X1:A").start.ns(), 1187008882'100'000'000);
}

TEST_F(Hdf5Test, NamesFileDataSetAndAttributeThatAreWrong) {
  const auto error = [&](const auto& fill) {
    {
      Hdf5Fixture file(path_);
      fill(file.Set("d/X1:A", Ramp<double>(16), H5T_NATIVE_DOUBLE));
    }
    return ErrorOf(path_);
  };
  using F = Hdf5Fixture;
  EXPECT_EQ(error([](F& f) { f.Number("dx", 1); }),
            path_ + ": data set /d/X1:A: attribute x0 is missing");
  EXPECT_EQ(error([](F& f) { f.Number("x0", 1); }),
            path_ + ": data set /d/X1:A: attribute dx (or sample_rate) is missing");
  EXPECT_THAT(error([](F&) {}), HasSubstr("data set /d/X1:A: attribute dx"));
  EXPECT_THAT(error([](F& f) { f.Number("x0", 1).Number("dx", 0.3); }),
              HasSubstr("dx = 0.3"));
  EXPECT_THAT(error([](F& f) { f.Number("x0", 1).Number("dx", 0); }),
              HasSubstr("attribute dx"));
  EXPECT_THAT(error([](F& f) { f.Number("x0", NAN).Number("dx", 1); }),
              HasSubstr("attribute x0"));
  EXPECT_THAT(error([](F& f) { f.Number("x0", 1.3).Number("dx", 1); }),
              HasSubstr("between two samples"));
  EXPECT_THAT(error([](F& f) { f.Text("x0", "now").Number("dx", 1); }),
              HasSubstr("attribute x0 is not one number"));
  {
    Hdf5Fixture file(path_);
    file.Set("data", Ramp<double>(16), H5T_NATIVE_DOUBLE).Number("x0", 1).Number("dx", 1);
  }
  EXPECT_THAT(ErrorOf(path_), HasSubstr("data set /data: neither attribute channel"));
  {
    Hdf5Fixture file(path_);
    const Hdf5Handle complex(H5Tcreate(H5T_COMPOUND, 16), H5Tclose);
    H5Tinsert(complex.get(), "r", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(complex.get(), "i", 8, H5T_NATIVE_DOUBLE);
    const hsize_t size = 4;
    const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    file.Create("X1:C", complex.get(), space.get());
    file.Gwpy("X1:C", 1, 1);
  }
  EXPECT_THAT(ErrorOf(path_), HasSubstr("data set /X1:C: compound values"));
}

TEST_F(Hdf5Test, RefusesFilesThatClaimMoreThanTheyHold) {
  {
    Hdf5Fixture file(path_);
    const hsize_t size = hsize_t{1} << 40, chunk = 1 << 16;
    const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    const Hdf5Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(plan.get(), 1, &chunk);
    file.Create("X1:A", H5T_NATIVE_DOUBLE, space.get(), plan.get());
    file.Gwpy("X1:A", 1, 1);
  }
  const Status status = ReadAll(path_).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kCorrupt);
  EXPECT_THAT(status.message(), HasSubstr("more than the file can hold"));
}

TEST_F(Hdf5Test, RefusesSamplesThatLieInOtherFiles) {
  {
    Hdf5Fixture file(path_);
    const hsize_t size = 16;
    const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    const Hdf5Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_external(plan.get(), "/etc/hostname", 0, 16);
    file.Create("X1:A", H5T_NATIVE_UINT8, space.get(), plan.get());
    file.Gwpy("X1:A", 1, 0.0625);
  }
  EXPECT_THAT(ErrorOf(path_), HasSubstr("stored in other files"));
}

TEST_F(Hdf5Test, GroupsThatHoldThemselvesEnd) {
  {
    Hdf5Fixture file(path_);
    file.Set("a/b/X1:A", Ramp<double>(16), H5T_NATIVE_DOUBLE).Gwpy("X1:A", 1, 0.0625);
    H5Lcreate_hard(file.file(), "/a", file.file(), "/a/b/again", H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Lcreate_hard(file.file(), "/", file.file(), "/a/root", H5P_DEFAULT, H5P_DEFAULT);
  }
  EXPECT_EQ(ReadAll(path_).ValueOrDie().at("X1:A").missing.size(), 16u);
}

TEST_F(Hdf5Test, TruncatedFilesAreErrorsAtEveryLength) {
  {
    Hdf5Fixture file(path_);
    const Hdf5Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const hsize_t chunk = 100;
    H5Pset_chunk(plan.get(), 1, &chunk);
    H5Pset_deflate(plan.get(), 4);
    file.Set("X1:A", Ramp<double>(1024), H5T_NATIVE_DOUBLE, -1, plan.get())
        .Gwpy("X1:A", 1, 1.0 / 1024);
  }
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (size_t length = 0; length < whole.size(); length += 61) {
    const std::string cut = directory_.File("cut.h5");
    std::ofstream(cut, std::ios::binary) << whole.substr(0, length);
    const Status status = ReadAll(cut).status();
    ASSERT_FALSE(status.ok()) << length;
    ASSERT_THAT(status.message(), HasSubstr(cut)) << length;
  }
}

TEST_F(Hdf5Test, MissingFilesFoldersAndForeignFilesAreNamed) {
  EXPECT_EQ(KindOf(ReadAll(path_).status()), ErrorKind::kNotFound);
  EXPECT_THAT(ErrorOf(path_), HasSubstr(path_));
  EXPECT_THAT(ErrorOf(directory_.path()), HasSubstr("not a regular file"));
  std::ofstream(path_) << "";
  EXPECT_THAT(ErrorOf(path_), HasSubstr("file is empty: " + path_));
  std::ofstream(path_) << "time,value\n";
  EXPECT_THAT(ErrorOf(path_), HasSubstr("neither HDF5 nor Arrow IPC"));
}

}  // namespace
}  // namespace carryall::files
