#include "carryall/backend/mock/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "carryall/backend/mock/store.h"

namespace carryall::backend::mock {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr Duration kStride = Duration::FromNs(62'500'000);
constexpr GpsTime kStart = GpsTime::FromSeconds(1'000'000'000);

metadata::ChannelConfig Config(std::string name, DataType type, int64_t hz,
                               std::optional<std::string> func = {}) {
  metadata::ChannelConfig out;
  out.file = "channels.toml";
  out.line = 7;
  out.channel.name = std::move(name);
  out.channel.data_type = type;
  out.channel.sample_rate = SampleRate::Make(hz).ValueOrDie();
  out.channel.stride = kStride;
  if (func) out.extras["func"] = *func;
  return out;
}

template <typename T>
std::vector<T> Samples(const metadata::ChannelConfig& config, GpsTime begin, GpsTime end,
                       Duration stride = kStride, uint64_t seed = 0) {
  const auto generator = MakeGenerator(config, seed).ValueOrDie();
  std::vector<T> out(
      static_cast<size_t>(config.channel.sample_rate.SamplesIn(end - begin)));
  generator->Fill(begin, end, stride, reinterpret_cast<uint8_t*>(out.data()));
  return out;
}

std::vector<std::string> SplitAtTabs(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) out.push_back(field);
  return out;
}

std::vector<uint8_t> FromHex(const std::string& hex) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

template <typename T>
double Distance(const uint8_t* a, const uint8_t* b) {
  T x, y;
  std::memcpy(&x, a, sizeof(T));
  std::memcpy(&y, b, sizeof(T));
  if (x == y || (std::isnan(x) && std::isnan(y))) return 0;
  const T larger = std::max(std::fabs(x), std::fabs(y));
  return std::fabs(x - y) / (std::nextafter(larger, HUGE_VALF) - larger);
}

/// Units in the last place between two samples; for integers and halves, whether the bits
/// differ.
double Distance(DataType type, const uint8_t* a, const uint8_t* b) {
  if (type == DataType::kFloat64) return Distance<double>(a, b);
  if (type == DataType::kFloat32) return Distance<float>(a, b);
  return std::memcmp(a, b, static_cast<size_t>(ByteWidth(type))) == 0 ? 0 : 1e9;
}

TEST(Generator, GivesStocksSamplesForEveryDataType) {
  std::ifstream file(CARRYALL_SOURCE_DIR
                     "/src/carryall/backend/mock/testdata/samples.txt");
  int runs = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto fields = SplitAtTabs(line);
    ASSERT_EQ(fields.size(), 6) << line;
    const DataType type = DataTypeFromName(fields[0]).ValueOrDie();
    const Duration stride = Duration::FromNs(std::stoll(fields[3]));
    const GpsTime start = GpsTime::FromNs(std::stoll(fields[4]));
    const std::vector<uint8_t> stock = FromHex(fields[5]);
    const auto config = Config("X1:VEC", type, std::stoll(fields[2]), fields[1]);
    const int64_t count = config.channel.sample_rate.SamplesIn(stride);
    std::vector<uint8_t> bytes(static_cast<size_t>(count * ByteWidth(type)));
    const auto generator = MakeGenerator(config, 0).ValueOrDie();
    generator->Fill(start, start + stride, stride, bytes.data());
    ASSERT_GE(bytes.size(), stock.size());
    for (size_t i = 0; i < stock.size(); i += static_cast<size_t>(ByteWidth(type))) {
      EXPECT_LE(Distance(type, bytes.data() + i, stock.data() + i), 4)
          << line << " at byte " << i;
    }
    ++runs;
  }
  EXPECT_GT(runs, 400);
}

TEST(Generator, NoiseIsTheSameHoweverASpanIsCut) {
  const auto config = Config("X1:ABC-NOISE", DataType::kFloat32, 1000);
  const auto whole = Samples<float>(config, kStart, kStart + Duration::FromSeconds(5));
  std::vector<float> parts;
  for (int64_t done = 0, count = 1; done < 5000; done += count, count = count * 7 % 333) {
    count = std::min(count, 5000 - done);
    const GpsTime begin = kStart + Duration::FromMs(done);
    const auto part = Samples<float>(config, begin, begin + Duration::FromMs(count));
    parts.insert(parts.end(), part.begin(), part.end());
  }
  EXPECT_EQ(parts, whole);
}

