#include "carryall/codec/assemble.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kSecond = Duration::FromSeconds(1);
constexpr int64_t kPlenty = int64_t{1} << 32;

std::vector<int32_t> Identity(size_t n) {
  std::vector<int32_t> positions;
  for (size_t i = 0; i < n; ++i) positions.push_back(static_cast<int32_t>(i));
  return positions;
}

TEST(Concatenate, JoinsWhatFollowsEachOther) {
  Random random(51);
  for (int round = 0; round < 60; ++round) {
    const auto channels = RandomChannels(5, {16, 1000}, &random);
    std::vector<SeriesBlock> blocks;
    std::vector<std::vector<Samples>> parts(channels->size());
    GpsTime time = kStart;
    for (uint64_t i = 1 + random() % 4; i > 0; --i) {
      const Duration duration = kSecond * static_cast<int64_t>(1 + random() % 2);
      const auto truth = RandomBlockSamples(*channels, duration, &random);
      blocks.push_back(MakeBlock(time, duration, channels, truth, &random));
      for (size_t c = 0; c < channels->size(); ++c) parts[c].push_back(truth[c]);
      time = time + duration;
    }
    const auto joined = Value(Concatenate(blocks));
    ASSERT_OK(joined.Validate());
    EXPECT_EQ(joined.time(), kStart);
    EXPECT_EQ(joined.end(), time);
    for (size_t c = 0; c < channels->size(); ++c) {
      ASSERT_EQ(SamplesOf(joined.view(c)), Join(parts[c])) << "round " << round;
    }
  }
}

TEST(Concatenate, DoesNotCopySlicesOfOneBlock) {
  Random random(52);
  const auto channels = MakeChannels({{16, DataType::kInt32}, {64, DataType::kFloat64}});
  std::vector<Samples> truth = {RandomSamples(DataType::kInt32, 64, 0, &random),
                                RandomSamples(DataType::kFloat64, 256, 0.3, &random)};
  const auto whole = MakeBlock(kStart, kSecond * 4, channels, truth, &random);
  const std::vector<SeriesBlock> parts = {
      Value(whole.Slice(kStart, kSecond)),
      Value(whole.Slice(kStart + kSecond, kSecond * 3))};
  const auto joined = Value(Concatenate(parts));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(joined.view(i).values, whole.view(i).values);
    EXPECT_EQ(SamplesOf(joined.view(i)), truth[i]);
  }
  EXPECT_EQ(joined.owners().size(), whole.owners().size() * 2);
}

TEST(Concatenate, RefusesHolesOverlapsAndOtherChannels) {
  const auto a = MakeChannels({{16, DataType::kInt8}});
  const auto b = MakeChannels({{16, DataType::kInt16}});
  const auto block = SeriesBlock::Gap(kStart, kSecond, a);
  for (const SeriesBlock& next : {SeriesBlock::Gap(kStart + kSecond * 2, kSecond, a),
                                  SeriesBlock::Gap(kStart, kSecond, a),
                                  SeriesBlock::Gap(kStart + kSecond, kSecond, b)}) {
    EXPECT_EQ(KindOf(Concatenate(std::vector{block, next}).status()),
              ErrorKind::kInvalidArgument);
  }
  EXPECT_EQ(KindOf(Concatenate({}).status()), ErrorKind::kInvalidArgument);
}

TEST(Combine, OrdersChannelsAndFillsGaps) {
  Random random(53);
  const auto all = RandomChannels(4, {16, 64}, &random);
  const auto some = Value(ChannelSet::Make({(*all)[3], (*all)[1]}));
  const auto other = Value(ChannelSet::Make({(*all)[0]}));
  const auto first = RandomBlockSamples(*some, kSecond, &random);
  const auto second = RandomBlockSamples(*other, kSecond, &random);
  const std::vector<SeriesBlock> blocks = {
      MakeBlock(kStart, kSecond, some, first, &random),
      MakeBlock(kStart, kSecond, other, second, &random)};
  const auto combined = Value(Combine(blocks, all));
  ASSERT_OK(combined.Validate());
  EXPECT_EQ(SamplesOf(combined.view(0)), second[0]);
  EXPECT_EQ(SamplesOf(combined.view(1)), first[1]);
  EXPECT_TRUE(combined.view(2).all_missing());
  EXPECT_EQ(SamplesOf(combined.view(3)), first[0]);

  const auto refuse = [&](const std::vector<SeriesBlock>& bad,
                          const std::shared_ptr<const ChannelSet>& channels) {
    EXPECT_EQ(KindOf(Combine(bad, channels).status()), ErrorKind::kInvalidArgument);
  };
  refuse({blocks[0], blocks[0]}, all);
  refuse({blocks[0]}, other);
  refuse({blocks[0], SeriesBlock::Gap(kStart + kSecond, kSecond, other)}, all);
  refuse({}, all);
}

