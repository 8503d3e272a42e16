#include "carryall/server/channel_groups.h"

#include <algorithm>

namespace carryall::server {

using backend::BlockSource;
using backend::SourceStep;

namespace {

// Of one span: what is read ahead of a client, and sent again after a break.
constexpr int64_t kMaxBatches = 32;

int64_t BytesIn(const Channel& channel, Duration duration) {
  return channel.sample_rate.SamplesIn(duration) * ByteWidth(channel.data_type);
}

int64_t BytesIn(const ChannelSet& channels, Duration duration) {
  int64_t bytes = 0;
  for (const Channel& channel : channels.channels()) bytes += BytesIn(channel, duration);
  return bytes;
}

int64_t BytesOf(const SampleView& view) {
  return view.all_missing() ? 0 : view.length * ByteWidth(view.data_type);
}

class SplitSource final : public BlockSource {
 public:
  SplitSource(std::unique_ptr<BlockSource> source, int64_t batch_bytes)
      : source_(std::move(source)), batch_bytes_(batch_bytes) {}

  Result<SourceStep> Next(const std::stop_token& stop, SteadyTime deadline) override {
    if (left_ > 0) return NextPart();
    ARROW_ASSIGN_OR_RAISE(SourceStep step, source_->Next(stop, deadline));
    if (step.kind != SourceStep::Kind::kBlock) return step;
    int64_t bytes = 0;
    for (const SampleView& view : step.block.views()) bytes += BytesOf(view);
    if (bytes <= batch_bytes_) return step;
    block_ = std::move(step.block);
    at_ = 0;
    left_ = bytes;
    return NextPart();
  }

 private:
  SourceStep NextPart() {
    std::vector<SampleView> views;
    views.reserve(block_.size());
    for (const SampleView& view : block_.views()) {
      views.push_back(SampleView::Missing(view.data_type, view.length));
    }
    int64_t bytes = 0;
    for (; at_ < block_.size(); ++at_) {
      const SampleView view = block_.view(at_);
      if (bytes > 0 && bytes + BytesOf(view) > batch_bytes_) break;
      views[at_] = view;
      bytes += BytesOf(view);
    }
    left_ -= bytes;
    SourceStep step{SourceStep::Kind::kBlock, {}, left_ > 0};
    step.block = SeriesBlock(block_.time(), block_.duration(), block_.channels(),
                             std::move(views), block_.owners());
    if (left_ == 0) block_ = {};
    return step;
  }

  const std::unique_ptr<BlockSource> source_;
  const int64_t batch_bytes_;
  SeriesBlock block_;  ///< what is given in parts
  size_t at_ = 0;      ///< the first channel of the next part
  int64_t left_ = 0;   ///< bytes of the parts to come
};

}  // namespace

int64_t ViewStrides(const ChannelSet& channels, Duration stride, int64_t batch_strides) {
  int64_t widest = 1;
  for (const Channel& channel : channels.channels()) {
    widest = std::max(widest, BytesIn(channel, stride));
  }
  const int64_t batch_bytes = BytesIn(channels, stride) * batch_strides;
  return std::clamp(batch_bytes / widest, batch_strides, batch_strides * kMaxBatches);
}

std::unique_ptr<BlockSource> SplitByChannels(std::unique_ptr<BlockSource> source,
                                             const ChannelSet& channels, Duration stride,
                                             int64_t batch_strides) {
  return std::make_unique<SplitSource>(std::move(source),
                                       BytesIn(channels, stride) * batch_strides);
}

}  // namespace carryall::server
