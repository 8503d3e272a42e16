#include "carryall/metadata/channel_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace carryall::metadata {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kFixture = R"toml([common]
stride = 62_500_000
max_latency = 1_000_000_000
publisher = "PUBX"
["X1:CNF-CHAN_B"]
sample_rate = 16384
data_type = "float64"
func = "cos(3*t)"
["X1:CNF-CHAN_A"]
sample_rate = 512.0
data_type = "f4"
["Y1:SLO-TICK"]
sample_rate = 2
stride = 1_000_000_000
data_type = "uint64"
offset = 3
)toml";

TEST(ChannelFileTest, ReadsAChannelListInFileOrder) {
  const Result<ChannelFile> file = ParseChannelFile(kFixture, "cf.toml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->publisher.has_value());
  ASSERT_EQ(file->channels.size(), 3);
  const ChannelConfig& b = file->channels[0];
  EXPECT_EQ(b.channel.name, "X1:CNF-CHAN_B");
  EXPECT_EQ(b.channel.data_type, DataType::kFloat64);
  EXPECT_EQ(b.channel.sample_rate.hz(), 16384);
  EXPECT_EQ(b.channel.publisher, "PUBX");
  EXPECT_EQ(b.channel.stride, Duration::FromNs(62'500'000));
  EXPECT_EQ(b.channel.max_latency, Duration::FromSeconds(1));
  EXPECT_EQ(b.channel.replay_id, std::nullopt);
  EXPECT_EQ(b.extras.at("func"), "cos(3*t)");
  EXPECT_EQ(b.file, "cf.toml");
  EXPECT_EQ(b.line, 5);
  EXPECT_EQ(file->channels[1].channel.name, "X1:CNF-CHAN_A");
  EXPECT_EQ(file->channels[1].channel.data_type, DataType::kFloat32);
  EXPECT_EQ(file->channels[1].channel.sample_rate.hz(), 512);
  EXPECT_TRUE(file->channels[1].extras.empty());
  EXPECT_EQ(file->channels[2].channel.stride, Duration::FromSeconds(1));
  EXPECT_EQ(file->channels[2].extras.at("offset"), "3");
}

TEST(ChannelFileTest, APublisherOverridesItsChannels) {
  const Result<ChannelFile> file = ParseChannelFile(R"(
[publisher]
publisher_id = "H1-fast"
stride = 125_000_000
max_latency = 2_000_000_000
dynamic = true
replay_id = "RUN1"
[common]
publisher = "other"
stride = 1
["H1:A-B"]
data_type = "int32"
sample_rate = 16
stride = 500_000_000
partition_id = "p"
partition_index = 4
[__internal_partition_metadata.p]
next_index = 5
)",
                                                    "pub.toml");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->publisher.has_value());
  EXPECT_EQ(file->publisher->publisher_id, "H1-fast");
  EXPECT_TRUE(file->publisher->dynamic);
  ASSERT_EQ(file->channels.size(), 1);
  const Channel& channel = file->channels[0].channel;
  EXPECT_EQ(channel.publisher, "H1-fast");
  EXPECT_EQ(channel.stride, Duration::FromMs(125));
  EXPECT_EQ(channel.max_latency, Duration::FromSeconds(2));
  EXPECT_EQ(channel.replay_id, "RUN1");
  EXPECT_EQ(channel.partition_id, "p");
  EXPECT_EQ(channel.partition_index, 4u);
}