TEST(Generator, NoiseOfEveryDataTypeIsTheSameNoise) {
  const GpsTime end = kStart + Duration::FromSeconds(4);
  const auto floats =
      Samples<float>(Config("X1:A", DataType::kFloat32, 1000), kStart, end);
  const auto doubles =
      Samples<double>(Config("X1:A", DataType::kFloat64, 1000), kStart, end);
  const auto bytes = Samples<int8_t>(Config("X1:A", DataType::kInt8, 1000), kStart, end);
  ASSERT_EQ(floats.size(), 4000);
  for (size_t i = 0; i < floats.size(); ++i) {
    EXPECT_EQ(static_cast<double>(floats[i]), doubles[i]);
    EXPECT_EQ(static_cast<int8_t>(floats[i]), bytes[i]) << "truncated toward zero";
  }
}

TEST(Generator, NoiseDiffersBetweenChannelsAndSeeds) {
  const GpsTime end = kStart + kStride;
  const auto a = Config("X1:A", DataType::kFloat32, 16384);
  EXPECT_NE(Samples<float>(a, kStart, end),
            Samples<float>(Config("X1:B", DataType::kFloat32, 16384), kStart, end));
  EXPECT_NE(Samples<float>(a, kStart, end), Samples<float>(a, kStart, end, kStride, 1));
}

TEST(Generator, AFormulaIsCountedFromTheStartOfEachStride) {
  const auto config = Config("X1:T", DataType::kFloat64, 512, "t");
  const auto samples = Samples<double>(config, kStart, kStart + kStride * 100);
  ASSERT_EQ(samples.size(), 3200);
  for (int64_t i = 0; i < 3200; ++i) {
    EXPECT_EQ(samples[static_cast<size_t>(i)], (kStart + kStride * (i / 32)).seconds() +
                                                   static_cast<double>(i % 32) / 512);
  }
}

TEST(Generator, AFormulaThatIsWrongIsNamedWithItsPlace) {
  const auto made = MakeGenerator(Config("X1:BAD", DataType::kFloat64, 16, "sin(x)"), 0);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(KindOf(made.status()), ErrorKind::kInvalidArgument);
  EXPECT_THAT(made.status().message(),
              StartsWith("channels.toml:7: channel X1:BAD: func"));
  EXPECT_THAT(made.status().message(), HasSubstr("unknown name 'x'"));
}

// numpy 2.4.6, numpy.array([...]).astype(type) on x86-64.
TEST(Store, ConvertsAsNumpyDoes) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> x{
      0.9,          -0.9,   127.9, 128.0, 300.7, -129.5, 65535.5, 2147483647.5,
      2147483648.0, 9.2e18, -1e19, 1e300, -1.5,  inf,    -inf,    std::nan("")};
  const auto stored = [&]<typename T>(DataType type, T) {
    std::vector<T> out(x.size());
    StoreAs(type, x.data(), static_cast<int64_t>(x.size()),
            reinterpret_cast<uint8_t*>(out.data()));
    return out;
  };
  EXPECT_EQ(
      stored(DataType::kInt8, int8_t{}),
      (std::vector<int8_t>{0, 0, 127, -128, 44, 127, -1, -1, 0, 0, 0, 0, -1, 0, 0, 0}));
  EXPECT_EQ(stored(DataType::kUint16, uint16_t{}),
            (std::vector<uint16_t>{0, 0, 127, 128, 300, 65407, 65535, 65535, 0, 0, 0, 0,
                                   65535, 0, 0, 0}));
  constexpr int32_t kLeast = INT32_MIN;
  EXPECT_EQ(stored(DataType::kInt32, int32_t{}),
            (std::vector<int32_t>{0, 0, 127, 128, 300, -129, 65535, 2147483647, kLeast,
                                  kLeast, kLeast, kLeast, -1, kLeast, kLeast, kLeast}));
  constexpr uint64_t kTop = uint64_t{1} << 63;
  EXPECT_EQ(stored(DataType::kUint64, uint64_t{}),
            (std::vector<uint64_t>{0, 0, 127, 128, 300, ~uint64_t{0} - 128, 65535,
                                   2147483647, 2147483648, 9200000000000000000u, kTop, 0,
                                   ~uint64_t{0}, 0, kTop, kTop}));
}

TEST(Store, RoundsHalvesOnce) {
  const std::vector<double> x{0.1,
                              65504.0,
                              65519.9,
                              65520.0,
                              5.96e-8,
                              2.98e-8,
                              2.981e-8,
                              1 / 3.0,
                              -0.0,
                              1 + 0x1p-11,
                              1 + 0x1p-11 + 0x1p-40};
  std::vector<uint16_t> out(x.size());
  StoreAs(DataType::kFloat16, x.data(), static_cast<int64_t>(x.size()),
          reinterpret_cast<uint8_t*>(out.data()));
  EXPECT_EQ(out, (std::vector<uint16_t>{11878, 31743, 31743, 31744, 1, 0, 1, 13653, 32768,
                                        15360, 15361}));
}

}  // namespace
}  // namespace carryall::backend::mock
