#include "carryall/relay/relay.h"

#include <algorithm>
#include <map>

#include "carryall/relay/live_reader.h"
#include "carryall/relay/past_reader.h"

namespace carryall::relay {

using backend::BlockSource;
using backend::SourceStep;
using backend::StreamRequest;

namespace {

/// The live readers and the streams there are; shared by the relay and its streams.
class Hub {
 public:
  explicit Hub(RelayOptions options)
      : options_(std::move(options)), live_(options_.clusters.size()) {}

  const RelayOptions& options() const { return options_; }
  const std::shared_ptr<Counters>& counters() const { return counters_; }

  Result<std::unique_ptr<Feed>> NewFeed(size_t cluster, bool report_ends) const {
    return options_.make_feed(options_.clusters[cluster], report_ends);
  }

  Status JoinLive(const std::shared_ptr<Subscription>& stream, size_t cluster) {
    const std::lock_guard lock(mutex_);
    if (live_[cluster] == nullptr || live_[cluster]->failed()) {
      ARROW_ASSIGN_OR_RAISE(auto feed, NewFeed(cluster, /*report_ends=*/false));
      live_[cluster] =
          std::make_unique<LiveReader>(std::move(feed), cluster, options_, counters_);
    }
    live_[cluster]->Join(stream);
    return Status::OK();
  }

  void Add(const std::shared_ptr<Subscription>& stream) {
    const std::lock_guard lock(mutex_);
    std::erase_if(streams_, [](const auto& each) { return each.expired(); });
    streams_.push_back(stream);
  }
  void Leave(const std::shared_ptr<Subscription>& stream) {
    const std::lock_guard lock(mutex_);
    for (const auto& reader : live_) {
      if (reader != nullptr) reader->Leave(stream);
    }
  }

  std::vector<std::shared_ptr<Subscription>> Streams() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Subscription>> out;
    for (const auto& each : streams_) {
      if (auto stream = each.lock()) out.push_back(std::move(stream));
    }
    return out;
  }
  size_t LiveTopics() {
    const std::lock_guard lock(mutex_);
    size_t topics = 0;
    for (const auto& reader : live_) topics += reader == nullptr ? 0 : reader->topics();
    return topics;
  }

 private:
  const RelayOptions options_;
  const std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
  std::mutex mutex_;
  std::vector<std::weak_ptr<Subscription>> streams_;
  std::vector<std::unique_ptr<LiveReader>> live_;  ///< by cluster, made when needed
};

class RelaySource final : public BlockSource {
 public:
  RelaySource(std::shared_ptr<Hub> hub, std::shared_ptr<Subscription> stream)
      : hub_(std::move(hub)), stream_(std::move(stream)) {}
  ~RelaySource() override {
    stream_->Close();
    hub_->Leave(stream_);
  }

  Status Start(const std::vector<size_t>& clusters) {
    hub_->Add(stream_);
    for (const size_t cluster : clusters) {
      if (!stream_->past_from()) {
        ARROW_RETURN_NOT_OK(hub_->JoinLive(stream_, cluster));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto feed, hub_->NewFeed(cluster, /*report_ends=*/true));
      std::function<void()> go_live;
      if (stream_->goes_live()) {
        // The reader's thread ends before this source and its hub do.
        go_live = [hub = hub_.get(), stream = stream_, cluster] {
          const Status joined = hub->JoinLive(stream, cluster);
          if (!joined.ok()) stream->Fail(joined);
        };
      }
      past_.push_back(std::make_unique<PastReader>(std::move(feed), stream_, cluster,
                                                   hub_->options(), hub_->counters(),
                                                   std::move(go_live)));
    }
    return Status::OK();
  }

  Result<SourceStep> Next(const std::stop_token& stop, SteadyTime deadline) override {
    return stream_->Next(stop, deadline);
  }

