#include "carryall/kafka/producer.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "carryall/base/log.h"
#include "carryall/kafka/timestamps.h"

namespace carryall::kafka {

/// What reports and senders share.
struct Producer::State {
  std::string brokers;
  std::mutex mutex;
  std::condition_variable reported;
  int64_t messages = 0;
  int64_t bytes = 0;
  uint64_t reports = 0;
  bool fenced = false;
};

/// What travels with a message through librdkafka.
struct Producer::InFlight {
  std::shared_ptr<const void> owner;
  std::shared_ptr<Deliveries> deliveries;
  int64_t bytes = 0;
};

Producer::Producer(ProducerOptions options, std::shared_ptr<State> state,
                   std::shared_ptr<Handle> handle)
    : options_(std::move(options)),
      state_(std::move(state)),
      handle_(std::move(handle)) {}

Result<std::unique_ptr<Producer>> Producer::Make(const ProducerOptions& options) {
  Config config;
  ARROW_RETURN_NOT_OK(config.Set("enable.idempotence", "true"));
  ARROW_RETURN_NOT_OK(config.Set("message.max.bytes", options.max_message_bytes));
  ARROW_RETURN_NOT_OK(
      config.Set("queue.buffering.max.messages", options.max_queued_messages));
  ARROW_RETURN_NOT_OK(config.Set("queue.buffering.max.kbytes",
                                 std::max<int64_t>(1, options.max_queued_bytes >> 10)));
  // A block is complete when it is sent: there is nothing to wait for.
  ARROW_RETURN_NOT_OK(config.Set("linger.ms", "0"));
  int64_t timeout = std::max<int64_t>(1, options.delivery_timeout.ns() / 1'000'000);
  if (options.transactional_id) {
    const int64_t transaction = options.transaction_timeout.ns() / 1'000'000;
    timeout = std::min(timeout, transaction);
    ARROW_RETURN_NOT_OK(config.Set("transactional.id", *options.transactional_id));
    ARROW_RETURN_NOT_OK(config.Set("transaction.timeout.ms", transaction));
  }
  ARROW_RETURN_NOT_OK(config.Set("message.timeout.ms", timeout));
  // How soon a message to a topic that is not there fails.
  ARROW_RETURN_NOT_OK(config.Set("topic.metadata.propagation.max.ms", "5000"));
  ARROW_RETURN_NOT_OK(config.Set("retry.backoff.ms", "50"));

  auto state = std::make_shared<State>();
  ARROW_ASSIGN_OR_RAISE(state->brokers, PlainBrokers(options.cluster.brokers));
  ARROW_ASSIGN_OR_RAISE(
      auto handle, Handle::Make(RD_KAFKA_PRODUCER, std::move(config), options.cluster,
                                [state](rd_kafka_event_t* event) {
                                  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
                                    OnReports(state.get(), state->brokers, event);
                                  }
                                }));
  return std::unique_ptr<Producer>(
      new Producer(options, std::move(state), std::move(handle)));
}

Producer::~Producer() {
  // Every message has to be reported, or what it carries would never be released.
  rd_kafka_purge(handle_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  std::unique_lock lock(state_->mutex);
  const bool all = state_->reported.wait_for(lock, std::chrono::seconds(10),
                                             [this] { return state_->messages == 0; });
  if (!all) {
    Log(LogLevel::kError, "kafka: {} messages to {} were never reported",
        state_->messages, state_->brokers);
  }
}

void Producer::OnReports(State* state, const std::string& brokers,
                         rd_kafka_event_t* event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    const std::unique_ptr<InFlight> done(static_cast<InFlight*>(message->_private));
    // Who learns of the delivery may count on all of this.
    done->owner.reset();
    {
      const std::lock_guard lock(state->mutex);
      --state->messages;
      state->bytes -= done->bytes;
      state->fenced = state->fenced || IsFencedCode(message->err);
    }
    if (done->deliveries == nullptr) continue;
    done->deliveries->Report(message->err == RD_KAFKA_RESP_ERR_NO_ERROR
                                 ? Status::OK()
                                 : KafkaError(message->err, "a message was not delivered",
                                              {brokers, rd_kafka_topic_name(message->rkt),
                                               message->partition}));
  }
  const std::lock_guard lock(state->mutex);
  ++state->reports;
  state->reported.notify_all();
}

rd_kafka_resp_err_t Producer::Produce(const Record& record, InFlight* in_flight) {
  // librdkafka takes the absence of a value and of a key for null pointers.
  const std::string_view value = record.value.value_or(std::string_view());
  void* bytes = record.value ? const_cast<char*>(value.data()) : nullptr;
  if (record.value && bytes == nullptr) bytes = const_cast<char*>("");
  const std::string_view key = record.key.value_or(std::string_view());
  const void* key_bytes = nullptr;
  if (record.key) key_bytes = key.data() == nullptr ? "" : key.data();
  const int64_t timestamp = record.timestamp ? UnixMsNotAfter(*record.timestamp) : 0;
  const bool copy = record.owner == nullptr && record.value.has_value();
  return rd_kafka_producev(handle_->get(), RD_KAFKA_V_TOPIC(record.topic.c_str()),
                           RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(bytes, value.size()),
                           RD_KAFKA_V_KEY(key_bytes, key.size()),
                           RD_KAFKA_V_TIMESTAMP(timestamp),
                           RD_KAFKA_V_MSGFLAGS(copy ? RD_KAFKA_MSG_F_COPY : 0),
                           RD_KAFKA_V_OPAQUE(in_flight), RD_KAFKA_V_END);
}

