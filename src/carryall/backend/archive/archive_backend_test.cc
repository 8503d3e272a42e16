#include "carryall/backend/archive/archive_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "carryall/archive/archive_model.h"
#include "carryall/archive/archive_writer.h"
#include "carryall/files/temporary_directory.h"

namespace carryall::backend::archive {
namespace {

using carryall::archive::ArchiveWriter;
using carryall::archive::MakeBlock;
using carryall::archive::MakeChannel;
using carryall::archive::Model;
using carryall::archive::ModelSamples;
using carryall::archive::SampleBytes;
using carryall::archive::TestBlock;
using carryall::archive::WriterOptions;
using ::testing::HasSubstr;

constexpr GpsTime kStart = GpsTime::FromSeconds(968654552);
constexpr Duration kSecond = Duration::FromSeconds(1);
constexpr Duration kStride = Duration::FromNs(62'500'000);

std::optional<std::string> Present(const Channel& channel, int64_t sample, int width) {
  return SampleBytes(channel.name, sample, width);
}

class ArchiveBackendTest : public ::testing::Test {
 protected:
  ArchiveBackendTest()
      : channels_(ChannelSet::Make({MakeChannel("X1:A", DataType::kFloat32, 256),
                                    MakeChannel("X1:B", DataType::kInt16, 64)})
                      .ValueOrDie()) {}

  void Add(const std::vector<TestBlock>& blocks, WriterOptions options = {}) {
    auto writer = ArchiveWriter::Open(directory_, options).ValueOrDie();
    for (const TestBlock& block : blocks) {
      const Status status = writer->Write(block.block);
      ASSERT_TRUE(status.ok()) << status;
    }
    ASSERT_TRUE(writer->Commit().ok());
  }
  TestBlock Block(int64_t from, int64_t seconds) const {
    return MakeBlock(channels_, kStart + kSecond * from, kSecond * seconds, Present);
  }
  std::shared_ptr<Backend> Open() const {
    return MakeArchiveBackend({directory_}).ValueOrDie();
  }
  static StreamRequest Request(const Backend& backend, std::vector<std::string> names,
                               std::optional<GpsTime> start, std::optional<GpsTime> end,
                               int64_t max_strides = 1) {
    std::vector<Channel> channels;
    for (const std::string& name : names) {
      channels.push_back(*backend.catalogue()->Get(name, std::nullopt));
    }
    StreamRequest request;
    request.channels = ChannelSet::Make(std::move(channels)).ValueOrDie();
    request.start = start;
    request.end = end;
    request.max_strides = max_strides;
    return request;
  }
  static std::vector<SeriesBlock> ReadAll(BlockSource& source) {
    std::vector<SeriesBlock> out;
    while (true) {
      const SourceStep step = source.Next({}, SteadyNow()).ValueOrDie();
      if (step.kind == SourceStep::Kind::kEnd) return out;
      EXPECT_EQ(step.kind, SourceStep::Kind::kBlock);
      EXPECT_TRUE(step.block.Validate().ok()) << step.block.Validate();
      out.push_back(step.block);
    }
  }