 private:
  const std::shared_ptr<Hub> hub_;
  const std::shared_ptr<Subscription> stream_;
  std::vector<std::unique_ptr<PastReader>> past_;
};

std::string Describe(const ChannelSet& channels, const std::vector<int32_t>& positions) {
  const std::string& first = channels[static_cast<size_t>(positions[0])].name;
  return positions.size() == 1 ? first
                               : fmt::format("{} +{} more", first, positions.size() - 1);
}

/// The channels by topic, in the order of the first of each.
Result<std::vector<TopicPart>> PartsOf(const ChannelSet& channels,
                                       const RelayOptions& options) {
  std::map<std::pair<size_t, std::string>, size_t> place_of;
  std::vector<TopicPart> parts;
  for (size_t i = 0; i < channels.size(); ++i) {
    const Channel& channel = channels[i];
    if (!channel.stride || channel.stride->ns() <= 0 || !channel.partition_index) {
      return Error(ErrorKind::kUnavailable,
                   "channel has no stride or no place in a partition: {}", channel.name);
    }
    ARROW_ASSIGN_OR_RAISE(TopicPlace place, options.find_topic(channel));
    if (place.cluster >= options.clusters.size()) {
      return Error(ErrorKind::kInternal, "there is no cluster {} for channel {}",
                   place.cluster, channel.name);
    }
    const auto [at, is_new] =
        place_of.try_emplace({place.cluster, place.topic}, parts.size());
    if (is_new) {
      parts.push_back({std::move(place), {}, *channel.stride, channel.max_latency, {}});
    }
    TopicPart* const part = &parts[at->second];
    part->positions.push_back(static_cast<int32_t>(i));
    ARROW_ASSIGN_OR_RAISE(part->stride,
                          LeastCommonMultiple(part->stride, *channel.stride));
    if (channel.max_latency) {
      part->latency = std::max(part->latency.value_or(Duration()), *channel.max_latency);
    }
  }
  for (TopicPart& part : parts) part.what = Describe(channels, part.positions);
  return parts;
}

class RelayImpl final : public Relay {
 public:
  explicit RelayImpl(RelayOptions options)
      : hub_(std::make_shared<Hub>(std::move(options))) {}

  Result<std::unique_ptr<BlockSource>> Stream(StreamRequest request) override {
    if (request.channels == nullptr || request.channels->size() == 0) {
      return Error(ErrorKind::kInvalidArgument, "a stream needs at least one channel");
    }
    ARROW_ASSIGN_OR_RAISE(auto parts, PartsOf(*request.channels, hub_->options()));
    std::vector<size_t> clusters;
    for (const TopicPart& part : parts) clusters.push_back(part.place.cluster);
    std::sort(clusters.begin(), clusters.end());
    clusters.erase(std::unique(clusters.begin(), clusters.end()), clusters.end());
    ARROW_ASSIGN_OR_RAISE(
        auto stream,
        Subscription::Make(request, std::move(parts), hub_->options(), hub_->counters()));
    auto source = std::make_unique<RelaySource>(hub_, std::move(stream));
    ARROW_RETURN_NOT_OK(source->Start(clusters));
    return source;
  }

  void EndStreams(std::span<const std::string> channels,
                  const std::string& why) override {
    for (const auto& stream : hub_->Streams()) {
      for (const std::string& name : channels) {
        if (!stream->channels().Find(name)) continue;
        stream->Fail(Error(ErrorKind::kUnavailable, "channel {}: {}", name, why));
        break;
      }
    }
  }

  const Counters& counters() const override { return *hub_->counters(); }
  size_t live_topics() const override { return hub_->LiveTopics(); }

 private:
  const std::shared_ptr<Hub> hub_;
};

}  // namespace

Result<TopicPlace> StandardTopic(const Channel& channel) {
  if (!channel.partition_id) {
    return Error(ErrorKind::kUnavailable, "channel is in no partition: {}", channel.name);
  }
  return TopicPlace{0, channel.replay_id
                           ? fmt::format("arrakis-replay-{}-{}", *channel.replay_id,
                                         *channel.partition_id)
                           : fmt::format("arrakis-{}", *channel.partition_id)};
}

Result<std::unique_ptr<Relay>> Relay::Make(RelayOptions options) {
  if (options.clusters.empty()) {
    return Error(ErrorKind::kInvalidArgument, "a relay needs brokers to read from");
  }
  for (const kafka::ClusterOptions& cluster : options.clusters) {
    ARROW_RETURN_NOT_OK(kafka::PlainBrokers(cluster.brokers).status());
  }
  return std::make_unique<RelayImpl>(std::move(options));
}

}  // namespace carryall::relay
