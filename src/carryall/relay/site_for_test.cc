#include "carryall/relay/site_for_test.h"

#include <cstring>
#include <utility>

#include "carryall/codec/encoder.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/model/sample_grid.h"

namespace carryall::relay::testing {

class FakeCluster::FakeFeed final : public Feed {
 public:
  FakeFeed(FakeCluster* cluster, bool report_ends)
      : cluster_(cluster), report_ends_(report_ends) {
    const std::lock_guard lock(cluster_->mutex_);
    cluster_->feeds_.insert(this);
  }
  ~FakeFeed() override {
    const std::lock_guard lock(cluster_->mutex_);
    cluster_->feeds_.erase(this);
  }

  Result<std::vector<kafka::Start>> Assign(
      const std::vector<kafka::Assignment>& assignments, const kafka::Wait&) override {
    const std::lock_guard lock(cluster_->mutex_);
    if (!cluster_->reachable_) {
      return Error(ErrorKind::kUnavailable, "no broker can be reached");
    }
    std::vector<kafka::Start> starts;
    for (const kafka::Assignment& each : assignments) {
      kafka::Start start;
      const auto topic = cluster_->topics_.find(each.topic);
      if (topic == cluster_->topics_.end()) {
        start.watermarks.status = Error(ErrorKind::kNotFound, "no topic {}", each.topic);
      } else {
        const auto& entries = topic->second;
        start.watermarks.end = static_cast<int64_t>(entries.size());
        start.offset = Resolve(each.from, entries);
        reading_[each.topic] = {each.tag, start.offset, false};
      }
      starts.push_back(start);
    }
    return starts;
  }

  void Unassign(const std::vector<std::string>& topics) override {
    const std::lock_guard lock(cluster_->mutex_);
    for (const std::string& topic : topics) reading_.erase(topic);
  }

  Status Poll(size_t most, Fed* out, const kafka::Wait& wait) override {
    out->messages.clear();
    out->events.clear();
    std::unique_lock lock(cluster_->mutex_);
    for (;;) {
      ARROW_RETURN_NOT_OK(wait.Check());
      ARROW_RETURN_NOT_OK(std::exchange(cluster_->broken_, Status::OK()));
      if (cluster_->reachable_) Collect(most, out);
      if (!out->messages.empty() || !out->events.empty() || wait.Over()) {
        return Status::OK();
      }
      cluster_->changed_.wait_until(lock, wait.stop, wait.deadline, [] { return false; });
    }
  }

  bool reachable() const override {
    const std::lock_guard lock(cluster_->mutex_);
    return cluster_->reachable_;
  }

 private:
  friend class FakeCluster;
  struct Reading {
    uint64_t tag;
    int64_t next;
    bool told_end;
  };

  static int64_t Resolve(const kafka::Position& from, const std::vector<Entry>& entries) {
    switch (from.kind()) {
      case kafka::Position::Kind::kOldest:
        return 0;
      case kafka::Position::Kind::kEnd:
        return static_cast<int64_t>(entries.size());
      case kafka::Position::Kind::kOffset:
        return from.offset();
      default:
        break;
    }
    size_t i = 0;
    while (i < entries.size() && entries[i].stamp < from.time()) ++i;
    return static_cast<int64_t>(i);
  }

  void Collect(size_t most, Fed* out) {
    for (auto& [name, reading] : reading_) {
      const auto& entries = cluster_->topics_.at(name);
      while (out->messages.size() < most &&
             reading.next < static_cast<int64_t>(entries.size())) {
        const Bytes& bytes = entries[static_cast<size_t>(reading.next)].bytes;
        out->messages.push_back(
            {reading.tag, reading.next, bytes->data(), bytes->size()});
        ++reading.next;
        reading.told_end = false;
      }
      if (report_ends_ && !reading.told_end && out->messages.size() < most) {
        reading.told_end = true;
        out->events.push_back(
            {kafka::TopicEvent::Kind::kEnd, reading.tag, reading.next, {}});
      }
    }
  }

  FakeCluster* const cluster_;
  const bool report_ends_;
  std::map<std::string, Reading> reading_;
};

void FakeCluster::BreakAFeed(Status status) {
  const std::lock_guard lock(mutex_);
  broken_ = std::move(status);
  changed_.notify_all();
}

void FakeCluster::CreateTopic(const std::string& topic) {
  const std::lock_guard lock(mutex_);
  topics_[topic];
}

void FakeCluster::Reserve(size_t messages) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, entries] : topics_) entries.reserve(messages);
}

