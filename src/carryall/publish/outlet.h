#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "carryall/codec/row_message_writer.h"
#include "carryall/kafka/producer.h"
#include "carryall/publish/registration.h"

namespace carryall::publish {

/// The messages of one partition: how they are laid out, and memory for them that is used
/// again once a message is settled. One thread.
class Outlet {
 public:
  /// A message in memory of its own.
  class Message {
   public:
    /// Whether it is known what became of it.
    bool decided() const { return deliveries_->outstanding() == 0; }
    /// Waits for that; naming the partition if it was not delivered.
    Status Await(const kafka::Wait& wait) const { return deliveries_->Finish(wait); }
    /// Bytes of the message as it was written.
    int64_t size() const { return size_; }

   private:
    friend class Outlet;
    std::shared_ptr<uint8_t[]> memory_;
    int64_t capacity_ = 0;
    int64_t size_ = 0;
    std::shared_ptr<kafka::Deliveries> deliveries_;
    bool taken_ = false;
  };

  Outlet(std::shared_ptr<const Registration> registration, size_t partition);

  const Partition& partition() const { return partition_; }
  /// "partition X (channels A +79 more)".
  std::string Name() const;

  /// Lays out messages of these rows: for each a position in the registration and one in
  /// blocks. None: blocks have nothing for this partition.
  Status SetRows(std::vector<std::pair<size_t, size_t>> rows);
  bool used() const { return writer_.has_value(); }
  int64_t message_bytes(bool gaps) const { return writer_ ? writer_->size(gaps) : 0; }

  /// Writes the part of a block for this partition.
  Message* Write(const SeriesBlock& block);
  Status Send(Message* message, kafka::Producer* producer, const kafka::Wait& room);
  /// The message's memory may be used for another one, once librdkafka has let go of it.
  static void Release(Message* message) { message->taken_ = false; }

 private:
  Message* FreeMessage();

  const std::shared_ptr<const Registration> registration_;
  const Partition& partition_;
  kafka::Record record_;
  std::optional<codec::RowMessageWriter> writer_;
  std::vector<size_t> rows_;  ///< positions in blocks
  std::vector<SampleView> views_;
  std::vector<std::unique_ptr<Message>> messages_;
};

}  // namespace carryall::publish