/// The result a span assembler must give: a naive copy of it.
class NaiveSpan {
 public:
  NaiveSpan(GpsTime start, Duration duration, const ChannelSet& channels)
      : start_(start) {
    for (const Channel& channel : channels.channels()) {
      truth_.push_back(
          AllMissing(channel.data_type, channel.sample_rate.SamplesIn(duration)));
      placed_.emplace_back(truth_.back().present.size());
      rates_.push_back(channel.sample_rate);
    }
  }

  void Place(GpsTime time, const std::vector<Samples>& samples,
             const std::vector<int32_t>& positions) {
    for (size_t i = 0; i < samples.size(); ++i) {
      if (positions[i] < 0) continue;
      const auto c = static_cast<size_t>(positions[i]);
      const int64_t first = (time - start_).ns() / (1'000'000'000 / rates_[c].hz());
      const int width = ByteWidth(samples[i].type);
      for (int64_t k = 0; k < samples[i].size(); ++k) {
        const int64_t to = first + k;
        if (to < 0 || to >= truth_[c].size() || placed_[c][static_cast<size_t>(to)])
          continue;
        placed_[c][static_cast<size_t>(to)] = true;
        truth_[c].present[static_cast<size_t>(to)] =
            samples[i].present[static_cast<size_t>(k)];
        std::copy_n(samples[i].bytes.begin() + k * width, width,
                    truth_[c].bytes.begin() + to * width);
      }
    }
  }

  const std::vector<Samples>& truth() const { return truth_; }

 private:
  GpsTime start_;
  std::vector<SampleRate> rates_;
  std::vector<Samples> truth_;
  std::vector<std::vector<bool>> placed_;
};

TEST(SpanAssembler, IsWhatANaiveCopyWouldBe) {
  Random random(54);
  for (int round = 0; round < 300; ++round) {
    const auto channels = RandomChannels(4, {8, 16, 64}, &random);
    const Duration span = kSecond * 8;
    auto assembler = Value(SpanAssembler::Make(kStart, kStart + span, channels, kPlenty));
    NaiveSpan naive(kStart, span, *channels);
    for (uint64_t i = random() % 12; i > 0; --i) {
      const Duration unit = Duration::FromMs(125);
      const bool whole = random() % 4 == 0;
      const GpsTime time =
          whole ? kStart - unit * static_cast<int64_t>(random() % 2)
                : kStart + unit * (static_cast<int64_t>(random() % 80) - 8);
      const Duration duration =
          whole ? span + kSecond : unit * static_cast<int64_t>(1 + random() % 24);
      const auto samples = RandomBlockSamples(*channels, duration, &random);
      std::vector<int32_t> positions = Identity(4);
      if (random() % 4 == 0) positions[random() % 4] = -1;
      ASSERT_OK(assembler->Place(MakeBlock(time, duration, channels, samples, &random),
                                 positions,
                                 random() % 2 == 0 ? Placing::kKeep : Placing::kCopy));
      naive.Place(time, samples, positions);
    }
    const auto block = assembler->Finish();
    ASSERT_OK(block.Validate());
    for (size_t c = 0; c < 4; ++c) {
      ASSERT_EQ(SamplesOf(block.view(c)), naive.truth()[c]) << "round " << round;
      EXPECT_EQ(block.view(c).may_have_gaps(), naive.truth()[c].missing() > 0);
      if (block.view(c).values == nullptr) continue;
      // Values behind gaps are zero: they may be looked at in Python.
      const std::vector<uint8_t> raw(
          block.view(c).values, block.view(c).values + naive.truth()[c].bytes.size());
      ASSERT_EQ(raw, naive.truth()[c].bytes);
    }
  }
}

// The second result lies where the first one was; what it is not told is zero all the
// same.
TEST(SpanAssembler, MissingSamplesAreZeroInMemoryThatWasUsedBefore) {
  const auto channels = MakeChannels({{1 << 18, DataType::kFloat64}});
  Random random(56);
  const int64_t second = 1 << 18;
  const auto whole =
      MakeBlock(kStart, kSecond * 4, channels,
                {RandomSamples(DataType::kFloat64, 4 * second, 0, &random)}, &random);
  const auto head =
      MakeBlock(kStart, kSecond, channels,
                {RandomSamples(DataType::kFloat64, second, 0, &random)}, &random);
  const SeriesBlock missing(kStart + kSecond, kSecond, channels,
                            {SampleView::Missing(DataType::kFloat64, second)}, {});
  const uint8_t* before = nullptr;
  for (const bool full : {true, false}) {
    auto assembler =
        Value(SpanAssembler::Make(kStart, kStart + kSecond * 4, channels, kPlenty));
    ASSERT_OK(assembler->Place(full ? whole : head, Identity(1)));
    ASSERT_OK(assembler->Place(missing, Identity(1)));
    const auto block = assembler->Finish();
    const SampleView view = block.view(0);
    if (full) {
      before = view.values;
      continue;
    }
    ASSERT_EQ(view.values, before);
    for (int64_t i = 8 * second; i < 32 * second; ++i) ASSERT_EQ(view.values[i], 0) << i;
  }
}

TEST(SpanAssembler, LargeResultsAreAlignedForHugePages) {
  const auto channels = MakeChannels({{1 << 18, DataType::kFloat64},
                                      {1 << 18, DataType::kFloat64},
                                      {16, DataType::kFloat32}});
  auto assembler =
      Value(SpanAssembler::Make(kStart, kStart + kSecond * 4, channels, kPlenty));
  Random random(55);
  const std::vector<Samples> samples = {
      RandomSamples(DataType::kFloat64, 4 << 18, 0, &random),
      RandomSamples(DataType::kFloat64, 4 << 18, 0, &random),
      RandomSamples(DataType::kFloat32, 64, 0, &random)};
  ASSERT_OK(assembler->Place(MakeBlock(kStart, kSecond * 4, channels, samples, &random),
                             Identity(3)));
  EXPECT_EQ(assembler->bytes_placed(), (8 << 18) * 8 + 64 * 4);
  EXPECT_EQ(assembler->complete_until(), kStart + kSecond * 4);
  const auto block = assembler->Finish();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block.view(0).values) % (2 << 20), 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block.view(1).values) % (2 << 20), 0u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(SamplesOf(block.view(i)), samples[i]);
  EXPECT_EQ(block.owners().size(), 3u);
}

