#include "carryall/backend/mock/mock_source.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include "carryall/kernels/noise.h"
#include "carryall/model/sample_grid.h"

namespace carryall::backend::mock {
namespace {

constexpr int64_t kAlignment = 64;

int64_t Padded(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

class MockSource final : public BlockSource {
 public:
  MockSource(MockStream stream, Duration stride)
      : stream_(std::move(stream)), stride_(stride) {
    const StreamRequest& request = stream_.request;
    next_ = request.start ? *request.start : stream_.clock->Now().Floor(stride);
  }

  Result<SourceStep> Next(const std::stop_token& stop, SteadyTime deadline) override {
    if (repeat_) {
      repeat_ = false;
      return SourceStep{SourceStep::Kind::kBlock, last_};
    }
    const auto& end = stream_.request.end;
    if (end && next_ >= *end) return SourceStep{SourceStep::Kind::kEnd, {}};
    if (!Sleep(stop, deadline)) return SourceStep{};
    ARROW_ASSIGN_OR_RAISE(SeriesBlock block, MakeBlock());
    if (stream_.faults.Hits(number_) && stream_.faults.mode == FaultMode::kDuplicates) {
      repeat_ = true;
      last_ = block;
    }
    next_ = block.end();
    number_ += strides_;
    slept_ = false;
    return SourceStep{SourceStep::Kind::kBlock, std::move(block)};
  }

 private:
  /// Waits for the next block's time and, where a fault says so, longer; false if the
  /// deadline or a stop came first.
  bool Sleep(const std::stop_token& stop, SteadyTime deadline) {
    const Faults& faults = stream_.faults;
    if (!slept_) {
      slept_ = true;
      wake_ = SteadyNow();
      const Duration until = next_ - stream_.clock->Now();
      if (until.ns() > 0)
        wake_ += ToChrono(std::min(until, Duration::FromSeconds(86400)));
      if (faults.Hits(number_) &&
          (faults.mode == FaultMode::kLatency || faults.mode == FaultMode::kStall)) {
        wake_ += std::chrono::nanoseconds(static_cast<int64_t>(faults.value * 1e9));
      }
    }
    if (stop.stop_requested()) return false;
    if (SteadyNow() >= wake_) return Due();
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait_until(lock, stop, std::min(wake_, deadline), [] { return false; });
    return !stop.stop_requested() && SteadyNow() >= wake_ && Due();
  }

  /// The time of day decides; the steady clock only says when to look again.
  bool Due() {
    if (stream_.clock->Now() >= next_) return true;
    slept_ = false;
    return false;
  }

  /// Strides from next_ on whose start has come, at most as many as the request allows.
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
  GpsTime EndOfBlock() {
    strides_ = 1;
    GpsTime end = next_.Ceil(stride_);
    if (end == next_) {
      strides_ = StridesDue();
      end = next_ + stride_ * strides_;
    }
    const auto& last = stream_.request.end;
    if (last && end > *last) {
      const Duration cut = *last - next_;
      const auto whole = [&](const Channel& c) { return c.sample_rate.Divides(cut); };
      if (std::ranges::all_of(stream_.request.channels->channels(), whole)) end = *last;
    }
    return end;
  }

  Result<SeriesBlock> MakeBlock() {
    const GpsTime begin = next_;
    const Duration duration = EndOfBlock() - begin;
    const auto& channels = stream_.request.channels;
    if (stream_.faults.Hits(number_) && stream_.faults.mode == FaultMode::kFullGaps) {
      return SeriesBlock::Gap(begin, duration, channels);
    }
    int64_t bytes = 0;
    for (const Channel& channel : channels->channels()) {
      bytes +=
          Padded(channel.sample_rate.SamplesIn(duration) * ByteWidth(channel.data_type));
    }
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> memory,
                          arrow::AllocateBuffer(bytes, kAlignment, stream_.request.pool));
    std::vector<SampleView> views;
    views.reserve(channels->size());
    uint8_t* out = memory->mutable_data();
    for (size_t i = 0; i < channels->size(); ++i) {
      const Channel& channel = (*channels)[i];
      const int64_t count = channel.sample_rate.SamplesIn(duration);
      FillStrides(i, begin, duration, out);
      views.push_back(SampleView{out, nullptr, 0, count, channel.data_type});
      out += Padded(count * ByteWidth(channel.data_type));
    }
    std::vector<MemoryOwner> owners{std::move(memory)};
    if (stream_.faults.Hits(number_) && stream_.faults.mode == FaultMode::kPartialGaps) {
      ARROW_RETURN_NOT_OK(MaskSome(begin, &views, &owners));
    }
    return SeriesBlock(begin, duration, channels, std::move(views), std::move(owners));
  }

  /// Stride by stride, because a formula counts its samples from the start of a stride.
  void FillStrides(size_t i, GpsTime begin, Duration duration, uint8_t* out) const {
    const Channel& channel = (*stream_.request.channels)[i];
    const GpsTime end = begin + duration;
    for (GpsTime time = begin; time < end;) {
      const GpsTime until = std::min((time + Duration::FromNs(1)).Ceil(stride_), end);
      const int64_t count = channel.sample_rate.SamplesIn(until - time);
      stream_.generators[i]->Fill(time, count, out);
      out += count * ByteWidth(channel.data_type);
      time = until;
    }
  }

  /// Marks each sample missing with the fault's probability: a pure function of seed,
  /// channel and time, like the samples themselves.
  Status MaskSome(GpsTime time, std::vector<SampleView>* views,
                  std::vector<MemoryOwner>* owners) const {
    const auto& channels = *stream_.request.channels;
    std::vector<float> noise;
    for (size_t i = 0; i < views->size(); ++i) {
      SampleView& view = (*views)[i];
      ARROW_ASSIGN_OR_RAISE(
          std::shared_ptr<arrow::Buffer> bits,
          arrow::AllocateEmptyBitmap(view.length, stream_.request.pool));
      noise.resize(static_cast<size_t>(view.length));
      const auto key = kernels::MakeNoiseKey(stream_.seed ^ 0x6d61736b, channels[i].name);
      kernels::FillNoise(key, FirstSampleAt(channels[i].sample_rate, time), view.length,
                         noise.data());
      for (int64_t k = 0; k < view.length; ++k) {
        // A normal number is uniform after its own distribution function.
        const double uniform =
            std::erfc(noise[static_cast<size_t>(k)] * 0.70710678118654752) / 2;
        arrow::bit_util::SetBitTo(bits->mutable_data(), k,
                                  uniform >= stream_.faults.value);
      }
      view.validity = bits->data();
      view.validity_offset = 0;
      owners->push_back(std::move(bits));
    }
    return Status::OK();
  }

  MockStream stream_;
  Duration stride_;
  GpsTime next_;
  int64_t number_ = 0;   ///< strides given out
  int64_t strides_ = 1;  ///< of the block in hand
  bool slept_ = false;   ///< wake_ is set for next_
  SteadyTime wake_;
  bool repeat_ = false;
  SeriesBlock last_;
};

}  // namespace

Result<std::unique_ptr<BlockSource>> MakeMockSource(MockStream stream) {
  ARROW_ASSIGN_OR_RAISE(const Duration stride, stream.request.channels->CommonStride());
  return std::make_unique<MockSource>(std::move(stream), stride);
}

}  // namespace carryall::backend::mock
