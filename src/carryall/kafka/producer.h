#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "carryall/base/time.h"
#include "carryall/kafka/deliveries.h"
#include "carryall/kafka/handle.h"

namespace carryall::kafka {

struct ProducerOptions {
  ClusterOptions cluster;
  /// Makes sends transactional. The same id in another process fences this one.
  std::optional<std::string> transactional_id = {};
  /// A transaction that is open longer is aborted by the brokers.
  Duration transaction_timeout = Duration::FromSeconds(10);
  /// A message that could not be delivered so long after it was sent has failed.
  Duration delivery_timeout = Duration::FromSeconds(30);
  int64_t max_message_bytes = 10'000'000;
  int64_t max_queued_bytes = 256 << 20;
  int max_queued_messages = 100'000;
};

/// One message to be written to partition 0 of a topic.
struct Record {
  std::string topic;
  /// Nothing: a record without value, which deletes its key from a compacted topic.
  std::optional<std::string_view> value;
  /// Keeps `value` alive until it is delivered or has failed; it is not copied then.
  /// Released on a thread of librdkafka's, so its end must not wait for the Producer, nor
  /// be what keeps it. Nothing: the value is copied.
  std::shared_ptr<const void> owner = {};
  std::optional<std::string_view> key = {};  ///< copied
  std::optional<GpsTime> timestamp = {};     ///< to the millisecond; nothing: now
};

/// Writes messages in order, each exactly once as long as the producer lives: idempotent,
/// acknowledged by all replicas. Sends from any thread; transactions are one thread's
/// business. Ending it fails what is not delivered yet, so finish deliveries before.
class Producer {
 public:
  static Result<std::unique_ptr<Producer>> Make(const ProducerOptions& options);
  ~Producer();

  /// Queues a message; what becomes of it is reported to `deliveries`. Waits for room in
  /// the queue, kResourceExhausted if there is none by the deadline. kInvalidArgument,
  /// kResourceExhausted (size) or kNotFound (topic) at once where librdkafka knows.
  Status Send(const Record& record, const std::shared_ptr<Deliveries>& deliveries,
              const Wait& room);

  /// Returns once everything sent before is delivered or has failed.
  Status Flush(const Wait& wait);

  /// Transactional only: first, once. Ends what an earlier producer of the same id left
  /// open, and fences it.
  Status InitTransactions(const Wait& wait);
  Status BeginTransaction();
  /// Returns once every message since Begin is visible to readers. kTimeout: nothing is
  /// decided, call it again. Any other failure: AbortTransaction, unless fenced().
  Status CommitTransaction(const Wait& wait);
  /// Readers will see none of the messages since Begin. kTimeout: call it again.
  Status AbortTransaction(const Wait& wait);

  /// Whether another producer with the same transactional id has taken over: everything
  /// fails with kPermissionDenied then, for good.
  bool fenced() const;

  /// Messages queued or on their way.
  int64_t queued_messages() const;
  int64_t queued_bytes() const;
  const std::string& brokers() const { return handle_->brokers(); }

 private:
  struct State;
  struct InFlight;
  Producer(ProducerOptions options, std::shared_ptr<State> state,
           std::shared_ptr<Handle> handle);
  static void OnReports(State* state, const std::string& brokers,
                        rd_kafka_event_t* event);
  /// A step of a transaction that may be called again where it timed out.
  Status Transact(std::string_view doing, rd_kafka_error_t* (*step)(rd_kafka_t*, int),
                  const Wait& wait);
  rd_kafka_resp_err_t Produce(const Record& record, InFlight* in_flight);
  Status Failure(rd_kafka_resp_err_t code, std::string_view doing,
                 std::string_view topic) const;

  const ProducerOptions options_;
  const std::shared_ptr<State> state_;
  const std::shared_ptr<Handle> handle_;
};

}  // namespace carryall::kafka
