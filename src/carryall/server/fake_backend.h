#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/server/wait.h"

namespace carryall::server {

// For tests: data that follow from channel and time alone. Every channel is int64 and
// each sample is its own number, counted from GPS 0, so that any sample of any stream can
// be checked without knowing how it came about.
inline Channel FakeChannel(std::string name, int rate, Duration stride) {
  Channel channel;
  channel.name = std::move(name);
  channel.data_type = DataType::kInt64;
  channel.sample_rate = *SampleRate::Make(rate);
  channel.stride = stride;
  channel.max_latency = Duration::FromSeconds(1);
  return channel;
}

inline SeriesBlock FakeBlock(std::shared_ptr<const ChannelSet> channels, GpsTime begin,
                             GpsTime end, arrow::MemoryPool* pool) {
  std::vector<SampleView> views;
  std::vector<MemoryOwner> owners;
  for (const Channel& channel : channels->channels()) {
    const int64_t first = channel.sample_rate.SamplesIn(begin - GpsTime());
    const int64_t count = channel.sample_rate.SamplesIn(end - begin);
    std::shared_ptr<arrow::Buffer> buffer =
        *arrow::AllocateBuffer(std::max<int64_t>(count * 8, 1), pool);
    auto* out = reinterpret_cast<int64_t*>(buffer->mutable_data());
    for (int64_t i = 0; i < count; ++i) out[i] = first + i;
    views.push_back(SampleView{buffer->data(), nullptr, 0, count, DataType::kInt64});
    owners.push_back(std::move(buffer));
  }
  return SeriesBlock(begin, end - begin, std::move(channels), std::move(views),
                     std::move(owners));
}

/// How the sources of a FakeBackend behave.
struct FakeBehaviour {
  /// Strides (counted from GPS 0) for which there is nothing.
  std::function<bool(int64_t stride)> missing = [](int64_t) { return false; };
  bool silent = false;      ///< says nothing but that it is alive
  int64_t fail_after = -1;  ///< blocks until an error; -1: never
  int64_t heartbeat_every = 0;
  backend::Registrar* registrar = nullptr;
};

class FakeSource final : public backend::BlockSource {
 public:
  FakeSource(backend::StreamRequest request, FakeBehaviour behaviour)
      : request_(std::move(request)),
        behaviour_(std::move(behaviour)),
        stride_(*request_.channels->CommonStride()),
        cursor_(request_.start.value_or(GpsTime::FromSeconds(1'000'000'000))) {}

  Result<backend::SourceStep> Next(const std::stop_token& stop,
                                   SteadyTime deadline) override {
    using Kind = backend::SourceStep::Kind;
    if (behaviour_.silent) {
      WaitFor(Duration::FromSeconds(3600), stop, deadline);
      return backend::SourceStep{};
    }
    ++calls_;
    if (behaviour_.heartbeat_every > 0 && calls_ % behaviour_.heartbeat_every == 0) {
      return backend::SourceStep{};
    }
    while (cursor_ < request_.end.value_or(GpsTime::Max()) && Missing(cursor_)) {
      cursor_ = cursor_.Floor(stride_) + stride_;
    }
    if (cursor_ >= request_.end.value_or(GpsTime::Max())) {
      return backend::SourceStep{Kind::kEnd, {}};
    }
    if (behaviour_.fail_after >= 0 && blocks_ == behaviour_.fail_after) {
      return Error(ErrorKind::kIo, "fake source fails as told");
    }
    ++blocks_;
    GpsTime end = cursor_.Floor(stride_) + stride_;
    if (cursor_.IsMultipleOf(stride_)) {
      const int64_t most = std::max(request_.max_strides, request_.max_view_strides);
      for (int64_t i = 1; i < most && !Missing(end); ++i) {
        end = end + stride_;
      }
    }
    end = std::min(end, request_.end.value_or(GpsTime::Max()));
    const GpsTime begin = std::exchange(cursor_, end);
    return backend::SourceStep{Kind::kBlock,
                               FakeBlock(request_.channels, begin, end, request_.pool)};
  }

 private:
  bool Missing(GpsTime t) const {
    return behaviour_.missing(t.Floor(stride_).ns() / stride_.ns());
  }
  backend::StreamRequest request_;
  FakeBehaviour behaviour_;
  Duration stride_;
  GpsTime cursor_;
  int64_t blocks_ = 0;
  int64_t calls_ = 0;
};

class FakeBackend final : public backend::Backend {
 public:
  explicit FakeBackend(std::vector<Channel> channels, FakeBehaviour behaviour = {})
      : catalogue_(*metadata::Catalogue::Make(std::move(channels))),
        behaviour_(std::move(behaviour)) {}

  std::string_view name() const override { return "fake"; }
  backend::Retention retention() const override { return {}; }
  std::shared_ptr<const metadata::Catalogue> catalogue() const override {
    std::lock_guard lock(mutex_);
    return catalogue_;
  }
  void SetChannels(std::vector<Channel> channels) {
    std::lock_guard lock(mutex_);
    catalogue_ = *metadata::Catalogue::Make(std::move(channels));
  }
  backend::Registrar* registrar() override { return behaviour_.registrar; }
  Result<std::unique_ptr<backend::BlockSource>> Stream(
      backend::StreamRequest request) override {
    {
      std::lock_guard lock(mutex_);
      latency_ = request.latency;
    }
    return std::make_unique<FakeSource>(std::move(request), behaviour_);
  }
  Status Reload() override {
    ++reloads_;
    return Status::OK();
  }
  /// What the latest stream was asked for with.
  std::optional<Duration> latency() const {
    std::lock_guard lock(mutex_);
    return latency_;
  }
  int reloads() const { return reloads_.load(); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const metadata::Catalogue> catalogue_;
  std::optional<Duration> latency_;
  FakeBehaviour behaviour_;
  std::atomic<int> reloads_{0};
};

}  // namespace carryall::server
