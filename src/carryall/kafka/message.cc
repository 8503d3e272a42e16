#include "carryall/kafka/message.h"

#include "carryall/kafka/timestamps.h"

namespace carryall::kafka {
namespace {

class MessageBuffer final : public arrow::Buffer {
 public:
  explicit MessageBuffer(Message message)
      : arrow::Buffer(message.data(), message.size()), message_(std::move(message)) {}

 private:
  const Message message_;
};

}  // namespace

std::optional<GpsTime> Message::timestamp() const {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t ms = rd_kafka_message_timestamp(raw_, &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0) return std::nullopt;
  return GpsFromUnixMs(ms);
}

std::optional<std::string_view> Message::key() const {
  if (raw_->key == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(raw_->key), raw_->key_len);
}

std::shared_ptr<arrow::Buffer> Message::IntoBuffer(Message message) {
  return std::make_shared<MessageBuffer>(std::move(message));
}

}  // namespace carryall::kafka
