#include "carryall/backend/mock/mock_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "carryall/backend/mock/default_channels.h"

namespace carryall::backend::mock {
namespace {

using testing::HasSubstr;

class MockBackend : public testing::Test {
 protected:
  MockBackend()
      : path_(std::filesystem::temp_directory_path() /
              ("mock_backend_test_" + std::to_string(getpid()) + ".toml")) {}
  ~MockBackend() override { std::filesystem::remove(path_); }

  void Write(const std::string& func) {
    std::ofstream(path_) << "[common]\nstride = 62_500_000\n[\"X1:ABC-A\"]\n"
                            "data_type = \"float64\"\nsample_rate = 16\nfunc = \""
                         << func << "\"\n";
  }

  Result<std::shared_ptr<Backend>> Make() {
    MockOptions options;
    options.files = {path_.string()};
    return MakeMockBackend(std::move(options));
  }

  static double FirstSample(Backend* backend) {
    StreamRequest request;
    request.channels =
        ChannelSet::Make({*backend->catalogue()->Get("X1:ABC-A", {})}).ValueOrDie();
    request.start = GpsTime::FromSeconds(1'000'000'000);
    request.end = *request.start + Duration::FromSeconds(1);
    auto source = backend->Stream(request).ValueOrDie();
    const auto step = source->Next({}, SteadyNow()).ValueOrDie();
    return *reinterpret_cast<const double*>(step.block.view(0).values);
  }

  std::filesystem::path path_;
};

TEST_F(MockBackend, ReadsFilesAgainOnReload) {
  Write("1");
  const auto backend = Make().ValueOrDie();
  EXPECT_EQ(backend->name(), "mock");
  EXPECT_EQ(backend->retention().newest, 0);
  EXPECT_EQ(backend->retention().oldest, std::nullopt);
  EXPECT_EQ(FirstSample(backend.get()), 1);
  Write("2");
  EXPECT_EQ(FirstSample(backend.get()), 1);
  ASSERT_TRUE(backend->Reload().ok());
  EXPECT_EQ(FirstSample(backend.get()), 2);
}

TEST_F(MockBackend, ABadFileOnReloadLeavesTheOldState) {
  Write("1");
  const auto backend = Make().ValueOrDie();
  Write("sin(");
  const Status status = backend->Reload();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr(path_.string() + ":3: channel X1:ABC-A: func"));
  EXPECT_EQ(FirstSample(backend.get()), 1);
}

TEST_F(MockBackend, AFileThatIsNotThereIsNamed) {
  const auto made = Make();
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(KindOf(made.status()), ErrorKind::kNotFound);
  EXPECT_THAT(made.status().message(), HasSubstr(path_.string()));
}

TEST_F(MockBackend, AStreamKeepsItsChannelsThroughAReload) {
  Write("1");
  const auto backend = Make().ValueOrDie();
  StreamRequest request;
  request.channels =
      ChannelSet::Make({*backend->catalogue()->Get("X1:ABC-A", {})}).ValueOrDie();
  request.start = GpsTime::FromSeconds(1'000'000'000);
  request.end = *request.start + Duration::FromSeconds(1);
  auto source = backend->Stream(request).ValueOrDie();
  Write("2");
  ASSERT_TRUE(backend->Reload().ok());
  for (int i = 0; i < 16; ++i) {
    const auto step = source->Next({}, SteadyNow()).ValueOrDie();
    ASSERT_EQ(step.kind, SourceStep::Kind::kBlock);
    EXPECT_EQ(*reinterpret_cast<const double*>(step.block.view(0).values), 1);
  }
}

TEST(DefaultChannels, AreAboutAsManyAndAsFastAsStocks) {
  std::map<std::string, std::pair<int, double>> sites;  // channels, MB/s
  int doubles = 0, least = INT32_MAX, most = 0;
  for (const auto& config : DefaultChannels()) {
    const Channel& channel = config.channel;
    auto& [count, rate] =
        sites[std::string(ParseChannelName(channel.name).ValueOrDie().domain)];
    ++count;
    rate += 1e-6 * channel.sample_rate.hz() * ByteWidth(channel.data_type);
    doubles += channel.data_type == DataType::kFloat64 ? 1 : 0;
    least = std::min(least, channel.sample_rate.hz());
    most = std::max(most, channel.sample_rate.hz());
    EXPECT_EQ(channel.stride, Duration::FromNs(62'500'000));
    EXPECT_EQ(channel.max_latency, Duration::FromSeconds(1));
  }
  EXPECT_EQ(sites.size(), 2);
  EXPECT_EQ(sites["H1"].first, 770);
  EXPECT_EQ(sites["L1"].first, 690);
  EXPECT_NEAR(sites["H1"].second, 9.0, 0.5);
  EXPECT_NEAR(sites["L1"].second, 7.3, 0.5);
  EXPECT_EQ(doubles, 6);
  EXPECT_EQ(least, 256);
  EXPECT_EQ(most, 32768);
  MockOptions options;
  EXPECT_EQ(MakeMockBackend(options).ValueOrDie()->catalogue()->size(), 1460);
}

}  // namespace
}  // namespace carryall::backend::mock