  files::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.File("archive");
  std::shared_ptr<const ChannelSet> channels_;
};

TEST_F(ArchiveBackendTest, ListsItsChannelsWithStrides) {
  Add({Block(0, 1)});
  const auto backend = Open();
  EXPECT_EQ(backend->name(), "archive");
  EXPECT_EQ(backend->retention().newest, 0);
  EXPECT_FALSE(backend->retention().oldest.has_value());
  const auto catalogue = backend->catalogue();
  ASSERT_EQ(catalogue->size(), 2u);
  const Channel* a = catalogue->Get("X1:A", std::nullopt);
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->stride, kStride);
  EXPECT_FALSE(a->max_latency.has_value());
}

TEST_F(ArchiveBackendTest, BlocksAreViewsIntoTheMappingOfAsManyStridesAsAskedFor) {
  Add({Block(0, 4)});
  const auto backend = Open();
  auto source =
      backend
          ->Stream(Request(*backend, {"X1:A", "X1:B"}, kStart, kStart + kSecond * 4, 24))
          .ValueOrDie();
  const auto blocks = ReadAll(*source);
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].duration(), kStride * 24);
  EXPECT_EQ(blocks[2].duration(), kStride * 16);
  for (size_t i = 0; i < 3; ++i) {
    // One owner: the segment. Nothing was copied.
    EXPECT_EQ(blocks[i].owners().size(), 1u);
    EXPECT_EQ(blocks[i].owners()[0], blocks[0].owners()[0]);
    EXPECT_EQ(blocks[i].view(0).values, blocks[0].view(0).values + i * 24 * 16 * 4);
  }
}

TEST_F(ArchiveBackendTest,
       AnUnalignedStartGivesAShortFirstBlockAndAnUnalignedEndAShortLast) {
  Add({Block(0, 4)});
  const auto backend = Open();
  const GpsTime start = kStart + Duration::FromNs(7),
                end = kStart + Duration::FromMs(200);
  auto source = backend->Stream(Request(*backend, {"X1:A"}, start, end, 10)).ValueOrDie();
  const auto blocks = ReadAll(*source);
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].time(), start);
  EXPECT_EQ(blocks[0].end(), kStart + kStride);
  EXPECT_EQ(blocks[0].view(0).length, 15);  // the samples after the first
  EXPECT_EQ(blocks[1].duration(), kStride * 2);
  EXPECT_EQ(blocks[2].end(), end);
  EXPECT_EQ(blocks[2].view(0).length, 3);
}

TEST_F(ArchiveBackendTest, SpansWithNothingAreGapsAtOnce) {
  Add({Block(0, 1)});
  const auto backend = Open();
  auto source = backend
                    ->Stream(Request(*backend, {"X1:A"}, kStart - kSecond * 10,
                                     kStart + kSecond * 11, 64))
                    .ValueOrDie();
  Duration missing, present;
  for (const SeriesBlock& block : ReadAll(*source)) {
    (block.view(0).all_missing() ? missing : present) =
        (block.view(0).all_missing() ? missing : present) + block.duration();
    EXPECT_LE(block.duration(), kStride * 64);
  }
  EXPECT_EQ(missing, kSecond * 20);
  EXPECT_EQ(present, kSecond);
}

TEST_F(ArchiveBackendTest, WithoutAnEndAStreamEndsWithTheData) {
  Add({Block(0, 3)});
  const auto backend = Open();
  auto source =
      backend->Stream(Request(*backend, {"X1:A"}, kStart + kSecond, std::nullopt, 1000))
          .ValueOrDie();
  const auto blocks = ReadAll(*source);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].end(), kStart + kSecond * 3);
  auto late =
      backend->Stream(Request(*backend, {"X1:A"}, kStart + kSecond * 9, std::nullopt))
          .ValueOrDie();
  EXPECT_TRUE(ReadAll(*late).empty());
}

TEST_F(ArchiveBackendTest, NothingIsLive) {
  Add({Block(0, 1)});
  const auto backend = Open();
  const Status status =
      backend->Stream(Request(*backend, {"X1:A"}, std::nullopt, std::nullopt)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("give a start time"));
}

TEST_F(ArchiveBackendTest, AStoppedStreamGivesHeartbeats) {
  Add({Block(0, 1)});
  const auto backend = Open();
  auto source =
      backend->Stream(Request(*backend, {"X1:A"}, kStart, kStart + kSecond)).ValueOrDie();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(source->Next(stop.get_token(), SteadyNow()).ValueOrDie().kind,
            SourceStep::Kind::kHeartbeat);
}

