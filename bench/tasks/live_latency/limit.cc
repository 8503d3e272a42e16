#include "tasks/live_latency/limit.h"

#include <librdkafka/rdkafka.h>

#include <cstring>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "carryall/base/clock.h"

namespace carryall::bench {
namespace {

struct Deleter {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using HandlePtr = std::unique_ptr<rd_kafka_t, Deleter>;

Result<HandlePtr> Make(rd_kafka_type_t type,
                       const std::vector<std::pair<const char*, std::string>>& settings) {
  char why[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return Error(ErrorKind::kInvalidArgument, "{}", why);
    }
  }
  HandlePtr out(rd_kafka_new(type, conf, why, sizeof why));
  if (out != nullptr) return out;
  rd_kafka_conf_destroy(conf);
  return Error(ErrorKind::kInvalidArgument, "{}", why);
}

Status Failure(rd_kafka_resp_err_t code) {
  return Error(ErrorKind::kUnavailable, "{}", rd_kafka_err2str(code));
}

}  // namespace

Status ProduceBare(const std::string& brokers, GpsTime from, int64_t strides,
                   const std::vector<BareTopic>& topics) {
  ARROW_ASSIGN_OR_RAISE(const HandlePtr producer,
                        Make(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers},
                                                 {"enable.idempotence", "true"},
                                                 {"linger.ms", "0"},
                                                 {"message.max.bytes", "10000000"}}));
  std::vector<std::vector<char>> messages;
  for (const BareTopic& topic : topics) messages.emplace_back(topic.bytes);
  const GpsTime end = from + kStride * strides;
  for (GpsTime time = from; time < end; time = time + kStride) {
    const Duration left = time + kStride - Clock::System().Now();
    if (left.ns() > 0) std::this_thread::sleep_for(ToChrono(left));
    const int64_t ns = time.ns();
    for (size_t i = 0; i < topics.size(); ++i) {
      std::memcpy(messages[i].data(), &ns, sizeof ns);
      const auto sent = rd_kafka_producev(
          producer.get(), RD_KAFKA_V_TOPIC(topics[i].name.c_str()),
          RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_VALUE(messages[i].data(), messages[i].size()), RD_KAFKA_V_END);
      if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return Failure(sent);
    }
    rd_kafka_poll(producer.get(), 0);
  }
  const auto flushed = rd_kafka_flush(producer.get(), 10'000);
  return flushed == RD_KAFKA_RESP_ERR_NO_ERROR ? Status::OK() : Failure(flushed);
}

Status ConsumeBare(const std::string& brokers, const std::vector<std::string>& topics) {
  ARROW_ASSIGN_OR_RAISE(const HandlePtr consumer,
                        Make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                 {"group.id", "bench"},
                                                 {"enable.auto.commit", "false"}}));
  rd_kafka_poll_set_consumer(consumer.get());
  const std::unique_ptr<rd_kafka_topic_partition_list_t, Deleter> all(
      rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), 0)->offset =
        RD_KAFKA_OFFSET_END;
  }
  const auto assigned = rd_kafka_assign(consumer.get(), all.get());
  if (assigned != RD_KAFKA_RESP_ERR_NO_ERROR) return Failure(assigned);
  std::map<int64_t, size_t> messages;  // by time
  bool answered = false;
  while (true) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer.get(), 1000);
    if (message == nullptr) continue;
    const GpsTime now = Clock::System().Now();
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      int64_t time = 0;
      std::memcpy(&time, message->payload, sizeof time);
      if (++messages[time] == topics.size()) {
        if (!std::exchange(answered, true)) PrintAnswer("-");
        PrintBlock(GpsTime::FromNs(time), now, true);
      }
    }
    rd_kafka_message_destroy(message);
  }
}

}  // namespace carryall::bench
