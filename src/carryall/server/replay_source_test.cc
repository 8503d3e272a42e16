#include "carryall/server/replay_source.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "carryall/server/fake_backend.h"
#include "carryall/server/open_source.h"

namespace carryall::server {
namespace {

using backend::SourceStep;
using backend::StreamRequest;

// Samples of one channel by number; nothing where a sample is missing.
using Samples = std::map<int64_t, std::optional<int64_t>>;

struct Played {
  std::vector<SeriesBlock> blocks;
  std::vector<Samples> samples;  // by channel
};

Played Play(backend::BlockSource& source, size_t most = 1'000'000) {
  Played out;
  const std::stop_token never;
  while (out.blocks.size() < most) {
    auto step = source.Next(never, SteadyNow() + std::chrono::seconds(60));
    EXPECT_TRUE(step.ok()) << step.status();
    if (!step.ok() || step->kind == SourceStep::Kind::kEnd) break;
    if (step->kind == SourceStep::Kind::kHeartbeat) continue;
    const SeriesBlock& block = step->block;
    EXPECT_TRUE(block.Validate().ok()) << block.Validate();
    out.samples.resize(block.size());
    for (size_t c = 0; c < block.size(); ++c) {
      const SampleView& view = block.view(c);
      const int64_t first =
          (*block.channels())[c].sample_rate.SamplesIn(block.time() - GpsTime());
      for (int64_t i = 0; i < view.length; ++i) {
        const int64_t bit = view.validity_offset + i;
        const bool present =
            view.values != nullptr &&
            (view.validity == nullptr || ((view.validity[bit / 8] >> (bit % 8)) & 1));
        out.samples[c][first + i] =
            present ? std::optional(reinterpret_cast<const int64_t*>(view.values)[i])
                    : std::nullopt;
      }
    }
    out.blocks.push_back(block);
  }
  return out;
}

struct Case {
  Duration stride;
  ReplayWindow window;
  GpsTime start, end;
  int64_t max_strides;
  std::vector<int> rates;
  uint64_t missing_seed;  // 0: nothing is missing
  int64_t heartbeat_every;
};

bool IsMissing(uint64_t seed, int64_t stride) {
  return seed != 0 &&
         (static_cast<uint64_t>(stride) * 0x9e3779b97f4a7c15u ^ seed) % 7 == 0;
}

void Check(const Case& c) {
  std::vector<Channel> channels;
  for (size_t i = 0; i < c.rates.size(); ++i) {
    channels.push_back(FakeChannel(fmt::format("X1:C-{}", i), c.rates[i], c.stride));
  }
  FakeBehaviour behaviour;
  behaviour.missing = [&](int64_t stride) { return IsMissing(c.missing_seed, stride); };
  behaviour.heartbeat_every = c.heartbeat_every;
  auto backend = std::make_shared<FakeBackend>(channels, behaviour);
  StreamRequest request;
  request.channels = *ChannelSet::Make(channels);
  request.start = c.start;
  request.end = c.end;
  request.max_strides = c.max_strides;
  const ManualClock late(GpsTime::Max());
  auto source = OpenSource(backend, request, ReplayContext{c.window, {}}, late);
  ASSERT_TRUE(source.ok()) << source.status();
  const Played played = Play(**source);

  GpsTime at = c.start;
  for (const SeriesBlock& block : played.blocks) {
    EXPECT_TRUE(block.time() == at || block.time().IsMultipleOf(c.stride));
    EXPECT_GE(block.time(), at);
    EXPECT_TRUE(block.end().IsMultipleOf(c.stride) || block.end() == c.end);
    EXPECT_LE(block.duration(), c.stride * c.max_strides);
    at = block.end();
  }
  for (size_t i = 0; i < c.rates.size(); ++i) {
    const Duration period = Duration::FromNs(1'000'000'000 / c.rates[i]);
    for (GpsTime t = c.start; t < c.end; t = t + period) {
      const GpsTime archival = ToArchival(c.window, t);
      const int64_t number = (t - GpsTime()) / period;
      std::optional<int64_t> got;
      if (i < played.samples.size()) {
        const auto found = played.samples[i].find(number);
        if (found != played.samples[i].end()) got = found->second;
      }
      if (IsMissing(c.missing_seed, archival.Floor(c.stride).ns() / c.stride.ns())) {
        EXPECT_EQ(got, std::nullopt) << ToString(t);
      } else {
        ASSERT_EQ(got, (archival - GpsTime()) / period) << ToString(t);
      }
    }
  }
}

TEST(ReplaySource, PlaysWhatANaiveModelSays) {
  const uint64_t seed = std::random_device()();
  std::mt19937_64 random(seed);
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int round = 0; round < 3000 && !testing::Test::HasFatalFailure(); ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    Case c;
    c.rates = {8, static_cast<int>(1 << pick(0, 3))};
    const Duration sample = Duration::FromSeconds(1);  // of the slowest channel
    c.stride = sample * pick(1, 4);
    const GpsTime begin = GpsTime() + sample * pick(1000, 1020);
    c.window = {begin, begin + c.stride + sample * pick(0, 20)};
    c.start = GpsTime() + sample * pick(900, 1300);
    c.end = c.start + sample * pick(1, 60);
    c.max_strides = pick(1, 5);
    c.missing_seed = pick(0, 1) ? random() | 1 : 0;
    c.heartbeat_every = pick(0, 3) + (pick(0, 1) ? 1 : 0);
    if (c.heartbeat_every == 1) c.heartbeat_every = 2;
    Check(c);
  }
}

TEST(ReplaySource, DoesNotRunAheadOfTheClock) {
  const Duration stride = Duration::FromSeconds(1);
  const auto channels = *ChannelSet::Make({FakeChannel("X1:A", 4, stride)});
  ManualClock clock(GpsTime::FromSeconds(5000));
  ReplaySource::Options options;
  options.window = {GpsTime::FromSeconds(100), GpsTime::FromSeconds(110)};
  options.channels = channels;
  options.start = GpsTime::FromSeconds(4998);
  options.max_strides = 100;
  options.clock = &clock;
  auto source = *ReplaySource::Make(options, [&](GpsTime start, GpsTime end) {
    StreamRequest request;
    request.channels = channels;
    request.start = start;
    request.end = end;
    request.max_strides = 2;
    return FakeBackend({FakeChannel("X1:A", 4, stride)}).Stream(request);
  });
  const std::stop_token never;
  const auto next = [&] { return *source->Next(never, SteadyNow()); };
  GpsTime shown = *options.start;
  for (SourceStep step = next(); step.kind == SourceStep::Kind::kBlock; step = next()) {
    shown = step.block.end();
  }
  EXPECT_EQ(shown, GpsTime::FromSeconds(5001));
  clock.Advance(Duration::FromSeconds(1));
  const SourceStep step = next();
  ASSERT_EQ(step.kind, SourceStep::Kind::kBlock);
  EXPECT_EQ(step.block.time(), GpsTime::FromSeconds(5001));
}

TEST(ReplaySource, RefusesWindowsThatCutSamplesOrAreShorterThanAStride) {
  const Duration stride = Duration::FromSeconds(1);
  ReplaySource::Options options;
  options.channels = *ChannelSet::Make({FakeChannel("X1:A", 4, stride)});
  const auto status = [&](Duration from, Duration length) {
    options.window = {GpsTime() + from, GpsTime() + from + length};
    return ReplaySource::Make(options, nullptr).status();
  };
  EXPECT_TRUE(status(Duration::FromMs(250), Duration::FromMs(1250)).ok());
  for (const Status& bad : {status(Duration::FromMs(250), Duration::FromMs(750)),
                            status(Duration::FromMs(100), Duration::FromMs(2000)),
                            status(Duration::FromMs(0), Duration::FromMs(2100))}) {
    EXPECT_EQ(KindOf(bad), ErrorKind::kInvalidReplay);
  }
  EXPECT_NE(status(Duration::FromMs(0), Duration::FromMs(2100)).message().find("X1:A"),
            std::string::npos);
}

TEST(OpenSource, JoinsDerivedChannelsAtTheirTimeWithRawOnesFromTheArchive) {
  const Duration stride = Duration::FromSeconds(2);
  Channel derived = FakeChannel("X1:DERIVED", 4, Duration::FromSeconds(1));
  derived.replay_id = "R";
  const std::vector<Channel> channels = {derived, FakeChannel("X1:RAW", 8, stride)};
  auto backend = std::make_shared<FakeBackend>(channels);
  StreamRequest request;
  request.channels = *ChannelSet::Make(channels);
  request.start = GpsTime::FromSeconds(2001);
  request.end = GpsTime::FromSeconds(2030);
  request.max_strides = 3;
  const ReplayWindow window{GpsTime::FromSeconds(100), GpsTime::FromSeconds(110)};
  const ManualClock late(GpsTime::Max());
  auto source = OpenSource(backend, request, ReplayContext{window, "R"}, late);
  ASSERT_TRUE(source.ok()) << source.status();
  const Played played = Play(**source);
  ASSERT_EQ(played.samples.size(), 2);
  EXPECT_EQ(played.samples[0].size(), 29 * 4);
  EXPECT_EQ(played.samples[1].size(), 29 * 8);
  for (const auto& [number, value] : played.samples[0]) EXPECT_EQ(value, number);
  for (const auto& [number, value] : played.samples[1]) {
    EXPECT_EQ(value, 800 + (number - 800) % 80);
  }
}

TEST(OpenSource, AnEmptyOrInvertedSpanEndsAtOnce) {
  auto backend = std::make_shared<FakeBackend>(
      std::vector{FakeChannel("X1:A", 4, Duration::FromSeconds(1))});
  const ManualClock clock(GpsTime::FromSeconds(5000));
  const auto first_step = [&](std::optional<GpsTime> start, GpsTime end) {
    StreamRequest request;
    request.channels =
        *ChannelSet::Make({FakeChannel("X1:A", 4, Duration::FromSeconds(1))});
    request.start = start;
    request.end = end;
    auto source = *OpenSource(backend, request, {}, clock);
    return source->Next(std::stop_token(), SteadyNow())->kind;
  };
  EXPECT_EQ(first_step(GpsTime::FromSeconds(5), GpsTime::FromSeconds(5)),
            SourceStep::Kind::kEnd);
  EXPECT_EQ(first_step(GpsTime::FromSeconds(5), GpsTime::FromSeconds(4)),
            SourceStep::Kind::kEnd);
  EXPECT_EQ(first_step({}, GpsTime()), SourceStep::Kind::kEnd);
  EXPECT_EQ(first_step(GpsTime::FromSeconds(5), GpsTime::FromSeconds(6)),
            SourceStep::Kind::kBlock);
}

}  // namespace
}  // namespace carryall::server
