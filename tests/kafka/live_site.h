#pragma once

#include <atomic>
#include <thread>

#include "carryall/kafka/admin.h"
#include "carryall/kafka/producer.h"
#include "carryall/relay/site_for_test.h"

/// A site whose topics are on a real broker and whose channels follow the machine's
/// clock.
namespace carryall::relay::testing {

class LiveSite {
 public:
  /// `latency`: after which what has not come is a gap.
  LiveSite(const std::string& brokers, const std::string& name, Duration latency)
      : cluster_{brokers, "test", {}, {}},
        site_({.hz = 1024, .latency = latency, .partition = name}) {}

  Status CreateTopics(const kafka::Wait& wait) {
    ARROW_ASSIGN_OR_RAISE(const auto admin, kafka::Admin::Make(cluster_));
    std::vector<kafka::TopicSpec> topics;
    for (size_t i = 0; i < site_.options().topics; ++i) {
      topics.push_back({site_.TopicName(i)});
    }
    return admin->CreateTopics(topics, wait);
  }
  Status Connect(std::optional<std::string> transactional_id, const kafka::Wait& wait) {
    kafka::ProducerOptions options;
    options.cluster = cluster_;
    options.transactional_id = std::move(transactional_id);
    options.delivery_timeout = Duration::FromSeconds(120);
    transactional_ = options.transactional_id.has_value();
    ARROW_ASSIGN_OR_RAISE(producer_, kafka::Producer::Make(options));
    return transactional_ ? producer_->InitTransactions(wait) : Status::OK();
  }
  Result<std::unique_ptr<Relay>> NewRelay() const {
    RelayOptions options;
    options.clusters.push_back(cluster_);
    return Relay::Make(std::move(options));
  }

  /// One stride of every topic; a message says that it was sent when the stride was over.
  Status Publish(GpsTime time, const kafka::Wait& wait) {
    if (transactional_) ARROW_RETURN_NOT_OK(producer_->BeginTransaction());
    auto deliveries = std::make_shared<kafka::Deliveries>();
    for (size_t i = 0; i < site_.options().topics; ++i) {
      const auto message = site_.Message(i, time);
      const std::string_view value(reinterpret_cast<const char*>(message->data()),
                                   static_cast<size_t>(message->size()));
      ARROW_RETURN_NOT_OK(producer_->Send(
          {site_.TopicName(i), value, message, {}, time + stride()}, deliveries, wait));
    }
    sent_ = deliveries;
    return transactional_ ? producer_->CommitTransaction(wait) : Status::OK();
  }
  Status Flush(const kafka::Wait& wait) { return producer_->Flush(wait); }
  /// Publishes every stride when it is over, from the present one on, until stopped.
  Status PublishLive(const std::stop_token& stop) {
    GpsTime next = Clock::System().Now().Floor(stride());
    while (!stop.stop_requested()) {
      const Duration left = next + stride() - Clock::System().Now();
      if (left.ns() > 0) std::this_thread::sleep_for(ToChrono(left));
      ARROW_RETURN_NOT_OK(Publish(next, kafka::Wait::For(Duration::FromSeconds(120))));
      next = next + stride();
      published_until_ = next.ns();
    }
    return Status::OK();
  }
  GpsTime published_until() const { return GpsTime::FromNs(published_until_); }
  Duration stride() const { return site_.options().stride; }
  Site& site() { return site_; }

 private:
  const kafka::ClusterOptions cluster_;
  Site site_;
  std::unique_ptr<kafka::Producer> producer_;
  std::shared_ptr<kafka::Deliveries> sent_;
  bool transactional_ = false;
  std::atomic<int64_t> published_until_ = GpsTime::Min().ns();
};

/// A letter a stride: '.' every sample right, 'g' all missing, '/' some missing, 'x'
/// wrong.
inline std::string Letters(const SeriesBlock& block, Duration stride) {
  std::string out;
  for (GpsTime at = block.time(); at < block.end(); at = at + stride) {
    const SeriesBlock one = Value(block.Slice(at, std::min(stride, block.end() - at)));
    std::string all;
    for (size_t i = 0; i < one.size(); ++i) all += Site::Check(one, i);
    if (all.find('x') != std::string::npos) {
      out += 'x';
    } else if (all.find('g') == std::string::npos) {
      out += '.';
    } else {
      out += all.find('.') == std::string::npos ? 'g' : '/';
    }
  }
  return out;
}

}  // namespace carryall::relay::testing
