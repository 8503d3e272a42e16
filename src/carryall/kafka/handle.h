#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "carryall/kafka/errors.h"
#include "carryall/kafka/wait.h"

namespace carryall::kafka {

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using TopicPtr = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using QueuePtr = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using EventPtr = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using PartitionsPtr = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                      Destroy<rd_kafka_topic_partition_list_destroy>>;

/// librdkafka properties by name; of repeated ones the last counts.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// Which brokers to talk to, and how.
struct ClusterOptions {
  /// "host:port[,host:port...]"; each may be written kafka://host:port.
  std::string brokers;
  std::string client_id = "carryall";
  /// As a server told us to (protocol 3.3): these win over what Carryall sets itself, but
  /// those that load or run programs are refused.
  Properties from_server = {};
  /// Set last.
  Properties properties = {};
};

/// The brokers as librdkafka wants them: without kafka:// and blanks, in the order given.
/// kInvalidArgument naming the text if one of them is none.
Result<std::string> PlainBrokers(const std::string& text);

/// kPermissionDenied naming the property if one of them would make librdkafka load or run
/// a program.
Status CheckFromServer(const Properties& properties);

/// A configuration in the making.
class Config {
 public:
  Config() : conf_(rd_kafka_conf_new()) {}

  /// kInvalidArgument naming the property and what librdkafka says about it.
  Status Set(const std::string& name, const std::string& value);
  Status Set(const std::string& name, int64_t value) {
    return Set(name, std::to_string(value));
  }
  Status Set(const Properties& properties);
  /// Leaves out a property that this version of librdkafka does not have.
  Status SetIfKnown(const std::string& name, const std::string& value);

  rd_kafka_conf_t* get() const { return conf_.get(); }
  rd_kafka_conf_t* release() { return conf_.release(); }

 private:
  std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>> conf_;
};

/// One librdkafka client: its threads, connections and queues. Thread safe. Everything
/// that librdkafka hands out of it (topics, queues, messages) must be gone before it is,
/// so whoever keeps such a thing keeps the Handle too. The last owner waits for its
/// threads to end (milliseconds) and must not be one of them.
class Handle {
 public:
  /// Receives events on a thread of librdkafka's own.
  using EventSink = std::function<void(rd_kafka_event_t*)>;

  /// Connects in the background. `config` has what the kind of client needs; brokers,
  /// client id, what makes recovery quick, and `cluster.properties` are added. With a
  /// `sink`, delivery reports go to it. kInvalidArgument naming the property or text.
  static Result<std::shared_ptr<Handle>> Make(rd_kafka_type_t type, Config config,
                                              const ClusterOptions& cluster,
                                              EventSink sink = {});
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  rd_kafka_t* get() const { return rk_; }
  const std::string& brokers() const { return brokers_; }
  Place At(std::string_view topic = {}, int32_t partition = -1) const {
    return {brokers_, topic, partition};
  }

  /// A queue for answers.
  QueuePtr NewQueue() const { return QueuePtr(rd_kafka_queue_new(rk_)); }

  /// Lets librdkafka say what it found out about brokers. Only for handles without sink.
  void ServeErrors() { rd_kafka_poll(rk_, 0); }

  /// What became of a wait that was in vain: kUnavailable with the reason if since the
  /// last good news no broker could be reached (or one refused us), kTimeout otherwise.
  Status TimedOut(std::string_view doing, Duration waited) const;
  /// A broker has answered: what was wrong with it before is over.
  void NoteAnswer() {
    if (troubled_.load(std::memory_order_relaxed)) ForgetErrors();
  }
  /// False between the report that no broker can be reached and the next answer.
  bool reachable() const { return !unreachable_.load(std::memory_order_relaxed); }
  /// Reports of failed brokers, connections and credentials.
  int64_t broker_errors() const { return broker_errors_.load(std::memory_order_relaxed); }

 private:
  Handle(std::string brokers, EventSink sink)
      : brokers_(std::move(brokers)), sink_(std::move(sink)) {}
  static void OnError(rd_kafka_t* rk, int code, const char* reason, void* opaque);
  static void OnLog(const rd_kafka_t* rk, int level, const char* facility,
                    const char* text);
  static void OnEvent(rd_kafka_t* rk, rd_kafka_event_t* event, void* opaque);
  void NoteError(rd_kafka_resp_err_t code, const char* reason);
  void ForgetErrors();

  const std::string brokers_;
  const EventSink sink_;
  rd_kafka_t* rk_ = nullptr;
  std::atomic<bool> troubled_ = false;  ///< something was reported since the last answer
  std::atomic<bool> unreachable_ = false;
  std::atomic<int64_t> broker_errors_ = 0;
  mutable std::mutex mutex_;
  rd_kafka_resp_err_t last_code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string last_reason_;
};

/// The next event of a queue, of whatever type.
Result<EventPtr> NextEvent(Handle* handle, rd_kafka_queue_t* queue,
                           std::string_view doing, const Wait& wait);

/// Runs `call(timeout in ms)`, which can only wait and not be interrupted, on a thread of
/// its own. An interrupted call is left to end by its deadline, so `call` must own all it
/// uses; it keeps `handle` alive.
template <typename T>
Result<T> CallApart(std::shared_ptr<Handle> handle, const Wait& wait,
                    std::function<Result<T>(int)> call) {
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<T>> answer;
  };
  auto state = std::make_shared<State>();
  const int timeout_ms = wait.Milliseconds(std::numeric_limits<int>::max());
  std::thread([state, handle, call = std::move(call), timeout_ms]() mutable {
    Result<T> answer = call(timeout_ms);
    call = nullptr;
    handle.reset();
    const std::lock_guard lock(state->mutex);
    state->answer = std::move(answer);
    state->changed.notify_all();
  }).detach();
  std::unique_lock lock(state->mutex);
  for (;;) {
    // The call itself ends at the deadline.
    if (state->changed.wait_for(lock, std::chrono::milliseconds(100),
                                [&] { return state->answer.has_value(); })) {
      return std::move(*state->answer);
    }
    lock.unlock();
    ARROW_RETURN_NOT_OK(wait.Check());
    lock.lock();
  }
}

}  // namespace carryall::kafka
