#pragma once

#include <arrow/buffer.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "carryall/base/time.h"
#include "carryall/kafka/handle.h"

namespace carryall::kafka {

/// A message as it lies in the memory it was received into. It keeps that memory, which
/// holds the other messages of the same response too (up to
/// ConsumerOptions::max_fetch_bytes), and outlives its Consumer: keep the samples of one
/// of many, not the message. May be released on any thread.
class Message {
 public:
  Message() = default;
  Message(Message&& other) noexcept
      : raw_(std::exchange(other.raw_, nullptr)),
        handle_(std::move(other.handle_)),
        tag_(other.tag_) {}
  Message& operator=(Message&& other) noexcept {
    std::swap(raw_, other.raw_);
    std::swap(handle_, other.handle_);
    std::swap(tag_, other.tag_);
    return *this;
  }
  ~Message() {
    if (raw_ != nullptr) rd_kafka_message_destroy(raw_);
  }

  /// What the topic was assigned with.
  uint64_t tag() const { return tag_; }
  std::string_view topic() const { return rd_kafka_topic_name(raw_->rkt); }
  int64_t offset() const { return raw_->offset; }
  /// When it was produced, by its producer's clock; nothing if it says no time.
  std::optional<GpsTime> timestamp() const;

  const uint8_t* data() const { return static_cast<const uint8_t*>(raw_->payload); }
  int64_t size() const { return static_cast<int64_t>(raw_->len); }
  /// False: it has no value, which in a compacted topic deletes the key.
  bool has_value() const { return raw_->payload != nullptr; }
  std::string_view value() const {
    return {static_cast<const char*>(raw_->payload), raw_->len};
  }
  std::optional<std::string_view> key() const;

  /// The value as a buffer that owns the message.
  static std::shared_ptr<arrow::Buffer> IntoBuffer(Message message);

 private:
  friend class Consumer;
  Message(rd_kafka_message_t* raw, std::shared_ptr<Handle> handle, uint64_t tag)
      : raw_(raw), handle_(std::move(handle)), tag_(tag) {}

  rd_kafka_message_t* raw_ = nullptr;
  std::shared_ptr<Handle> handle_;  ///< released after the message
  uint64_t tag_ = 0;
};

}  // namespace carryall::kafka
