#pragma once

#include <librdkafka/rdkafka.h>

#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::kafka {

/// Where something went wrong. What is not known stays empty.
struct Place {
  std::string_view brokers;
  std::string_view topic = {};
  int32_t partition = -1;
};

/// The kind of one of librdkafka's own or of Kafka's error codes.
ErrorKind KindOfCode(rd_kafka_resp_err_t code);

/// Whether the code says that another producer has taken over the transactional id.
bool IsFencedCode(rd_kafka_resp_err_t code);

/// "<doing>: <what Kafka says> (<detail>; topic T [P] at <brokers>)".
Status KafkaError(rd_kafka_resp_err_t code, std::string_view doing, const Place& place,
                  std::string_view detail = {});

/// The same of an error object, which it takes. OK of none.
Status TakeError(rd_kafka_error_t* error, std::string_view doing, const Place& place);

}  // namespace carryall::kafka
