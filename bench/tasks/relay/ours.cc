// CPU time a stride of the relay: decode, select, mux, assemble and encode, over a feed
// in this process that hands out finished messages.
#include <arrow/api.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

#include "carryall/codec/block_writer.h"
#include "carryall/codec/encoder.h"
#include "carryall/relay/relay.h"

namespace {

using carryall::Channel;
using carryall::ChannelSet;
using carryall::Duration;
using carryall::GpsTime;
using carryall::SeriesBlock;
namespace codec = carryall::codec;
namespace kafka = carryall::kafka;
namespace relay = carryall::relay;

const Duration kStride = Duration::FromNs(62'500'000);
const GpsTime kBegin = GpsTime::FromSeconds(1'400'000'000);
constexpr int kVariants = 4;

/// `wanted` of `channels` channels in partitions of at most 80, spread evenly.
struct Case {
  std::string name;
  int64_t partitions, channels, wanted;
  codec::Form form;
  int strides;
};

const Case kCases[] = {
    {"323x767", 323, 323 * 80, 767, codec::Form::kColumn, 400},
    {"3900x2000", 3900, 311'000, 2000, codec::Form::kColumn, 100},
    {"3900x311000", 3900, 311'000, 311'000, codec::Form::kRow, 20},
    {"3900x311000/columns", 3900, 311'000, 311'000, codec::Form::kColumn, 20},
};

int64_t FirstOf(const Case& c, int64_t partition) {
  return partition * c.channels / c.partitions;
}
int64_t PartitionOf(const Case& c, int64_t channel) {
  int64_t partition = channel * c.partitions / c.channels;
  while (FirstOf(c, partition + 1) <= channel) ++partition;
  while (FirstOf(c, partition) > channel) --partition;
  return partition;
}
float SampleOf(int64_t channel, int64_t stride) {
  return static_cast<float>((channel * 7 + stride * 13) % 8192);
}

Channel MakeChannel(const Case& c, int64_t number) {
  Channel channel;
  const int64_t partition = PartitionOf(c, number);
  channel.name = fmt::format("X1:BEN-CHANNEL_{:06}", number);
  channel.data_type = carryall::DataType::kFloat32;
  channel.sample_rate = *carryall::SampleRate::Make(16);
  channel.partition_id = fmt::format("{}", partition);
  channel.partition_index = static_cast<uint32_t>(number - FirstOf(c, partition));
  channel.stride = kStride;
  channel.max_latency = Duration::FromSeconds(1);
  return channel;
}

/// The topics of a case, which give the messages of one stride each time they are told
/// to. Only the time is written into messages that are there.
class Topics {
 public:
  explicit Topics(const Case& c) : case_(c) {}

  std::unique_ptr<relay::Feed> NewFeed() { return std::make_unique<TopicsFeed>(this); }

  /// Messages of the topics that are assigned; call it when they are.
  arrow::Status Prepare() {
    std::vector<Topic> topics;
    for (const auto& [name, tag] : assigned_) {
      const int64_t partition = std::stoll(name);
      Topic topic{tag, {}, 0};
      for (int variant = 0; variant < kVariants; ++variant) {
        ARROW_ASSIGN_OR_RAISE(auto bytes, Message(partition, variant));
        topic.messages.push_back(std::move(bytes));
      }
      const int64_t time = kBegin.ns();
      const auto& first = topic.messages[0];
      while (std::memcmp(first.data() + topic.time_at, &time, 8) != 0) ++topic.time_at;
      topics.push_back(std::move(topic));
    }
    const std::lock_guard lock(mutex_);
    topics_ = std::move(topics);
    return arrow::Status::OK();
  }
  void Release(int64_t stride) {
    const std::lock_guard lock(mutex_);
    stride_ = stride;
    next_ = 0;
    changed_.notify_all();
  }
  size_t assigned() {
    const std::lock_guard lock(mutex_);
    return assigned_.size();
  }

 private:
  struct Topic {
    uint64_t tag;
    std::vector<std::vector<uint8_t>> messages;
    size_t time_at;
  };

  class TopicsFeed final : public relay::Feed {
   public:
    explicit TopicsFeed(Topics* topics) : topics_(topics) {}
    arrow::Result<std::vector<kafka::Start>> Assign(
        const std::vector<kafka::Assignment>& assignments, const kafka::Wait&) override {
      const std::lock_guard lock(topics_->mutex_);
      for (const auto& each : assignments) {
        topics_->assigned_.emplace_back(each.topic, each.tag);
      }
      return std::vector<kafka::Start>(assignments.size());
    }
    void Unassign(const std::vector<std::string>&) override {}
    bool reachable() const override { return true; }
    arrow::Status Poll(size_t most, relay::Fed* out, const kafka::Wait& wait) override {
      return topics_->Poll(most, out, wait);
    }

   private:
    Topics* const topics_;
  };

  arrow::Status Poll(size_t most, relay::Fed* out, const kafka::Wait& wait) {
    out->messages.clear();
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, wait.stop, wait.deadline,
                        [&] { return next_ < topics_.size(); });
    const int64_t time = (kBegin + kStride * stride_).ns();
    while (next_ < topics_.size() && out->messages.size() < most) {
      Topic& topic = topics_[next_++];
      auto& message = topic.messages[static_cast<size_t>(stride_ % kVariants)];
      std::memcpy(message.data() + topic.time_at, &time, 8);
      out->messages.push_back(
          {topic.tag, stride_, message.data(), static_cast<int64_t>(message.size())});
    }
    return arrow::Status::OK();
  }

  arrow::Result<std::vector<uint8_t>> Message(int64_t partition, int variant) const {
    std::vector<Channel> channels;
    std::vector<uint32_t> ids;
    std::vector<float> samples;
    for (int64_t i = FirstOf(case_, partition); i < FirstOf(case_, partition + 1); ++i) {
      channels.push_back(MakeChannel(case_, i));
      ids.push_back(*channels.back().partition_index);
      samples.push_back(SampleOf(i, variant));
    }
    std::vector<carryall::SampleView> views;
    for (const float& sample : samples) {
      views.push_back({reinterpret_cast<const uint8_t*>(&sample), nullptr, 0, 1,
                       carryall::DataType::kFloat32});
    }
    ARROW_ASSIGN_OR_RAISE(auto set, ChannelSet::Make(std::move(channels)));
    const SeriesBlock block(kBegin, kStride, std::move(set), std::move(views), {});
    ARROW_ASSIGN_OR_RAISE(const auto bytes, codec::ToRowMessage(block, ids));
    return std::vector<uint8_t>(bytes->data(), bytes->data() + bytes->size());
  }

  const Case case_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::pair<std::string, uint64_t>> assigned_;
  std::vector<Topic> topics_;
  size_t next_ = std::numeric_limits<size_t>::max();
  int64_t stride_ = 0;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

arrow::Result<SeriesBlock> NextBlock(carryall::backend::BlockSource* source) {
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(
        const auto step,
        source->Next({}, carryall::SteadyNow() + std::chrono::seconds(30)));
    if (step.kind == carryall::backend::SourceStep::Kind::kBlock) return step.block;
    return arrow::Status::Invalid("no block came");
  }
}

/// What a payload holds, read by Arrow: values and a sum that depends on their places.
arrow::Result<std::string> AnswerOf(const codec::StreamEncoder& encoder,
                                    const arrow::ipc::IpcPayload& payload) {
  ARROW_ASSIGN_OR_RAISE(auto body,
                        codec::JoinBody(payload, arrow::default_memory_pool()));
  ARROW_ASSIGN_OR_RAISE(auto message, arrow::ipc::Message::Open(payload.metadata, body));
  ARROW_ASSIGN_OR_RAISE(const auto batch, arrow::ipc::ReadRecordBatch(
                                              *message, encoder.schema(), nullptr,
                                              arrow::ipc::IpcReadOptions::Defaults()));
  const bool rows = encoder.schema()->field(1)->name() == "id";
  int64_t count = 0, sum = 0;
  for (int i = rows ? 2 : 1; i < batch->num_columns(); ++i) {
    const auto& lists = static_cast<const arrow::ListArray&>(*batch->column(i));
    const auto& values = static_cast<const arrow::FloatArray&>(*lists.values());
    for (int64_t k = lists.value_offset(0); k < lists.value_offset(lists.length()); ++k) {
      ++count;
      sum += static_cast<int64_t>(values.Value(k)) * (count % 1021);
    }
  }
  return fmt::format("{} values, sum {}", count, sum);
}

arrow::Status Run(const Case& c, bool only_answer) {
  Topics topics(c);
  relay::RelayOptions options;
  options.clusters.push_back({"bench:1", "bench", {}, {}});
  options.find_topic = [](const Channel& channel) -> arrow::Result<relay::TopicPlace> {
    return relay::TopicPlace{0, *channel.partition_id};
  };
  options.make_feed = [&](const kafka::ClusterOptions&, bool) {
    return arrow::Result<std::unique_ptr<relay::Feed>>(topics.NewFeed());
  };
  carryall::ManualClock clock(kBegin);
  options.clock = &clock;
  ARROW_ASSIGN_OR_RAISE(const auto relay, relay::Relay::Make(options));

  std::vector<Channel> channels;
  for (int64_t i = 0; i < c.wanted; ++i) {
    channels.push_back(MakeChannel(c, i * c.channels / c.wanted));
  }
  carryall::backend::StreamRequest request;
  ARROW_ASSIGN_OR_RAISE(request.channels, ChannelSet::Make(std::move(channels)));
  const auto set = request.channels;
  ARROW_ASSIGN_OR_RAISE(const auto source, relay->Stream(std::move(request)));
  while (topics.assigned() == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  RETURN_NOT_OK(topics.Prepare());

  codec::EncodeOptions encode;
  encode.form = c.form;
  encode.stride = kStride;
  ARROW_ASSIGN_OR_RAISE(const auto encoder, codec::StreamEncoder::Make(set, encode));
  int64_t stride = 0;
  const auto one = [&]() -> arrow::Result<arrow::ipc::IpcPayload> {
    clock.Set(kBegin + kStride * stride);
    topics.Release(stride++);
    ARROW_ASSIGN_OR_RAISE(const SeriesBlock block, NextBlock(source.get()));
    if (block.time() != kBegin + kStride * (stride - 1)) {
      return arrow::Status::Invalid("a block of another time came");
    }
    return encoder->Encode(block);
  };
  for (int variant = 0; variant < kVariants; ++variant) {
    ARROW_ASSIGN_OR_RAISE(const auto payload, one());
    ARROW_ASSIGN_OR_RAISE(const std::string answer, AnswerOf(*encoder, payload));
    if (variant == 1 && only_answer) fmt::print("{}\n", answer);
  }
  if (only_answer) return arrow::Status::OK();
  for (int i = 0; i < 10; ++i) RETURN_NOT_OK(one().status());
  const double before = CpuSeconds();
  for (int i = 0; i < c.strides; ++i) RETURN_NOT_OK(one().status());
  const double us = (CpuSeconds() - before) * 1e6 / c.strides;
  fmt::print(R"({{"case": "{}", "contender": "ours", "unit": "us", "value": {:.2f}}})"
             "\n",
             c.name, us);
  return arrow::Status::OK();
}

}  // namespace

/// `--case NAME` runs one case; with `--answer` it prints what the second stride holds
/// instead of the time.
int main(int argc, char** argv) {
  std::string pick;
  bool only_answer = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--answer") only_answer = true;
    if (argument == "--case" && i + 1 < argc) pick = argv[++i];
  }
  for (const Case& c : kCases) {
    if (!pick.empty() && c.name != pick) continue;
    const arrow::Status status = Run(c, only_answer);
    if (status.ok()) continue;
    fmt::print(stderr, "{}: {}\n", c.name, status.ToString());
    return 1;
  }
  return 0;
}
