#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "carryall/backend/mock/mock_backend.h"
#include "carryall/backend/mock/rota.h"
#include "carryall/backend/mock/shared_samples.h"

namespace carryall::backend::mock {
namespace {

constexpr char kFixture[] = CARRYALL_SOURCE_DIR "/tests/fixtures/CF.toml";
constexpr Duration kStride = Duration::FromNs(62'500'000);
constexpr GpsTime kStart = GpsTime::FromSeconds(1'000'000'000);

class MockSource : public testing::Test {
 protected:
  ManualClock clock_{GpsTime::FromSeconds(1'400'000'000)};
  std::stop_source stop_;
  std::shared_ptr<Backend> backend_;

  void Make(Faults faults = {}, uint64_t seed = 0) {
    MockOptions options;
    options.files = {kFixture};
    options.faults = faults;
    options.seed = seed;
    options.clock = &clock_;
    backend_ = MakeMockBackend(std::move(options)).ValueOrDie();
  }

  StreamRequest Request(const std::vector<std::string>& names,
                        std::optional<GpsTime> start, std::optional<GpsTime> end,
                        int64_t max_strides = 1) {
    if (backend_ == nullptr) Make();
    std::vector<Channel> channels;
    for (const std::string& name : names) {
      channels.push_back(*backend_->catalogue()->Get(name, std::nullopt));
    }
    StreamRequest request;
    request.channels = ChannelSet::Make(std::move(channels)).ValueOrDie();
    request.start = start;
    request.end = end;
    request.max_strides = max_strides;
    return request;
  }

  std::unique_ptr<BlockSource> Open(const std::vector<std::string>& names,
                                    std::optional<GpsTime> start,
                                    std::optional<GpsTime> end, int64_t max_strides = 1) {
    const StreamRequest request = Request(names, start, end, max_strides);
    return backend_->Stream(request).ValueOrDie();
  }

  /// One step that must not wait.
  SourceStep Step(BlockSource* source) {
    return source->Next(stop_.get_token(), SteadyNow()).ValueOrDie();
  }

  /// Blocks until the source ends or has nothing yet; each must be consistent.
  std::vector<SeriesBlock> Drain(BlockSource* source, size_t most = 1000) {
    std::vector<SeriesBlock> out;
    while (out.size() < most) {
      SourceStep step = Step(source);
      if (step.kind != SourceStep::Kind::kBlock) break;
      EXPECT_TRUE(step.block.Validate().ok()) << step.block.Validate();
      out.push_back(std::move(step.block));
    }
    return out;
  }

  static std::vector<int64_t> Times(const std::vector<SeriesBlock>& blocks) {
    std::vector<int64_t> out;
    for (const SeriesBlock& block : blocks) out.push_back((block.time() - kStart).ns());
    return out;
  }

  static std::vector<int64_t> Lengths(const std::vector<SeriesBlock>& blocks, size_t i) {
    std::vector<int64_t> out;
    for (const SeriesBlock& block : blocks) out.push_back(block.view(i).length);
    return out;
  }

  template <typename T>
  static std::vector<T> Samples(const std::vector<SeriesBlock>& blocks, size_t i) {
    std::vector<T> out;
    for (const SeriesBlock& block : blocks) {
      const auto* values = reinterpret_cast<const T*>(block.view(i).values);
      out.insert(out.end(), values, values + block.view(i).length);
    }
    return out;
  }
};

TEST_F(MockSource, HistoryComesAtOnceStrideByStride) {
  const auto source = Open({"X1:CNF-FLAG"}, kStart, kStart + Duration::FromSeconds(1));
  const auto blocks = Drain(source.get());
  ASSERT_EQ(blocks.size(), 16);
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(blocks[i].time(), kStart + kStride * static_cast<int64_t>(i));
    EXPECT_EQ(blocks[i].duration(), kStride);
  }
  EXPECT_EQ(Samples<int32_t>(blocks, 0), std::vector<int32_t>(16, 1));
  EXPECT_EQ(Step(source.get()).kind, SourceStep::Kind::kEnd);
}

TEST_F(MockSource, MixedStridesComeByTheirCommonMultiple) {
  const auto source = Open({"X1:CNF-CHAN_A", "X1:CNF-FLAG", "Y1:SLO-TICK"}, kStart,
                           kStart + Duration::FromSeconds(2));
  const auto blocks = Drain(source.get());
  EXPECT_THAT(Times(blocks), testing::ElementsAre(0, 1'000'000'000));
  EXPECT_THAT(Lengths(blocks, 0), testing::ElementsAre(512, 512));
  EXPECT_THAT(Lengths(blocks, 1), testing::ElementsAre(16, 16));
  EXPECT_THAT(
      Samples<uint64_t>(blocks, 2),
      testing::ElementsAre(1'000'000'000, 1'000'000'000, 1'000'000'001, 1'000'000'001));
}

TEST_F(MockSource, SeveralStridesComeInOneBlockAndAreTheSameSamples) {
  const GpsTime end = kStart + kStride * 21;
  for (const char* name : {"Z1:ABC_RAND", "X1:CNF-CHAN_B"}) {
    const auto one = Drain(Open({name}, kStart, end).get());
    const auto many = Drain(Open({name}, kStart, end, 8).get());
    EXPECT_EQ(one.size(), 21);
    EXPECT_THAT(Times(many), testing::ElementsAre(0, 500'000'000, 1'000'000'000));
    EXPECT_EQ(Samples<double>(one, 0), Samples<double>(many, 0)) << name;
  }
}

TEST_F(MockSource, RunsOfSamplesAreAlignedForVectors) {
  const auto blocks = Drain(
      Open({"X1:CNF-CHAN_A", "X1:CNF-FLAG", "Z1:ABC_RAND"}, kStart, kStart + kStride)
          .get());
  ASSERT_EQ(blocks.size(), 1);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks[0].view(i).values) % 64, 0);
  }
}

TEST_F(MockSource, AnUnalignedStartGivesAShortFirstBlock) {
  const GpsTime start = kStart + Duration::FromNs(31'250'000);
  const auto source = Open({"X1:CNF-CHAN_A"}, start, kStart + kStride * 3, 16);
  const auto blocks = Drain(source.get());
  EXPECT_THAT(Times(blocks), testing::ElementsAre(31'250'000, 62'500'000));
  EXPECT_THAT(Lengths(blocks, 0), testing::ElementsAre(16, 64));
  const auto whole = Samples<float>(
      Drain(Open({"X1:CNF-CHAN_A"}, kStart, kStart + kStride * 3).get()), 0);
  EXPECT_EQ(Samples<float>(blocks, 0),
            std::vector<float>(whole.begin() + 16, whole.end()));
}

TEST_F(MockSource, AStartBetweenSamplesKeepsItsTime) {
  const auto blocks = Drain(Open({"X1:CNF-CHAN_A"}, kStart + Duration::FromNs(7),
                                 kStart + Duration::FromMs(100))
                                .get());
  EXPECT_THAT(Times(blocks), testing::ElementsAre(7, 62'500'000));
  EXPECT_THAT(Lengths(blocks, 0), testing::ElementsAre(31, 32));
}

TEST_F(MockSource, AFirstBlockWithoutAnySampleIsNotSent) {
  const auto blocks = Drain(
      Open({"X1:CNF-FLAG"}, kStart + Duration::FromNs(7), kStart + kStride * 3).get());
  EXPECT_THAT(Times(blocks), testing::ElementsAre(62'500'000, 125'000'000));
}

TEST_F(MockSource, AnUnalignedEndCutsTheLastBlockWhereItCutsNoSample) {
  const auto cut = Drain(
      Open({"X1:CNF-CHAN_A"}, kStart, kStart + Duration::FromNs(93'750'000), 16).get());
  EXPECT_THAT(Lengths(cut, 0), testing::ElementsAre(48));
  const auto whole =
      Drain(Open({"X1:CNF-CHAN_A"}, kStart, kStart + Duration::FromMs(100), 16).get());
  EXPECT_THAT(Lengths(whole, 0), testing::ElementsAre(64));
}

TEST_F(MockSource, AnEndBeforeTheStartIsAnEmptyStream) {
  EXPECT_TRUE(Drain(Open({"X1:CNF-FLAG"}, kStart, kStart).get()).empty());
  EXPECT_TRUE(
      Drain(Open({"X1:CNF-FLAG"}, kStart, kStart - Duration::FromSeconds(1)).get())
          .empty());
}

TEST_F(MockSource, ALiveStreamBeginsWithTheStrideOfNowAndFollowsTheClock) {
  clock_.Set(kStart + kStride * 5 + Duration::FromNs(1));
  const auto source = Open({"X1:CNF-FLAG"}, std::nullopt, std::nullopt, 16);
  EXPECT_THAT(Times(Drain(source.get())), testing::ElementsAre(5 * 62'500'000));
  EXPECT_EQ(Step(source.get()).kind, SourceStep::Kind::kHeartbeat);
  clock_.Set(kStart + kStride * 6 - Duration::FromNs(1));
  EXPECT_EQ(Step(source.get()).kind, SourceStep::Kind::kHeartbeat);
  clock_.Set(kStart + kStride * 6);
  EXPECT_THAT(Times(Drain(source.get())), testing::ElementsAre(6 * 62'500'000));
  clock_.Set(kStart + kStride * 9);
  const auto late = Drain(source.get());
  // The first was made ahead; what came due meanwhile is one block.
  EXPECT_THAT(Times(late), testing::ElementsAre(7 * 62'500'000, 8 * 62'500'000));
  EXPECT_EQ(late.back().end(), kStart + kStride * 10);
}

TEST_F(MockSource, APastStartWithoutEndCatchesUpAndThenFollows) {
  clock_.Set(kStart + kStride * 10);
  const auto source = Open({"Z1:ABC_RAND"}, kStart, std::nullopt, 4);
  const auto past = Drain(source.get());
  EXPECT_THAT(Times(past), testing::ElementsAre(0, 4 * 62'500'000, 8 * 62'500'000));
  EXPECT_EQ(past.back().end(), kStart + kStride * 11);
  clock_.Advance(kStride);
  EXPECT_THAT(Times(Drain(source.get())), testing::ElementsAre(11 * 62'500'000));
}

TEST_F(MockSource, AFutureStartWaits) {
  clock_.Set(kStart);
  const auto source = Open({"X1:CNF-FLAG"}, kStart + kStride * 3, std::nullopt);
  EXPECT_EQ(Step(source.get()).kind, SourceStep::Kind::kHeartbeat);
  clock_.Set(kStart + kStride * 3);
  EXPECT_THAT(Times(Drain(source.get())), testing::ElementsAre(3 * 62'500'000));
}

TEST_F(MockSource, AStopEndsAWaitBeforeItsDeadline) {
  clock_.Set(kStart);
  const auto source = Open({"X1:CNF-FLAG"}, kStart + Duration::FromSeconds(1000), {});
  stop_.request_stop();
  const auto step =
      source->Next(stop_.get_token(), SteadyNow() + std::chrono::hours(1)).ValueOrDie();
  EXPECT_EQ(step.kind, SourceStep::Kind::kHeartbeat);
}

TEST_F(MockSource, FullGapsMissEveryIntervalthStrideButTheFirst) {
  Make(Faults::Make("full-gaps", 2, {}).ValueOrDie());
  const auto blocks =
      Drain(Open({"X1:CNF-FLAG"}, kStart, kStart + kStride * 5, 16).get());
  ASSERT_EQ(blocks.size(), 5) << "one stride a block, so that strides can be counted";
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(blocks[i].view(0).all_missing(), i == 2 || i == 4) << i;
    EXPECT_EQ(blocks[i].view(0).length, 1);
  }
}

TEST_F(MockSource, PartialGapsMissSamplesWithTheirProbability) {
  for (const double probability : {0.0, 0.25, 1.0}) {
    Make(Faults::Make("partial-gaps", 1, probability).ValueOrDie());
    const auto blocks = Drain(
        Open({"X1:CNF-CHAN_A", "X1:CNF-CHAN_B"}, kStart, kStart + kStride * 101).get());
    int64_t missing = 0, total = 0;
    for (const SeriesBlock& block : blocks) {
      const SampleView& view = block.view(1);
      if (block.time() == kStart) {
        EXPECT_FALSE(view.may_have_gaps());
        continue;
      }
      ASSERT_TRUE(view.validity != nullptr);
      for (int64_t k = 0; k < view.length; ++k) {
        missing += (view.validity[k / 8] >> (k % 8) & 1) == 0 ? 1 : 0;
        ++total;
      }
    }
    // Five standard deviations of a binomial distribution.
    const double n = static_cast<double>(total);
    EXPECT_NEAR(static_cast<double>(missing), n * probability,
                5 * std::sqrt(n * probability * (1 - probability)));
  }
}

TEST_F(MockSource, FaultsAreTheSameEachTimeAndLeaveOtherSamplesAlone) {
  Make(Faults::Make("partial-gaps", 3, {}).ValueOrDie());
  const GpsTime end = kStart + kStride * 10;
  const auto first = Drain(Open({"X1:CNF-CHAN_B"}, kStart, end).get());
  const auto second = Drain(Open({"X1:CNF-CHAN_B"}, kStart, end).get());
  Make();
  const auto clean = Drain(Open({"X1:CNF-CHAN_B"}, kStart, end).get());
  EXPECT_EQ(Samples<double>(first, 0), Samples<double>(clean, 0));
  for (size_t i = 0; i < first.size(); ++i) {
    const uint8_t* a = first[i].view(0).validity;
    const uint8_t* b = second[i].view(0).validity;
    EXPECT_EQ(a != nullptr, i == 3 || i == 6 || i == 9);
    if (a != nullptr) {
      EXPECT_EQ(std::memcmp(a, b, 128), 0);
    }
  }
}

TEST_F(MockSource, DuplicatesSendABlockTwice) {
  Make(Faults::Make("duplicates", 3, {}).ValueOrDie());
  const auto blocks = Drain(Open({"X1:CNF-FLAG"}, kStart, kStart + kStride * 7).get());
  const int64_t s = kStride.ns();
  EXPECT_THAT(Times(blocks), testing::ElementsAre(0, s, 2 * s, 3 * s, 3 * s, 4 * s, 5 * s,
                                                  6 * s, 6 * s));
}

TEST_F(MockSource, LatencyHoldsABlockBackAndWhatFollows) {
  for (const char* mode : {"latency", "stall"}) {
    Make(Faults::Make(mode, 2, 1000.0).ValueOrDie());
    const auto source = Open({"X1:CNF-FLAG"}, kStart, kStart + kStride * 5);
    EXPECT_EQ(Drain(source.get()).size(), 2) << mode;
    EXPECT_EQ(Step(source.get()).kind, SourceStep::Kind::kHeartbeat);
    Make(Faults::Make(mode, 2, 1e-9).ValueOrDie());
    EXPECT_EQ(Drain(Open({"X1:CNF-FLAG"}, kStart, kStart + kStride * 5).get()).size(), 5);
  }
}

TEST_F(MockSource, MemoryComesFromTheStreamsPool) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  StreamRequest request = Request({"X1:CNF-CHAN_B"}, kStart, kStart + kStride * 4);
  request.pool = &pool;
  auto source = backend_->Stream(request).ValueOrDie();
  EXPECT_EQ(Drain(source.get()).size(), 4);
  EXPECT_EQ(pool.total_bytes_allocated(), 4 * 1024 * 8);
  source.reset();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST_F(MockSource, LiveStreamsOfTheSameChannelsShareTheirSamples) {
  clock_.Set(kStart);
  const auto first = Open({"X1:CNF-CHAN_B"}, std::nullopt, std::nullopt);
  const auto second = Open({"X1:CNF-CHAN_B"}, std::nullopt, std::nullopt);
  const auto other = Open({"X1:CNF-CHAN_B", "X1:CNF-FLAG"}, std::nullopt, std::nullopt);
  const auto past = Open({"X1:CNF-CHAN_B"}, kStart - kStride * 9, kStart);
  clock_.Set(kStart + Rota::kStep * 3);
  const auto own = Drain(past.get());
  for (int n = 0; n < 9; ++n) {
    const auto a = Drain(first.get()), b = Drain(second.get()), c = Drain(other.get());
    ASSERT_EQ(std::vector({a.size(), b.size(), c.size()}), std::vector<size_t>(3, 1))
        << n;
    EXPECT_EQ(a[0].view(0).values, b[0].view(0).values);
    EXPECT_NE(a[0].view(0).values, c[0].view(0).values);
    const auto alone = Open({"X1:CNF-CHAN_B"}, a[0].time(), a[0].end());
    clock_.Set(kStart + kStride * 100);
    const auto late = Drain(alone.get());
    EXPECT_NE(a[0].view(0).values, late[0].view(0).values) << "the past is not shared";
    const auto bytes = static_cast<size_t>(a[0].view(0).length) * 8;
    EXPECT_EQ(std::memcmp(a[0].view(0).values, late[0].view(0).values, bytes), 0);
    EXPECT_EQ(std::memcmp(a[0].view(0).values, c[0].view(0).values, bytes), 0);
    clock_.Set(kStart + kStride * (n + 1) + Rota::kStep * 3);
  }
  EXPECT_EQ(own.size(), 9);
}

TEST(SharedSamples, AnErrorIsNotKeptAndOldBlocksGo) {
  SharedSamples shared;
  const auto key = [](int64_t n) {
    return SharedSamples::Key{
        {nullptr}, kStart + kStride * n, kStart + kStride * (n + 1)};
  };
  const auto fail = [] {
    return Result<std::shared_ptr<arrow::Buffer>>(
        Error(ErrorKind::kResourceExhausted, "no memory"));
  };
  int made = 0;
  const auto make = [&]() -> Result<std::shared_ptr<arrow::Buffer>> {
    ++made;
    return arrow::Buffer::FromString("x");
  };
  EXPECT_FALSE(shared.Get(key(0), fail).ok());
  const std::weak_ptr<arrow::Buffer> first = shared.Get(key(0), make).ValueOrDie();
  EXPECT_TRUE(shared.Get(key(0), make).ok());
  EXPECT_EQ(made, 1);
  for (size_t n = 1; n <= SharedSamples::kMostBlocks; ++n) {
    EXPECT_FALSE(first.expired()) << n;
    EXPECT_TRUE(shared.Get(key(static_cast<int64_t>(n)), make).ok());
  }
  EXPECT_TRUE(first.expired());
}

TEST_F(MockSource, LiveStreamsTakeTurnsWithinAStride) {
  clock_.Set(kStart + Duration::FromNs(50'000));
  const auto first = Open({"X1:CNF-FLAG"}, std::nullopt, std::nullopt);
  auto second = Open({"X1:CNF-FLAG"}, std::nullopt, std::nullopt);
  EXPECT_EQ(Drain(first.get()).size(), 1);
  EXPECT_EQ(Drain(second.get()).size(), 0);
  clock_.Set(kStart + Rota::kStep);
  EXPECT_EQ(Drain(second.get()).size(), 1);
  clock_.Set(kStart + kStride);
  EXPECT_EQ(Drain(first.get()).size(), 1);
  EXPECT_EQ(Drain(second.get()).size(), 0);
  second.reset();
  const auto third = Open({"X1:CNF-FLAG"}, kStart + kStride, std::nullopt);
  EXPECT_EQ(Drain(third.get()).size(), 0) << "the place is given on";
}

TEST(Rota, KeepsWithinATheStrideOfTheirBlocks) {
  const auto rota = std::make_shared<Rota>();
  std::vector<std::unique_ptr<Rota::Place>> places;
  for (int i = 0; i < 1000; ++i) {
    places.push_back(rota->Take());
    EXPECT_LE(places.back()->Offset(kStride).ns(), kStride.ns() * 9 / 10) << i;
  }
  EXPECT_EQ(places[0]->Offset(kStride), Duration());
  EXPECT_EQ(places[3]->Offset(kStride), Rota::kStep * 3);
  EXPECT_EQ(places[999]->Offset(Duration::FromNs(1000)), Duration());
}

TEST(Faults, OptionsThatAreWrongAreNamed) {
  EXPECT_THAT(Faults::Make("nope", 10, {}).status().message(),
              testing::HasSubstr("--with-faults must be one of partial-gaps"));
  EXPECT_THAT(Faults::Make("stall", 0, {}).status().message(),
              testing::HasSubstr("--fault-interval"));
  EXPECT_THAT(Faults::Make("partial-gaps", 10, 1.5).status().message(),
              testing::HasSubstr("--fault-value"));
  EXPECT_FALSE(Faults::Make("latency", 10, std::nan("")).ok());
  EXPECT_EQ(Faults::Make("partial-gaps", 10, {})->value, 0.25);
  EXPECT_EQ(Faults::Make("latency", 10, {})->value, 2.0);
  EXPECT_EQ(Faults::Make("stall", 10, {})->value, 5.0);
}

}  // namespace
}  // namespace carryall::backend::mock