TEST(SpanAssembler, TellsWhatIsCompleteAndWhereNothingIs) {
  const auto channels = MakeChannels({{16, DataType::kInt8}, {64, DataType::kInt8}});
  auto assembler =
      Value(SpanAssembler::Make(kStart, kStart + kSecond * 10, channels, kPlenty));
  const auto gap = [&](int64_t from, int64_t to) {
    return SeriesBlock::Gap(kStart + kSecond * from, kSecond * (to - from), channels);
  };
  const auto full_gap = [&](int64_t seconds) {
    return assembler->FirstFullGap(kSecond * seconds);
  };
  EXPECT_EQ(assembler->complete_until(), kStart);
  EXPECT_EQ(full_gap(10), std::make_pair(kStart, kStart + kSecond * 10));
  ASSERT_OK(assembler->Place(gap(0, 3), std::vector<int32_t>{0, -1}));
  EXPECT_EQ(assembler->complete_until(), kStart);
  ASSERT_OK(assembler->Place(gap(0, 2), std::vector<int32_t>{-1, 1}));
  EXPECT_EQ(assembler->complete_until(), kStart + kSecond * 2);
  ASSERT_OK(assembler->Place(gap(4, 9), std::vector<int32_t>{-1, 1}));
  EXPECT_EQ(assembler->complete_until(), kStart + kSecond * 2);
  EXPECT_EQ(full_gap(1), std::make_pair(kStart + kSecond * 3, kStart + kSecond * 4));
  EXPECT_EQ(full_gap(2), std::nullopt);
  ASSERT_OK(assembler->Place(gap(2, 5), std::vector<int32_t>{0, 1}));
  EXPECT_EQ(full_gap(1), std::make_pair(kStart + kSecond * 9, kStart + kSecond * 10));
  const auto block = assembler->Finish();
  EXPECT_TRUE(block.view(0).all_missing());
  EXPECT_TRUE(block.view(1).all_missing());
}

