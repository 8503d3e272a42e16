#include "carryall/server/channel_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

#include "carryall/server/fake_backend.h"

namespace carryall::server {
namespace {

using backend::SourceStep;

const GpsTime kBegin = GpsTime::FromSeconds(1'000'000'000);
const Duration kStep = Duration::FromMs(500);

class ListSource final : public backend::BlockSource {
 public:
  explicit ListSource(std::deque<SeriesBlock> blocks) : blocks_(std::move(blocks)) {}
  Result<SourceStep> Next(const std::stop_token&, SteadyTime) override {
    if (std::exchange(silent_, !silent_)) return SourceStep{};
    if (blocks_.empty()) return SourceStep{SourceStep::Kind::kEnd, {}};
    SourceStep step{SourceStep::Kind::kBlock, std::move(blocks_.front())};
    blocks_.pop_front();
    return step;
  }

 private:
  std::deque<SeriesBlock> blocks_;
  bool silent_ = true;
};

std::shared_ptr<const ChannelSet> Rates(const std::vector<int>& rates) {
  std::vector<Channel> channels;
  for (size_t i = 0; i < rates.size(); ++i) {
    channels.push_back(FakeChannel("X1:C-" + std::to_string(i), rates[i], kStep));
  }
  return *ChannelSet::Make(std::move(channels));
}

int64_t BytesThere(const SeriesBlock& block) {
  int64_t bytes = 0;
  for (const SampleView& view : block.views()) {
    if (!view.all_missing()) bytes += view.length * 8;
  }
  return bytes;
}

TEST(ViewStrides, LetAChannelFillABatchUpTo32Batches) {
  EXPECT_EQ(ViewStrides(*Rates({16, 16, 16, 16}), kStep, 10), 40);
  EXPECT_EQ(ViewStrides(*Rates({16, 48}), kStep, 9), 12);
  EXPECT_EQ(ViewStrides(*Rates({16}), kStep, 7), 7);
  EXPECT_EQ(ViewStrides(*Rates(std::vector<int>(100, 16)), kStep, 2), 64);
}

// Random channels, gaps and sizes: the parts of a block together are the block.
TEST(SplitByChannels, PartsOfABlockAreTheBlock) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::vector<int> rates;
    for (uint64_t i = 1 + random() % 9; i > 0; --i) rates.push_back(2 << random() % 6);
    const auto channels = Rates(rates);
    std::deque<SeriesBlock> blocks;
    GpsTime time = kBegin;
    for (uint64_t i = 1 + random() % 4; i > 0; --i) {
      const GpsTime end = time + kStep * static_cast<int64_t>(1 + random() % 20);
      const SeriesBlock whole =
          FakeBlock(channels, time, end, arrow::default_memory_pool());
      std::vector<SampleView> views = whole.views();
      for (SampleView& view : views) {
        if (random() % 4 == 0) view = SampleView::Missing(view.data_type, view.length);
      }
      blocks.emplace_back(time, end - time, channels, std::move(views), whole.owners());
      time = end;
    }
    const int64_t batch = static_cast<int64_t>(1 + random() % 5);
    int64_t batch_bytes = 0, widest = 0;
    for (const int rate : rates) {
      batch_bytes += rate * 4 * batch;  // int64 for half a second
      widest = std::max<int64_t>(widest, rate * 4);
    }
    auto source =
        SplitByChannels(std::make_unique<ListSource>(blocks), *channels, kStep, batch);
    for (const SeriesBlock& block : blocks) {
      std::set<size_t> seen;
      for (bool more = true; more;) {
        SourceStep step;
        while (step.kind == SourceStep::Kind::kHeartbeat) {
          step = *source->Next({}, SteadyTime::max());
        }
        ASSERT_EQ(step.kind, SourceStep::Kind::kBlock);
        more = step.more;
        ASSERT_TRUE(step.block.Validate().ok());
        ASSERT_EQ(step.block.time(), block.time());
        ASSERT_EQ(step.block.end(), block.end());
        const int64_t there = BytesThere(step.block);
        ASSERT_EQ(there > 0, BytesThere(block) > 0);
        ASSERT_TRUE(there <= batch_bytes || there <= widest * (block.duration() / kStep));
        for (size_t i = 0; i < block.size(); ++i) {
          if (step.block.view(i).all_missing()) continue;
          ASSERT_TRUE(seen.empty() || *seen.rbegin() < i);
          seen.insert(i);
          ASSERT_EQ(step.block.view(i).values, block.view(i).values);
          ASSERT_EQ(step.block.view(i).length, block.view(i).length);
        }
      }
      for (size_t i = 0; i < block.size(); ++i) {
        ASSERT_EQ(seen.contains(i), !block.view(i).all_missing());
      }
    }
    SourceStep last = *source->Next({}, SteadyTime::max());
    if (last.kind == SourceStep::Kind::kHeartbeat) {
      last = *source->Next({}, SteadyTime::max());
    }
    EXPECT_EQ(last.kind, SourceStep::Kind::kEnd);
  }
}

}  // namespace
}  // namespace carryall::server
