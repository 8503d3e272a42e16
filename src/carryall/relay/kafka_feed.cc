#include "carryall/relay/feed.h"

namespace carryall::relay {
namespace {

class KafkaFeed final : public Feed {
 public:
  explicit KafkaFeed(std::unique_ptr<kafka::Consumer> consumer)
      : consumer_(std::move(consumer)) {}

  Result<std::vector<kafka::Start>> Assign(
      const std::vector<kafka::Assignment>& assignments,
      const kafka::Wait& wait) override {
    return consumer_->Assign(assignments, wait);
  }
  void Unassign(const std::vector<std::string>& topics) override {
    consumer_->Unassign(topics);
  }
  Status Poll(size_t most, Fed* out, const kafka::Wait& wait) override {
    out->messages.clear();
    out->events.clear();
    ARROW_RETURN_NOT_OK(consumer_->Poll(most, &polled_, wait));
    for (const kafka::Message& message : polled_.messages) {
      out->messages.push_back(
          {message.tag(), message.offset(), message.data(), message.size()});
    }
    std::swap(out->events, polled_.events);
    return Status::OK();
  }
  bool reachable() const override { return consumer_->reachable(); }

 private:
  const std::unique_ptr<kafka::Consumer> consumer_;
  kafka::Polled polled_;
};

}  // namespace

Result<std::unique_ptr<Feed>> MakeKafkaFeed(const kafka::ClusterOptions& cluster,
                                            bool report_ends) {
  kafka::ConsumerOptions options;
  options.cluster = cluster;
  options.report_ends = report_ends;
  ARROW_ASSIGN_OR_RAISE(auto consumer, kafka::Consumer::Make(options));
  return std::make_unique<KafkaFeed>(std::move(consumer));
}

}  // namespace carryall::relay
