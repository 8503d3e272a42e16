// The same site on a real broker.
#include <chrono>
#include <thread>

#include "carryall/kafka/admin.h"
#include "carryall/kafka/producer.h"
#include "tasks/relay/site.h"

namespace carryall::bench {
namespace {

int64_t VariantOf(GpsTime time) { return time.ns() / kStride.ns() % kVariants; }

std::string TopicOf(int64_t partition) { return fmt::format("arrakis-{}", partition); }

}  // namespace

Status CreateTopics(const Site& site, const std::string& brokers) {
  ARROW_ASSIGN_OR_RAISE(const auto admin, kafka::Admin::Make({brokers, "bench", {}, {}}));
  std::vector<kafka::TopicSpec> topics;
  for (int64_t i = 0; i < site.partitions; ++i) topics.push_back({TopicOf(i)});
  return admin->CreateTopics(topics, kafka::Wait::For(Duration::FromSeconds(120)));
}

Status Produce(const Site& site, const std::string& brokers, int strides) {
  struct Topic {
    std::string name;
    std::vector<std::vector<uint8_t>> messages;
    size_t time_at;
  };
  std::vector<Topic> topics;
  for (const int64_t partition : site.PartitionsWanted(1)) {
    Topic& topic = topics.emplace_back(Topic{TopicOf(partition), {}, 0});
    for (int variant = 0; variant < kVariants; ++variant) {
      ARROW_ASSIGN_OR_RAISE(auto bytes, site.Message(partition, variant));
      topic.messages.push_back(std::move(bytes));
    }
    topic.time_at = TimePlace(topic.messages[0]);
  }
  kafka::ProducerOptions options;
  options.cluster.brokers = brokers;
  ARROW_ASSIGN_OR_RAISE(const auto producer, kafka::Producer::Make(options));
  const auto deliveries = std::make_shared<kafka::Deliveries>();
  const auto wait = [] { return kafka::Wait::For(Duration::FromSeconds(30)); };
  GpsTime time = Clock::System().Now().Floor(kStride);
  for (int i = 0; i < strides; ++i, time = time + kStride) {
    const Duration left = time + kStride - Clock::System().Now();
    if (left.ns() > 0) std::this_thread::sleep_for(ToChrono(left));
    for (Topic& topic : topics) {
      auto& message = topic.messages[static_cast<size_t>(VariantOf(time))];
      SetTime(&message, topic.time_at, time);
      const std::string_view value(reinterpret_cast<const char*>(message.data()),
                                   message.size());
      ARROW_RETURN_NOT_OK(producer->Send({topic.name, value}, deliveries, wait()));
    }
  }
  return deliveries->Finish(wait());
}

Result<double> ReadLive(const Site& site, const std::string& brokers, int strides,
                        std::string* answer) {
  relay::RelayOptions options;
  options.clusters.push_back({brokers, "bench", {}, {}});
  ARROW_ASSIGN_OR_RAISE(const auto relay, relay::Relay::Make(options));
  backend::StreamRequest request;
  ARROW_ASSIGN_OR_RAISE(request.channels, site.Wanted(0));
  // What is measured is what a stride takes, not whether brokers and producer keep up.
  request.latency = Duration::FromSeconds(5);
  ARROW_ASSIGN_OR_RAISE(const auto encoder,
                        MakeEncoder(request.channels, codec::Form::kColumn));
  ARROW_ASSIGN_OR_RAISE(const auto source, relay->Stream(std::move(request)));
  const auto is_whole = [](const SeriesBlock& block) {
    for (size_t i = 0; i < block.size(); ++i) {
      if (block.view(i).all_missing()) return false;
    }
    return true;
  };
  const int64_t a_stride = static_cast<int64_t>(site.PartitionsWanted(1).size());
  const auto read = [&] { return relay->counters().messages / a_stride; };
  // Until all topics are being read; for an answer until one is whole.
  answer->clear();
  while (read() < 2 * kVariants || (strides == 0 && answer->empty())) {
    ARROW_ASSIGN_OR_RAISE(const SeriesBlock block, NextBlock(source.get()));
    ARROW_ASSIGN_OR_RAISE(const auto payload, encoder->Encode(block));
    if (is_whole(block) && VariantOf(block.time()) == 1) {
      ARROW_ASSIGN_OR_RAISE(*answer, AnswerOf(*encoder, payload));
    }
  }
  // What is received ahead counts when it is, not when its block is taken.
  const double before = CpuSeconds();
  const int64_t read_before = read();
  while (read() < read_before + strides) {
    ARROW_ASSIGN_OR_RAISE(const SeriesBlock block, NextBlock(source.get()));
    ARROW_RETURN_NOT_OK(encoder->Encode(block).status());
  }
  const double took = (CpuSeconds() - before) * 1e6;
  return strides == 0 ? 0 : took / static_cast<double>(read() - read_before);
}

}  // namespace carryall::bench