TEST_F(ArchiveBackendTest, ReloadBringsNewImportsAndLeavesRunningStreamsAlone) {
  Add({Block(0, 2)});
  const auto backend = Open();
  const auto catalogue = backend->catalogue();
  ASSERT_TRUE(backend->Reload().ok());
  EXPECT_EQ(backend->catalogue(), catalogue);  // nothing new
  auto request = Request(*backend, {"X1:A"}, kStart, kStart + kSecond * 4, 16);
  auto running = backend->Stream(request).ValueOrDie();
  (void)running->Next({}, SteadyNow());
  Add({Block(2, 2)});
  ASSERT_TRUE(backend->Reload().ok());
  auto fresh = backend->Stream(request).ValueOrDie();
  const auto old_blocks = ReadAll(*running), new_blocks = ReadAll(*fresh);
  ASSERT_EQ(old_blocks.size(), 3u);
  ASSERT_EQ(new_blocks.size(), 4u);
  EXPECT_TRUE(old_blocks.back().view(0).all_missing());
  EXPECT_FALSE(new_blocks.back().view(0).all_missing());
}

TEST_F(ArchiveBackendTest, AReloadThatFailsKeepsWhatWasThere) {
  Add({Block(0, 1)});
  const auto backend = Open();
  std::filesystem::remove(directory_ + "/index.arrow");
  EXPECT_FALSE(backend->Reload().ok());
  EXPECT_EQ(backend->catalogue()->size(), 2u);
  auto source =
      backend->Stream(Request(*backend, {"X1:A"}, kStart, kStart + kSecond)).ValueOrDie();
  EXPECT_EQ(ReadAll(*source).size(), 16u);
}

TEST_F(ArchiveBackendTest, JoinsOutOfTheStreamsPoolAndNoFurther) {
  Add({Block(0, 1)}, {});
  Add({MakeBlock(channels_, kStart + kSecond, kSecond,
                 [](const Channel& channel, int64_t sample, int width) {
                   return std::optional<std::string>(
                       SampleBytes(channel.name, sample, width));
                 })});
  const auto two_seconds = [&] {
    auto channel = *Open()->catalogue()->Get("X1:A", std::nullopt);
    channel.stride = kSecond * 2;  // as a slower channel beside it would make it
    StreamRequest request;
    request.channels = ChannelSet::Make({channel}).ValueOrDie();
    request.start = kStart;
    request.end = kStart + kSecond * 2;
    return request;
  };
  const auto backend = Open();
  arrow::ProxyMemoryPool counted(arrow::default_memory_pool());
  StreamRequest request = two_seconds();
  request.pool = &counted;
  auto source = backend->Stream(request).ValueOrDie();
  const auto blocks = ReadAll(*source);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_GE(counted.bytes_allocated(), 512 * 4);
  arrow::CappedMemoryPool capped(&counted, 1000);
  request.pool = &capped;
  source = backend->Stream(request).ValueOrDie();
  EXPECT_EQ(KindOf(source->Next({}, SteadyNow()).status()),
            ErrorKind::kResourceExhausted);
}

// Everything a stream gives, against the map of samples that were written.
void CheckStream(const Backend& backend, StreamRequest request, const Model& model,
                 std::vector<SeriesBlock> blocks) {
  GpsTime time = *request.start;
  const Duration stride = request.channels->CommonStride().ValueOrDie();
  std::vector<int64_t> next;
  for (const Channel& channel : request.channels->channels()) {
    next.push_back(FirstSampleAt(channel.sample_rate, time));
  }
  for (const SeriesBlock& block : blocks) {
    ASSERT_EQ(block.time(), time);
    ASSERT_GT(block.duration().ns(), 0);
    ASSERT_LE(block.duration(), stride * request.max_strides);
    ASSERT_TRUE(block.end().IsMultipleOf(stride) || block.end() == *request.end);
    for (size_t i = 0; i < block.size(); ++i) {
      const SampleView& view = block.view(i);
      const std::string& name = (*block.channels())[i].name;
      const auto found = model.find(name);
      for (int64_t k = 0; k < view.length; ++k) {
        const bool there = !view.all_missing() &&
                           (view.validity == nullptr ||
                            kernels::GetBit(view.validity, view.validity_offset + k));
        const int width = ByteWidth(view.data_type);
        const bool known = found != model.end() && found->second.count(next[i] + k) != 0;
        ASSERT_EQ(there, known) << name << " " << next[i] + k;
        if (!there) continue;
        ASSERT_EQ(
            std::string(reinterpret_cast<const char*>(view.values) + k * width, width),
            found->second.at(next[i] + k));
      }
      next[i] += view.length;
    }
    time = block.end();
  }
  ASSERT_EQ(time, *request.end);
}