Status Producer::Send(const Record& record, const std::shared_ptr<Deliveries>& deliveries,
                      const Wait& room) {
  auto in_flight = std::make_unique<InFlight>();
  in_flight->owner = record.owner;
  in_flight->deliveries = deliveries;
  in_flight->bytes = record.value ? static_cast<int64_t>(record.value->size()) : 0;
  const int64_t bytes = in_flight->bytes;
  if (deliveries != nullptr) deliveries->Add();
  std::unique_lock lock(state_->mutex);
  Status status;
  for (;;) {
    const uint64_t reports = state_->reports;
    // Counted before it can be reported.
    ++state_->messages;
    state_->bytes += bytes;
    lock.unlock();
    const rd_kafka_resp_err_t code = Produce(record, in_flight.get());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      in_flight.release();
      return Status::OK();
    }
    status = Failure(code, "sending a message", record.topic);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      if (Status interrupt = room.Check(); !interrupt.ok()) status = interrupt;
    }
    lock.lock();
    --state_->messages;
    state_->bytes -= bytes;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || room.Over() ||
        KindOf(status) != ErrorKind::kResourceExhausted) {
      break;
    }
    state_->reported.wait_for(lock, std::chrono::milliseconds(room.SliceMs()),
                              [&] { return state_->reports != reports; });
  }
  state_->reported.notify_all();
  lock.unlock();
  if (deliveries != nullptr) deliveries->Remove();
  return status;
}

Status Producer::Failure(rd_kafka_resp_err_t code, std::string_view doing,
                         std::string_view topic) const {
  char reason[512] = "";
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    code = rd_kafka_fatal_error(handle_->get(), reason, sizeof(reason));
  } else if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    return Error(ErrorKind::kResourceExhausted,
                 "{}: the queue holds {} messages, {} bytes already (topic {} at {})",
                 doing, queued_messages(), queued_bytes(), topic, brokers());
  }
  return KafkaError(code, doing, handle_->At(topic), reason);
}

Status Producer::Flush(const Wait& wait) {
  std::unique_lock lock(state_->mutex);
  while (state_->messages > 0) {
    if (wait.Over()) {
      return Error(ErrorKind::kTimeout,
                   "{} messages not confirmed by the deadline: they may yet be delivered "
                   "({})",
                   state_->messages, state_->brokers);
    }
    lock.unlock();
    const Status status = wait.Check();
    lock.lock();
    ARROW_RETURN_NOT_OK(status);
    state_->reported.wait_for(lock, std::chrono::milliseconds(wait.SliceMs()),
                              [this] { return state_->messages == 0; });
  }
  return Status::OK();
}

Status Producer::Transact(std::string_view doing,
                          rd_kafka_error_t* (*step)(rd_kafka_t*, int), const Wait& wait) {
  if (!options_.transactional_id) {
    return Error(ErrorKind::kInvalidArgument,
                 "{}: this producer has no transactional id ({})", doing, brokers());
  }
  const SteadyTime began = SteadyNow();
  for (;;) {
    rd_kafka_error_t* error = step(handle_->get(), std::max(1, wait.SliceMs()));
    if (error == nullptr) {
      handle_->NoteAnswer();
      return Status::OK();
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const bool again = rd_kafka_error_is_retriable(error) != 0;
    if (IsFencedCode(code) ||
        (code == RD_KAFKA_RESP_ERR__FATAL &&
         IsFencedCode(rd_kafka_fatal_error(handle_->get(), nullptr, 0)))) {
      const std::lock_guard lock(state_->mutex);
      state_->fenced = true;
    }
    Status status = TakeError(
        error, fmt::format("{} of {}", doing, *options_.transactional_id), handle_->At());
    if (fenced() && KindOf(status) != ErrorKind::kPermissionDenied) {
      status = MakeError(ErrorKind::kPermissionDenied, status.message());
    }
    if (!again) return status;
    ARROW_RETURN_NOT_OK(wait.Check());
    if (wait.Over()) {
      if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) return status;
      return Error(ErrorKind::kTimeout, "{} of {}: not done within {} ({})", doing,
                   *options_.transactional_id,
                   ToString(Duration::FromNs((SteadyNow() - began).count())), brokers());
    }
    // What is worth another try may be refused at once.
    std::this_thread::sleep_for(std::chrono::milliseconds(wait.Milliseconds(10)));
  }
}

Status Producer::InitTransactions(const Wait& wait) {
  return Transact("preparing transactions", &rd_kafka_init_transactions, wait);
}

Status Producer::BeginTransaction() {
  rd_kafka_error_t* error = rd_kafka_begin_transaction(handle_->get());
  if (error != nullptr && IsFencedCode(rd_kafka_error_code(error))) {
    const std::lock_guard lock(state_->mutex);
    state_->fenced = true;
  }
  return TakeError(error, "beginning a transaction", handle_->At());
}

Status Producer::CommitTransaction(const Wait& wait) {
  return Transact("committing a transaction", &rd_kafka_commit_transaction, wait);
}

Status Producer::AbortTransaction(const Wait& wait) {
  return Transact("aborting a transaction", &rd_kafka_abort_transaction, wait);
}

bool Producer::fenced() const {
  const std::lock_guard lock(state_->mutex);
  return state_->fenced;
}

int64_t Producer::queued_messages() const {
  const std::lock_guard lock(state_->mutex);
  return state_->messages;
}

int64_t Producer::queued_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes;
}

}  // namespace carryall::kafka
