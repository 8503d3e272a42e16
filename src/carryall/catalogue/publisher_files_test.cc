#include "carryall/catalogue/publisher_files.h"

#include <gmock/gmock.h>

#include "carryall/catalogue/test_directory.h"

namespace carryall::catalogue {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kHead =
    "[publisher]\nstride = 62_500_000\nmax_latency = 1_000_000_000\n";

std::string Publisher(std::string_view id, std::string_view rest = "") {
  return fmt::format("{}publisher_id = '{}'\n{}", kHead, id, rest);
}

class PublisherFilesTest : public DirectoryTest {
 protected:
  // The message of a set of files that must be refused.
  std::string Refused(const std::vector<std::string>& paths) {
    const auto read = ReadPublisherFiles(paths);
    EXPECT_FALSE(read.ok());
    if (read.ok()) return "";
    EXPECT_EQ(KindOf(read.status()), ErrorKind::kInvalidArgument) << read.status();
    return read.status().message();
  }
};

TEST_F(PublisherFilesTest, FilesAndDirectoriesInTheOrderOfTheirNames) {
  const std::string single = Write("single.toml", Publisher("S", R"(
dynamic = true
replay_id = "RUN1"
[common]
data_type = "float32"
["H1:ABC-X"]
sample_rate = 16
[__internal_partition_metadata.p]
next_index = 5
)"));
  Write("many/b.toml", Publisher("B"));
  Write("many/a.toml", Publisher("A", "['H1:ABC-X']\nsample_rate=16\ndata_type='i4'\n"));
  Write("many/notes.txt", "no configuration");
  const auto read = ReadPublisherFiles({single, File("many")});
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3u);
  const PublisherFile& s = (*read)[0];
  EXPECT_EQ(s.publisher.publisher_id, "S");
  EXPECT_TRUE(s.publisher.dynamic);
  EXPECT_EQ(s.publisher.replay_id, "RUN1");
  EXPECT_EQ(s.publisher.stride, Duration::FromNs(62'500'000));
  EXPECT_EQ(s.publisher.max_latency, Duration::FromSeconds(1));
  EXPECT_EQ(s.publisher.line, 1);
  EXPECT_EQ(s.file, single);
  ASSERT_EQ(s.channels.size(), 1u);
  EXPECT_EQ(s.channels[0].channel.data_type, DataType::kFloat32);
  EXPECT_EQ(s.channels[0].channel.publisher, "S");
  EXPECT_EQ((*read)[1].publisher.publisher_id, "A");
  EXPECT_FALSE((*read)[1].publisher.dynamic);
  EXPECT_EQ((*read)[2].publisher.publisher_id, "B");
}

TEST_F(PublisherFilesTest, ErrorsBeginWithFileAndLine) {
  struct Bad {
    std::string text;
    int line;
    std::string_view names;
  };
  const std::string channel = "['A:B']\nsample_rate = 16\ndata_type = 'f4'\n";
  const Bad cases[] = {
      {"['A:B']\nsample_rate = 1\ndata_type = 'f4'\n", 1, "[publisher] is missing"},
      {"# x\n" + Publisher("a b"), 2, "'a b'"},
      {Publisher(std::string(81, 'a')), 1, "1 to 80"},
      {Publisher("P", "replay_id = 'x/y'"), 1, "replay_id cannot"},
      {"[publisher]\npublisher_id='P'\nstride=9_999_999\nmax_latency=10_000_000", 1,
       "stride must be from 10000000 to 86400000000000 ns, got 9999999"},
      {"[publisher]\npublisher_id='P'\nstride=10_000_000\nmax_latency=86_400_000_000_001",
       1, "max_latency must be"},
      {Publisher("P", "dynamic = 'no'"), 5, "dynamic must be true or false"},
      {Publisher("P", channel + "partition_id = 'x y'"), 5, "partition_id cannot"},
      {Publisher("P", channel + "partition_index = 3"), 5, "without partition_id"},
      {Publisher("P", "['A:B']\nsample_rate = 15\ndata_type = 'f4'\n"), 5,
       "no whole number of samples"},
  };
  for (const Bad& bad : cases) {
    const std::string path = Write("bad.toml", bad.text);
    EXPECT_THAT(Refused({path}), AllOf(StartsWith(fmt::format("{}:{}: ", path, bad.line)),
                                       HasSubstr(std::string(bad.names))))
        << bad.text;
  }
}

TEST_F(PublisherFilesTest, WhatIsInTwoPlacesNamesBoth) {
  const std::string channel = "['A:B']\nsample_rate = 16\ndata_type = 'f4'\n";
  const std::string a = Write("a.toml", Publisher("A", channel)),
                    again = Write("again.toml", "\n" + Publisher("A")),
                    b = Write("b.toml", Publisher("B", channel));
  EXPECT_THAT(Refused({a, again}),
              AllOf(StartsWith(again + ":2: "), HasSubstr("'A'"), HasSubstr(a + ":1")));
  EXPECT_THAT(Refused({a, b}),
              AllOf(StartsWith(b + ":5: "), HasSubstr("'A:B'"), HasSubstr(a + ":5")));
  const std::string replay =
      Write("r.toml", Publisher("R", "replay_id = 'x'\n" + channel));
  EXPECT_TRUE(ReadPublisherFiles({a, replay}).ok());
}

TEST_F(PublisherFilesTest, WhatCannotBeReadIsNamed) {
  EXPECT_EQ(KindOf(ReadPublisherFiles({File("absent")}).status()), ErrorKind::kNotFound);
  std::filesystem::create_directories(File("empty"));
  EXPECT_THAT(Refused({File("empty")}), HasSubstr(File("empty")));
}

}  // namespace
}  // namespace carryall::catalogue