// As the stock server: a formula belongs to a channel.
TEST(ChannelFileTest, CommonHasChannelFieldsOnly) {
  const Result<ChannelFile> file = ParseChannelFile(
      "[common]\nfunc = '7'\nsample_rate = 16\n['A:B']\ndata_type = 'int8'\n", "f.toml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->channels[0].channel.sample_rate.hz(), 16);
  EXPECT_TRUE(file->channels[0].extras.empty());
}

struct Bad {
  std::string_view toml;
  std::string_view place;  // how the message begins
  std::string_view names;  // what it must contain
};

TEST(ChannelFileTest, ErrorsNameFileLineChannelAndField) {
  const Bad cases[] = {
      {"[\"A:B\"]\nsample_rate = 16\ndata_type = ", "f.toml:3: ", "not TOML"},
      {"[A:B]\n", "f.toml:1: ", "not TOML"},
      {"[\"A:B\"]\n[\"A:B\"]\n", "f.toml:2: ", "not TOML"},
      {"x = 1\n", "f.toml:1: ", "'x'"},
      {"\n[AB]\nsample_rate = 1\ndata_type = 'int32'", "f.toml:2: ", "'AB'"},
      {"[\"A:B\"]\ndata_type = 'int32'", "f.toml:1: ", "'A:B': sample_rate is missing"},
      {"[\"A:B\"]\nsample_rate = 1", "f.toml:1: ", "'A:B': data_type is missing"},
      {"[\"A:B\"]\nsample_rate = 10.5\ndata_type = 'int32'",
       "f.toml:2: ", "'A:B': sample_rate must be a whole number of Hz"},
      {"[\"A:B\"]\nsample_rate = 0\ndata_type = 'int32'", "f.toml:2: ", "got 0"},
      {"[\"A:B\"]\nsample_rate = '16'\ndata_type = 'int32'", "f.toml:2: ", "sample_rate"},
      {"[\"A:B\"]\nsample_rate = 1\ndata_type = 'float99'", "f.toml:3: ", "float99"},
      {"[\"A:B\"]\nsample_rate = 1\ndata_type = 5",
       "f.toml:3: ", "data_type must be text"},
      {"[\"A:B\"]\nstride = -1", "f.toml:2: ", "stride must be"},
      {"[\"A:B\"]\nmax_latency = nan", "f.toml:2: ", "max_latency must be"},
      {"[\"A:B\"]\npartition_index = 4294967296", "f.toml:2: ", "partition_index"},
      {"[\"A:B\"]\ntime = 'now'", "f.toml:2: ", "time must be"},
      {"[common]\npublisher = ['x']\n", "f.toml:2: ", "[common]: publisher must be"},
      {"[\"A:B\"]\nsample_rate = 15\ndata_type = 'int8'\nstride = 62_500_000",
       "f.toml:1: ", "no whole number of samples"},
      {"[publisher]\nstride = 1\nmax_latency = 1",
       "f.toml:1: ", "publisher_id is missing"},
      {"[publisher]\npublisher_id = 'p'\nmax_latency = 1",
       "f.toml:1: ", "stride is missing"},
      {"[publisher]\ndynamic = 1", "f.toml:2: ", "dynamic must be true or false"},
  };
  for (const Bad& bad : cases) {
    const Result<ChannelFile> file = ParseChannelFile(bad.toml, "f.toml");
    ASSERT_FALSE(file.ok()) << bad.toml;
    EXPECT_EQ(KindOf(file.status()), ErrorKind::kInvalidArgument) << file.status();
    EXPECT_THAT(file.status().message(), AllOf(StartsWith(std::string(bad.place)),
                                               HasSubstr(std::string(bad.names))))
        << bad.toml;
  }
}

class ChannelFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 fmt::format("carryall-channel-file-{}", getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(std::string_view name, std::string_view text) {
    const std::string path = directory_ / name;
    std::ofstream(path) << text;
    return path;
  }
  std::filesystem::path directory_;
};

TEST_F(ChannelFilesTest, SeveralFilesAreOneList) {
  const std::string a = Write("a.toml", kFixture);
  const std::string b = Write("b.toml", "['Q:R']\nsample_rate = 1\ndata_type = 'int8'\n");
  const auto all = ReadChannelFiles({a, b});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 4);
  EXPECT_EQ((*all)[3].channel.name, "Q:R");
}

TEST_F(ChannelFilesTest, AChannelInTwoFilesNamesBoth) {
  const std::string a = Write("a.toml", kFixture);
  const std::string b =
      Write("b.toml", "['X1:CNF-CHAN_A']\nsample_rate = 1\ndata_type = 'int8'\n");
  const auto all = ReadChannelFiles({a, b});
  ASSERT_FALSE(all.ok());
  EXPECT_THAT(all.status().message(), AllOf(HasSubstr("X1:CNF-CHAN_A"),
                                            HasSubstr(a + ":9"), HasSubstr(b + ":1")));
}

TEST_F(ChannelFilesTest, WhatCannotBeReadIsNamed) {
  const std::string absent = directory_ / "absent.toml";
  const auto missing = ReadChannelFile(absent);
  EXPECT_EQ(KindOf(missing.status()), ErrorKind::kNotFound);
  EXPECT_THAT(missing.status().message(), HasSubstr(absent));
  EXPECT_EQ(KindOf(ReadChannelFile(directory_).status()), ErrorKind::kIo);
}

}  // namespace
}  // namespace carryall::metadata