void FakeCluster::Send(const std::string& topic, Bytes message, GpsTime stamp) {
  const std::lock_guard lock(mutex_);
  topics_[topic].push_back({std::move(message), stamp});
  changed_.notify_all();
}

void FakeCluster::SetReachable(bool reachable) {
  const std::lock_guard lock(mutex_);
  reachable_ = reachable;
  changed_.notify_all();
}

std::set<std::string> FakeCluster::assigned() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const FakeFeed* feed : feeds_) {
    for (const auto& [name, reading] : feed->reading_) names.insert(name);
  }
  return names;
}

size_t FakeCluster::feeds() const {
  const std::lock_guard lock(mutex_);
  return feeds_.size();
}

std::unique_ptr<Feed> FakeCluster::NewFeed(bool report_ends) {
  return std::make_unique<FakeFeed>(this, report_ends);
}

namespace {

/// What sample number `n` (of those since GPS 0) of a channel is.
double Expected(const Channel& channel, int64_t n) {
  return static_cast<double>((n + 31 * static_cast<int64_t>(*channel.partition_index) +
                              7 * static_cast<int64_t>(channel.name[4])) %
                             100);
}

void Put(uint8_t* at, DataType type, double value) {
  if (type == DataType::kFloat32) {
    const auto v = static_cast<float>(value);
    std::memcpy(at, &v, 4);
  } else if (type == DataType::kFloat64) {
    std::memcpy(at, &value, 8);
  } else {
    const auto v = static_cast<int64_t>(value);
    std::memcpy(at, &v, static_cast<size_t>(ByteWidth(type)));
  }
}

}  // namespace

Site::Site(SiteOptions options) : options_(std::move(options)), clock_(kNow) {
  for (size_t i = 0; i < options_.clusters; ++i) {
    clusters_.push_back(std::make_shared<FakeCluster>());
  }
  for (size_t topic = 0; topic < options_.topics; ++topic) {
    cluster(topic % options_.clusters).CreateTopic(TopicName(topic));
  }
}

RelayOptions Site::relay_options() {
  RelayOptions options;
  for (size_t i = 0; i < clusters_.size(); ++i) {
    options.clusters.push_back({fmt::format("cluster{}:1", i), "test", {}, {}});
  }
  options.find_topic = [this](const Channel& channel) -> Result<TopicPlace> {
    const size_t topic =
        std::stoul(channel.partition_id->substr(options_.partition.size()));
    return TopicPlace{topic % options_.clusters, TopicName(topic)};
  };
  options.make_feed = [clusters = clusters_](
                          const kafka::ClusterOptions& cluster,
                          bool report_ends) -> Result<std::unique_ptr<Feed>> {
    return clusters[static_cast<size_t>(cluster.brokers[7] - '0')]->NewFeed(report_ends);
  };
  options.clock = &clock_;
  return options;
}

std::string Site::TopicName(size_t topic) const {
  return fmt::format("arrakis-{}{}", options_.partition, topic);
}

Channel Site::MakeChannel(size_t topic, size_t number) const {
  Channel channel;
  channel.name = fmt::format("X1:T{:05}-C{:05}", topic, number);
  channel.data_type = options_.type;
  channel.sample_rate = *SampleRate::Make(options_.hz);
  channel.partition_id = fmt::format("{}{}", options_.partition, topic);
  channel.partition_index = static_cast<uint32_t>(number);
  channel.stride = options_.stride;
  channel.max_latency = options_.latency;
  return channel;
}

std::shared_ptr<const ChannelSet> Site::Channels(
    const std::vector<std::pair<size_t, size_t>>& which) const {
  std::vector<Channel> channels;
  for (const auto& [topic, number] : which)
    channels.push_back(MakeChannel(topic, number));
  return *ChannelSet::Make(std::move(channels));
}

std::shared_ptr<const ChannelSet> Site::AllChannels() const {
  std::vector<std::pair<size_t, size_t>> which;
  for (size_t topic = 0; topic < options_.topics; ++topic) {
    for (size_t i = 0; i < options_.per_topic; ++i) which.emplace_back(topic, i);
  }
  return Channels(which);
}