TEST(SpanAssembler, AStartBetweenSamplesBeginsWithTheNextOne) {
  Random random(56);
  const auto channels = MakeChannels({{16, DataType::kInt32}});
  // A quarter of a sample after the first: 15 whole samples to the end of the second.
  const GpsTime start = kStart + Duration::FromNs(62'500'000 / 4);
  auto assembler = Value(SpanAssembler::Make(start, kStart + kSecond, channels, kPlenty));
  const auto samples = RandomSamples(DataType::kInt32, 16, 0, &random);
  ASSERT_OK(assembler->Place(MakeBlock(kStart, kSecond, channels, {samples}, &random),
                             Identity(1)));
  EXPECT_EQ(SamplesOf(assembler->Finish().view(0)), samples.Part(1, 15));
}

TEST(SpanAssembler, RefusesTooMuchAndWrongTypes) {
  const auto channels = MakeChannels({{1'000'000, DataType::kFloat64}});
  const Status big =
      SpanAssembler::Make(kStart, kStart + kSecond * 1000, channels, 1 << 20).status();
  EXPECT_EQ(KindOf(big), ErrorKind::kResourceExhausted);
  EXPECT_NE(big.message().find("8000000000"), std::string::npos) << big.message();
  EXPECT_EQ(KindOf(SpanAssembler::Make(GpsTime::Min(), GpsTime::Max(), channels, kPlenty)
                       .status()),
            ErrorKind::kResourceExhausted);
  EXPECT_EQ(KindOf(SpanAssembler::Make(kStart, kStart, channels, kPlenty).status()),
            ErrorKind::kInvalidArgument);
  auto assembler = Value(SpanAssembler::Make(
      kStart, kStart + kSecond, MakeChannels({{16, DataType::kInt8}}), kPlenty));
  const auto wrong =
      SeriesBlock::Gap(kStart, kSecond, MakeChannels({{16, DataType::kInt16}}));
  EXPECT_EQ(KindOf(assembler->Place(wrong, Identity(1))), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(assembler->Place(wrong, std::vector<int32_t>{5})),
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(assembler->Place(wrong, Identity(2))), ErrorKind::kInvalidArgument);
}

TEST(SpanAssembler, ThreadsMayPlaceDisjointChannelsAndSpans) {
  Random random(57);
  const auto channels = MakeChannels({{256, DataType::kInt32}, {256, DataType::kInt32}});
  constexpr int kSeconds = 64, kThreads = 4;
  std::vector<SeriesBlock> blocks;
  std::vector<std::vector<Samples>> truth(2);
  for (int s = 0; s < kSeconds; ++s) {
    const auto samples = RandomBlockSamples(*channels, kSecond, &random);
    blocks.push_back(
        MakeBlock(kStart + kSecond * s, kSecond, channels, samples, &random));
    for (size_t c = 0; c < 2; ++c) truth[c].push_back(samples[c]);
  }
  auto assembler =
      Value(SpanAssembler::Make(kStart, kStart + kSecond * kSeconds, channels, kPlenty));
  std::vector<std::thread> threads;
  std::atomic<bool> failed = false;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Two threads take a channel each of the first half, two a half each of the second.
      for (int s = 0; s < kSeconds; ++s) {
        const bool mine = t < 2 ? s < kSeconds / 2 : s >= kSeconds / 2 && s % 2 == t % 2;
        const std::vector<int32_t> positions = t == 0   ? std::vector<int32_t>{0, -1}
                                               : t == 1 ? std::vector<int32_t>{-1, 1}
                                                        : Identity(2);
        if (mine && !assembler->Place(blocks[static_cast<size_t>(s)], positions).ok()) {
          failed = true;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(failed);
  const auto block = assembler->Finish();
  for (size_t c = 0; c < 2; ++c) EXPECT_EQ(SamplesOf(block.view(c)), Join(truth[c]));
}

}  // namespace
}  // namespace carryall::codec
