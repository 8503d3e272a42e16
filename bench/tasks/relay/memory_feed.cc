#include "tasks/relay/memory_feed.h"

namespace carryall::bench {

class MemoryTopics::MemoryFeed final : public relay::Feed {
 public:
  explicit MemoryFeed(MemoryTopics* topics) : topics_(topics) {}
  Result<std::vector<kafka::Start>> Assign(
      const std::vector<kafka::Assignment>& assignments, const kafka::Wait&) override {
    const std::lock_guard lock(topics_->mutex_);
    for (const auto& each : assignments) {
      topics_->assigned_.emplace_back(&topics_->topics_.at(each.topic), each.tag);
    }
    return std::vector<kafka::Start>(assignments.size());
  }
  void Unassign(const std::vector<std::string>&) override {}
  bool reachable() const override { return true; }
  Status Poll(size_t most, relay::Fed* out, const kafka::Wait& wait) override {
    return topics_->Poll(most, out, wait);
  }

 private:
  MemoryTopics* const topics_;
};

Result<std::unique_ptr<MemoryTopics>> MemoryTopics::Make(
    const Site& site, const std::vector<int64_t>& partitions) {
  auto out = std::make_unique<MemoryTopics>();
  for (const int64_t partition : partitions) {
    Topic& topic = out->topics_[fmt::format("{}", partition)];
    for (int variant = 0; variant < kVariants; ++variant) {
      ARROW_ASSIGN_OR_RAISE(auto bytes, site.Message(partition, variant));
      topic.messages.push_back(std::move(bytes));
    }
    topic.time_at = TimePlace(topic.messages[0]);
  }
  return out;
}

relay::RelayOptions MemoryTopics::Options(const Clock* clock) {
  relay::RelayOptions options;
  options.clusters.push_back({"bench:1", "bench", {}, {}});
  options.find_topic = [](const Channel& channel) -> Result<relay::TopicPlace> {
    return relay::TopicPlace{0, *channel.partition_id};
  };
  options.make_feed = [this](const kafka::ClusterOptions&, bool) {
    return Result<std::unique_ptr<relay::Feed>>(std::make_unique<MemoryFeed>(this));
  };
  options.clock = clock;
  return options;
}

void MemoryTopics::Release(int64_t stride, GpsTime time) {
  const std::lock_guard lock(mutex_);
  stride_ = stride;
  time_ = time;
  next_ = 0;
  changed_.notify_all();
}

size_t MemoryTopics::assigned() {
  const std::lock_guard lock(mutex_);
  return assigned_.size();
}

Status MemoryTopics::Poll(size_t most, relay::Fed* out, const kafka::Wait& wait) {
  out->messages.clear();
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, wait.stop, wait.deadline,
                      [&] { return next_ < assigned_.size(); });
  // Somebody who joins is let in before more messages come.
  if (wait.stop.stop_requested()) return Status::OK();
  while (next_ < assigned_.size() && out->messages.size() < most) {
    auto& [topic, tag] = assigned_[next_++];
    auto& message = topic->messages[static_cast<size_t>(stride_ % kVariants)];
    SetTime(&message, topic->time_at, time_);
    out->messages.push_back(
        {tag, stride_, message.data(), static_cast<int64_t>(message.size())});
  }
  return Status::OK();
}

}  // namespace carryall::bench