std::shared_ptr<arrow::Buffer> Site::Message(size_t topic, GpsTime time, int64_t strides,
                                             const std::set<size_t>& without,
                                             bool nulls) const {
  std::vector<Channel> channels;
  std::vector<uint32_t> ids;
  // Backwards, as any order will do.
  for (size_t i = options_.per_topic; i-- > 0;) {
    if (without.contains(i)) continue;
    channels.push_back(MakeChannel(topic, i));
    ids.push_back(static_cast<uint32_t>(i));
  }
  const Duration duration = options_.stride * strides;
  std::vector<SampleView> views;
  std::vector<MemoryOwner> owners;
  for (const Channel& channel : channels) {
    const int64_t count = channel.sample_rate.SamplesIn(duration);
    const int64_t first = FirstSampleAt(channel.sample_rate, time);
    const int64_t width = ByteWidth(channel.data_type);
    auto values =
        std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count * width));
    auto bits =
        std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count / 8 + 1));
    for (int64_t i = 0; i < count; ++i) {
      Put(values->data() + i * width, channel.data_type, Expected(channel, first + i));
      kernels::SetBits(bits->data(), i, 1, (first + i) % 3 != 0);
    }
    views.push_back(
        {values->data(), nulls ? bits->data() : nullptr, 0, count, channel.data_type});
    owners.insert(owners.end(), {values, bits});
  }
  const SeriesBlock block(time, duration, *ChannelSet::Make(std::move(channels)),
                          std::move(views), std::move(owners));
  return *codec::ToRowMessage(block, ids);
}

void Site::Publish(size_t topic, GpsTime time, int64_t strides,
                   const std::set<size_t>& without, bool nulls) {
  cluster(topic % options_.clusters)
      .Send(TopicName(topic), Message(topic, time, strides, without, nulls),
            time + options_.stride * strides);
}

void Site::PublishAll(GpsTime time) {
  for (size_t topic = 0; topic < options_.topics; ++topic) Publish(topic, time);
}

std::string Site::Check(const SeriesBlock& block, size_t i) {
  const Channel& channel = (*block.channels())[i];
  const SampleView view = block.view(i);
  const int64_t first = FirstSampleAt(channel.sample_rate, block.time());
  const int64_t width = ByteWidth(view.data_type);
  std::string out;
  for (int64_t k = 0; k < view.length; ++k) {
    if (view.values == nullptr ||
        (view.validity != nullptr &&
         !kernels::GetBit(view.validity, view.validity_offset + k))) {
      out += 'g';
      continue;
    }
    uint8_t expected[8] = {};
    Put(expected, view.data_type, Expected(channel, first + k));
    const bool right =
        std::memcmp(expected, view.values + k * width, static_cast<size_t>(width)) == 0;
    out += right ? '.' : 'x';
  }
  return out;
}

std::string Site::CheckAll(const SeriesBlock& block) {
  EXPECT_TRUE(block.Validate().ok()) << block.Validate();
  std::string out;
  for (size_t i = 0; i < block.size(); ++i) {
    const std::string letters = Check(block, i);
    if (letters.find_first_not_of('.') == std::string::npos) continue;
    out += (*block.channels())[i].name + ":" + letters + " ";
  }
  return out;
}

std::optional<SeriesBlock> NextBlock(backend::BlockSource* source, int seconds) {
  const SteadyTime deadline = SteadyNow() + std::chrono::seconds(seconds);
  while (SteadyNow() < deadline) {
    auto step =
        source->Next({}, std::min(deadline, SteadyNow() + std::chrono::milliseconds(20)));
    if (!step.ok()) {
      ADD_FAILURE() << step.status().ToString();
      return std::nullopt;
    }
    if (step->kind == backend::SourceStep::Kind::kBlock) return step->block;
    if (step->kind == backend::SourceStep::Kind::kEnd) return std::nullopt;
  }
  ADD_FAILURE() << "no block came";
  return std::nullopt;
}

bool IsQuiet(backend::BlockSource* source, int ms) {
  const auto step = source->Next({}, SteadyNow() + std::chrono::milliseconds(ms));
  return step.ok() && step->kind == backend::SourceStep::Kind::kHeartbeat;
}

bool Eventually(const std::function<bool()>& condition) {
  const SteadyTime deadline = SteadyNow() + std::chrono::seconds(60);
  while (!condition()) {
    if (SteadyNow() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace carryall::relay::testing
