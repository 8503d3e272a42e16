#include "carryall/backend/mock/mock_source.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "carryall/kernels/noise.h"
#include "carryall/model/sample_grid.h"

namespace carryall::backend::mock {
namespace {

constexpr int64_t kAlignment = 64;
constexpr uint64_t kMaskSeed = 0x6d61736b;
constexpr Duration kLongestSleep = Duration::FromSeconds(3600);

int64_t Padded(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

class MockSource final : public BlockSource {
 public:
  MockSource(MockStream stream, Duration stride)
      : stream_(std::move(stream)), stride_(stride) {
    const StreamRequest& request = stream_.request;
    next_ = request.start.value_or(stream_.clock->Now().Floor(stride));
    if (!HoldsSamples(next_, next_.Ceil(stride))) next_ = next_.Ceil(stride);
    if (stream_.place != nullptr) offset_ = stream_.place->Offset(stride);
  }

  Result<SourceStep> Next(const std::stop_token& stop, SteadyTime deadline) override {
    if (repeat_) {
      repeat_ = false;
      return SourceStep{SourceStep::Kind::kBlock, block_};
    }
    const auto& end = stream_.request.end;
    if (end && next_ >= *end) return SourceStep{SourceStep::Kind::kEnd, {}};

    // What is to be sent at its time is made before it: a stride before, which is when
    // the block before it was sent, so that a stream wakes once a stride.
    if (!Wait(next_ + offset_ - stride_, {}, stop, deadline)) return SourceStep{};
    if (!made_) {
      ARROW_ASSIGN_OR_RAISE(block_, MakeBlock());
      made_ = true;
    }
    if (!Wait(next_ + offset_, Held(), stop, deadline)) return SourceStep{};
    Advance();
    return SourceStep{SourceStep::Kind::kBlock, block_};
  }

 private:
  bool Hits(FaultMode mode) const {
    return stream_.faults.mode == mode && stream_.faults.Hits(number_);
  }

  bool HoldsSamples(GpsTime begin, GpsTime end) const {
    const auto holds = [&](const Channel& channel) {
      return channel.sample_rate.SamplesIn(end - begin) > 0;
    };
    return std::ranges::any_of(stream_.request.channels->channels(), holds);
  }

  /// How long a fault holds back the block in hand.
  SteadyTime Held() {
    if (!held_) {
      held_ = SteadyNow();
      if (Hits(FaultMode::kLatency) || Hits(FaultMode::kStall)) {
        *held_ +=
            std::chrono::nanoseconds(static_cast<int64_t>(stream_.faults.value * 1e9));
      }
    }
    return *held_;
  }

  /// Until the clock says `time` and `held` is over; false if the deadline or a stop came
  /// first. The steady clock only says when to look at the clock again.
  bool Wait(GpsTime time, SteadyTime held, const std::stop_token& stop,
            SteadyTime deadline) const {
    while (!stop.stop_requested()) {
      const SteadyTime now = SteadyNow();
      const Duration left = std::min(time - stream_.clock->Now(), kLongestSleep);
      if (left <= Duration() && now >= held) return true;
      if (now >= deadline) return false;
      const SteadyTime wake = std::max(now + ToChrono(left), held);
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      stopped.wait_until(lock, stop, std::min(wake, deadline), [] { return false; });
    }
    return false;
  }

  void Advance() {
    repeat_ = Hits(FaultMode::kDuplicates);
    number_ += next_ == next_.Floor(stride_)
                   ? std::max<int64_t>(block_.duration() / stride_, 1)
                   : 1;
    next_ = block_.end();
    made_ = false;
    held_.reset();
  }

  /// Strides from next_ on whose start has come, at most as many as the request allows.
  /// One while there are faults, which count strides.
  int64_t StridesDue() const {
    if (stream_.faults.mode != FaultMode::kNone) return 1;
    GpsTime until = stream_.clock->Now();
    if (stream_.request.end) {
      until = std::min(until, *stream_.request.end - Duration::FromNs(1));
    }
    return std::clamp<int64_t>((until - next_) / stride_ + 1, 1,
                               std::max<int64_t>(stream_.request.max_strides, 1));
  }

  /// The end of the next block: on the grid, or the request's end where that cuts no
  /// sample in two.
  GpsTime EndOfBlock() const {
    GpsTime end = next_.Ceil(stride_);
    if (end == next_) end = next_ + stride_ * StridesDue();
    const auto& last = stream_.request.end;
    if (!last || end <= *last) return end;
    const Duration cut = *last - next_;
    const auto whole = [&](const Channel& c) { return c.sample_rate.Divides(cut); };
    return std::ranges::all_of(stream_.request.channels->channels(), whole) ? *last : end;
  }

  /// The samples of [next_, end), channel after channel. Those of the present may be
  /// shared with other streams.
  Result<std::shared_ptr<arrow::Buffer>> Samples(GpsTime end) const {
    const auto& channels = stream_.request.channels->channels();
    int64_t bytes = 0;
    for (const Channel& channel : channels) {
      bytes += Padded(channel.sample_rate.SamplesIn(end - next_) *
                      ByteWidth(channel.data_type));
    }
    const auto make =
        [&](arrow::MemoryPool* pool) -> Result<std::shared_ptr<arrow::Buffer>> {
      ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> memory,
                            arrow::AllocateBuffer(bytes, kAlignment, pool));
      uint8_t* out = memory->mutable_data();
      for (size_t i = 0; i < channels.size(); ++i) {
        stream_.generators[i]->Fill(next_, end, stride_, out);
        out += Padded(channels[i].sample_rate.SamplesIn(end - next_) *
                      ByteWidth(channels[i].data_type));
      }
      return memory;
    };
    const bool present = end > stream_.clock->Now() - stride_;
    if (stream_.shared == nullptr || !present || bytes > SharedSamples::kMostBytes) {
      return make(stream_.request.pool);
    }
    return stream_.shared->Get({stream_.generators, next_, end},
                               [&] { return make(arrow::default_memory_pool()); });
  }

  Result<SeriesBlock> MakeBlock() const {
    const GpsTime end = EndOfBlock();
    const Duration duration = end - next_;
    const auto& channels = stream_.request.channels;
    if (Hits(FaultMode::kFullGaps)) return SeriesBlock::Gap(next_, duration, channels);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> memory, Samples(end));
    std::vector<SampleView> views;
    views.reserve(channels->size());
    const uint8_t* samples = memory->data();
    for (const Channel& channel : channels->channels()) {
      const int64_t count = channel.sample_rate.SamplesIn(duration);
      views.push_back(SampleView{samples, nullptr, 0, count, channel.data_type});
      samples += Padded(count * ByteWidth(channel.data_type));
    }
    std::vector<MemoryOwner> owners{std::move(memory)};
    if (Hits(FaultMode::kPartialGaps)) ARROW_RETURN_NOT_OK(MaskSome(&views, &owners));
    return SeriesBlock(next_, duration, channels, std::move(views), std::move(owners));
  }