TEST_F(ArchiveBackendTest, AgreesWithAMapOfSamplesWhateverIsAskedFor) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::filesystem::remove_all(directory_);
    std::mt19937_64 random(seed);
    const int64_t rates[] = {1, 16, 64, 100, 256, 1024};
    std::vector<Channel> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(MakeChannel("X1:C-" + std::to_string(i),
                                static_cast<DataType>(random() % kDataTypeCount),
                                rates[random() % std::size(rates)]));
    }
    Model model;
    const int imports = 1 + random() % 4;
    for (int i = 0; i < imports; ++i) {
      std::vector<TestBlock> blocks;
      const int count = 1 + random() % 5;
      for (int b = 0; b < count; ++b) {
        std::vector<Channel> some;
        for (const Channel& channel : all) {
          if (random() % 3 != 0 || some.empty()) some.push_back(channel);
        }
        const auto set = ChannelSet::Make(some).ValueOrDie();
        const uint64_t gaps = random() % 2 == 0 ? 0 : 300;
        blocks.push_back(MakeBlock(
            set, kStart + kSecond * (random() % 20), kSecond * (1 + random() % 5),
            [&](const Channel& channel, int64_t sample,
                int width) -> std::optional<std::string> {
              const auto hash =
                  std::hash<std::string>()(channel.name) ^ (sample / 9 * 40503);
              if (seed % 3 == 0 && gaps > 0 && hash % 1000 < 300) return std::nullopt;
              return SampleBytes(channel.name, sample, width);
            }));
        // Half of the seeds have gaps in some blocks only: these may not overlap others.
        if (seed % 3 == 0) {
          blocks.resize(1);
          break;
        }
      }
      auto writer =
          ArchiveWriter::Open(directory_, {int64_t{64} << random() % 12, nullptr})
              .ValueOrDie();
      Status status;
      for (const TestBlock& block : blocks) {
        if (status.ok()) status = writer->Write(block.block);
      }
      if (!status.ok() || !writer->Commit().ok()) continue;
      for (const TestBlock& block : blocks) {
        for (const auto& [name, samples] : block.samples) {
          model[name].insert(samples.begin(), samples.end());
        }
      }
    }
    const auto backend = Open();
    for (int request_number = 0; request_number < 6; ++request_number) {
      std::vector<std::string> names;
      for (const Channel& channel : all) {
        if (random() % 3 != 0 && backend->catalogue()->Get(channel.name, std::nullopt)) {
          names.push_back(channel.name);
        }
      }
      if (names.empty()) continue;
      GpsTime start = kStart + kSecond * (random() % 12) - kSecond * 2;
      GpsTime end = start + kSecond * (1 + random() % 20);
      if (random() % 3 == 0) start = start + Duration::FromNs(random() % 2'000'000'000);
      if (random() % 3 == 0) end = end + Duration::FromNs(random() % 2'000'000'000);
      if (start >= end) continue;
      const auto request = Request(*backend, names, start, end, 1 + random() % 40);
      auto source = backend->Stream(request).ValueOrDie();
      CheckStream(*backend, request, model, ReadAll(*source));
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace carryall::backend::archive
