#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "carryall/kafka/handle.h"

namespace carryall::kafka {

/// librdkafka's own brokers inside the test program: they take, give and keep messages
/// and fail when told to. What they cannot do is tested against a real broker: creating
/// topics by request, and offsets by time.
class MockCluster {
 public:
  enum Request : int16_t { kProduce = 0, kFetch = 1, kListOffsets = 2, kMetadata = 3 };

  explicit MockCluster(int brokers = 1)
      : client_(rd_kafka_new(RD_KAFKA_PRODUCER, QuietConfig().release(), nullptr, 0)),
        cluster_(rd_kafka_mock_cluster_new(client_.get(), brokers)) {}

  ClusterOptions options() const {
    return {rd_kafka_mock_cluster_bootstraps(cluster_.get()), "test", {}, {}};
  }
  void CreateTopic(const std::string& name) {
    rd_kafka_mock_topic_create(cluster_.get(), name.c_str(), 1, 1);
  }
  /// Every answer about the topic carries this from now on.
  void SetTopicError(const std::string& name, rd_kafka_resp_err_t code) {
    rd_kafka_mock_topic_set_error(cluster_.get(), name.c_str(), code);
  }
  /// The next requests of the kind fail, one with each code.
  void FailNext(Request request, std::initializer_list<rd_kafka_resp_err_t> codes) {
    rd_kafka_mock_push_request_errors_array(cluster_.get(), request, codes.size(),
                                            codes.begin());
  }
  void Down(int broker = 1) { rd_kafka_mock_broker_set_down(cluster_.get(), broker); }
  void Up(int broker = 1) { rd_kafka_mock_broker_set_up(cluster_.get(), broker); }

 private:
  static Config QuietConfig() {
    Config config;
    rd_kafka_conf_set_log_cb(config.get(), nullptr);
    return config;
  }

  std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>> client_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroy<rd_kafka_mock_cluster_destroy>>
      cluster_;
};

inline Wait Soon(int seconds = 60) { return Wait::For(Duration::FromSeconds(seconds)); }

}  // namespace carryall::kafka