  /// Marks each sample missing with the fault's probability: a pure function of seed,
  /// channel and time, like the samples themselves.
  Status MaskSome(std::vector<SampleView>* views,
                  std::vector<MemoryOwner>* owners) const {
    const auto& channels = *stream_.request.channels;
    std::vector<float> noise;
    for (size_t i = 0; i < views->size(); ++i) {
      SampleView& view = (*views)[i];
      ARROW_ASSIGN_OR_RAISE(
          std::shared_ptr<arrow::Buffer> bits,
          arrow::AllocateEmptyBitmap(view.length, stream_.request.pool));
      noise.resize(static_cast<size_t>(view.length));
      const auto key = kernels::MakeNoiseKey(stream_.seed ^ kMaskSeed, channels[i].name);
      kernels::FillNoise(key, FirstSampleAt(channels[i].sample_rate, next_), view.length,
                         noise.data());
      for (int64_t k = 0; k < view.length; ++k) {
        // A normal number is uniform after its own distribution function.
        const double uniform =
            std::erfc(noise[static_cast<size_t>(k)] * 0.70710678118654752) / 2;
        arrow::bit_util::SetBitTo(bits->mutable_data(), k,
                                  uniform >= stream_.faults.value);
      }
      view.validity = bits->data();
      owners->push_back(std::move(bits));
    }
    return Status::OK();
  }

  MockStream stream_;
  Duration stride_;
  Duration offset_;     ///< of sending after a block's time
  GpsTime next_;        ///< where the next block begins
  int64_t number_ = 0;  ///< strides given out
  SeriesBlock block_;   ///< the last one, or the next one if made_
  bool made_ = false;
  bool repeat_ = false;             ///< block_ goes out once more
  std::optional<SteadyTime> held_;  ///< a fault's delay of the next block
};

}  // namespace

Result<std::unique_ptr<BlockSource>> MakeMockSource(MockStream stream) {
  ARROW_ASSIGN_OR_RAISE(const Duration stride, stream.request.channels->CommonStride());
  return std::make_unique<MockSource>(std::move(stream), stride);
}

}  // namespace carryall::backend::mock
