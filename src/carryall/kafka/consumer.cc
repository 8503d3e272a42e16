#include "carryall/kafka/consumer.h"

#include <algorithm>
#include <set>

#include "carryall/kafka/timestamps.h"
#include "carryall/kafka/topic_name.h"

namespace carryall::kafka {
namespace {

constexpr int32_t kPartition = 0;

Status CheckAssignments(const std::vector<Assignment>& assignments) {
  std::set<std::string_view> names;
  for (const Assignment& each : assignments) {
    if (!IsTopicName(each.topic)) {
      return Error(ErrorKind::kInvalidArgument, "'{}' is not the name of a topic",
                   each.topic);
    }
    if (!names.insert(each.topic).second) {
      return Error(ErrorKind::kInvalidArgument, "topic {} is assigned twice", each.topic);
    }
    if (each.from.kind() == Position::Kind::kOffset && each.from.offset() < 0) {
      return Error(ErrorKind::kInvalidArgument, "topic {} has no offset {}", each.topic,
                   each.from.offset());
    }
  }
  return Status::OK();
}

void Count(std::atomic<int64_t>* counter, int64_t by = 1) {
  counter->fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

struct Consumer::Topic {
  std::string name;
  uint64_t tag = 0;
  TopicPtr handle;
  int64_t next = 0;
  bool paused = false;
  /// Until a message is as new, older ones are left out.
  int64_t not_before_ms = 0;
};

Consumer::Consumer(ConsumerOptions options, std::shared_ptr<Handle> handle)
    : options_(std::move(options)),
      handle_(std::move(handle)),
      queue_(handle_->NewQueue()) {}

Result<std::unique_ptr<Consumer>> Consumer::Make(const ConsumerOptions& options) {
  Config config;
  const auto set = [&](const char* name, int64_t value) {
    return config.Set(name, value);
  };
  ARROW_RETURN_NOT_OK(config.Set("enable.auto.commit", "false"));
  ARROW_RETURN_NOT_OK(config.Set("enable.auto.offset.store", "false"));
  ARROW_RETURN_NOT_OK(config.Set("auto.offset.reset", "error"));
  ARROW_RETURN_NOT_OK(
      config.Set("enable.partition.eof", options.report_ends ? "true" : "false"));
  // A topic that is added has to wait for the answer of the request under way; that one
  // ends is known when a request for more was answered with nothing.
  if (options.gather > Duration()) {
    ARROW_RETURN_NOT_OK(set("fetch.wait.max.ms", options.gather.ns() / 1'000'000));
    ARROW_RETURN_NOT_OK(set("fetch.min.bytes", options.max_fetch_bytes));
  } else {
    ARROW_RETURN_NOT_OK(set("fetch.wait.max.ms", options.report_ends ? 50 : 100));
  }
  ARROW_RETURN_NOT_OK(config.Set("isolation.level", "read_committed"));
  ARROW_RETURN_NOT_OK(config.Set("check.crcs", "true"));
  ARROW_RETURN_NOT_OK(set("fetch.max.bytes", options.max_fetch_bytes));
  ARROW_RETURN_NOT_OK(set("fetch.message.max.bytes", options.max_fetch_bytes / 4));
  ARROW_RETURN_NOT_OK(
      set("message.max.bytes", std::max<int64_t>(1000, options.max_fetch_bytes / 4)));
  ARROW_RETURN_NOT_OK(set("receive.message.max.bytes", options.max_response_bytes));
  // The bytes alone decide how much is received ahead.
  ARROW_RETURN_NOT_OK(set("queued.min.messages", 10'000'000));
  ARROW_RETURN_NOT_OK(set("queued.max.messages.kbytes",
                          std::max<int64_t>(1, options.max_queued_bytes >> 10)));
  ARROW_RETURN_NOT_OK(config.SetIfKnown("fetch.queue.backoff.ms", "10"));
  ARROW_RETURN_NOT_OK(set("fetch.error.backoff.ms", 50));
  ARROW_ASSIGN_OR_RAISE(
      auto handle, Handle::Make(RD_KAFKA_CONSUMER, std::move(config), options.cluster));
  return std::unique_ptr<Consumer>(new Consumer(options, std::move(handle)));
}

Result<std::shared_ptr<Handle>> Consumer::HandleForQuestions() {
  // Asked on the connection that will read, they also make it known there where the
  // topics are; otherwise that takes up to a second.
  if (topics_.empty()) return handle_;
  // A broker answers the requests of a connection in turn, so there they would wait for
  // the next message.
  if (questions_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(questions_,
                          Handle::Make(RD_KAFKA_CONSUMER, Config(), options_.cluster));
  }
  return questions_;
}

Consumer::~Consumer() {
  for (const auto& [name, topic] : topics_) {
    rd_kafka_consume_stop(topic->handle.get(), kPartition);
  }
}

Result<std::vector<Start>> Consumer::Assign(const std::vector<Assignment>& assignments,
                                            const Wait& wait) {
  ARROW_ASSIGN_OR_RAISE(auto starts, Resolve(assignments, wait));
  Begin(assignments, &starts);
  return starts;
}

Result<std::vector<Start>> Consumer::Resolve(const std::vector<Assignment>& assignments,
                                             const Wait& wait) {
  ARROW_RETURN_NOT_OK(CheckAssignments(assignments));
  std::vector<std::string> names;
  std::vector<Position> positions;
  for (const Assignment& assignment : assignments) {
    names.push_back(assignment.topic);
    positions.push_back(assignment.from);
  }
  ARROW_ASSIGN_OR_RAISE(const auto questions, HandleForQuestions());
  return ResolvePositions(questions, names, positions, wait);
}

void Consumer::Begin(const std::vector<Assignment>& assignments,
                     std::vector<Start>* starts) {
  std::vector<std::string> names;
  for (const Assignment& assignment : assignments) names.push_back(assignment.topic);
  Unassign(names);
  for (size_t i = 0; i < assignments.size(); ++i) {
    Status* status = &(*starts)[i].watermarks.status;
    if (status->ok()) *status = StartTopic(assignments[i], (*starts)[i]);
  }
}

void Consumer::NotifyBy(int fd) {
  constexpr uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(queue_.get(), fd, &kOne, sizeof(kOne));
}

Status Consumer::StartTopic(const Assignment& assignment, const Start& start) {
  auto topic = std::make_unique<Topic>();
  topic->name = assignment.topic;
  topic->tag = assignment.tag;
  topic->next = start.offset;
  if (assignment.from.kind() == Position::Kind::kTime) {
    topic->not_before_ms = UnixMsNotBefore(assignment.from.time());
  }
  topic->handle.reset(
      rd_kafka_topic_new(handle_->get(), assignment.topic.c_str(), nullptr));
  if (topic->handle == nullptr ||
      rd_kafka_consume_start_queue(topic->handle.get(), kPartition, start.offset,
                                   queue_.get()) != 0) {
    return KafkaError(rd_kafka_last_error(), "starting to read",
                      handle_->At(assignment.topic, kPartition));
  }
  by_handle_[topic->handle.get()] = topic.get();
  topics_[assignment.topic] = std::move(topic);
  return Status::OK();
}

void Consumer::Unassign(const std::vector<std::string>& topics) {
  // A pause outlives the end of reading, and would silence the topic when it starts anew.
  std::vector<std::string> paused;
  for (const std::string& name : topics) {
    const auto at = topics_.find(name);
    if (at != topics_.end() && at->second->paused) paused.push_back(name);
  }
  (void)SetPaused(paused, false);
  for (const std::string& name : topics) {
    const auto at = topics_.find(name);
    if (at == topics_.end()) continue;
    rd_kafka_consume_stop(at->second->handle.get(), kPartition);
    by_handle_.erase(at->second->handle.get());
    topics_.erase(at);
  }
}

Status Consumer::SetPaused(const std::vector<std::string>& topics, bool paused) {
  const PartitionsPtr list(
      rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& name : topics) {
    const auto at = topics_.find(name);
    if (at == topics_.end()) continue;
    at->second->paused = paused;
    rd_kafka_topic_partition_list_add(list.get(), name.c_str(), kPartition);
  }
  if (list->cnt == 0) return Status::OK();
  if (paused) {
    rd_kafka_pause_partitions(handle_->get(), list.get());
  } else {
    rd_kafka_resume_partitions(handle_->get(), list.get());
  }
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaError(list->elems[i].err, paused ? "pausing" : "resuming",
                        handle_->At(list->elems[i].topic, kPartition));
    }
  }
  return Status::OK();
}

Status Consumer::Pause(const std::vector<std::string>& topics) {
  return SetPaused(topics, true);
}

Status Consumer::Resume(const std::vector<std::string>& topics) {
  return SetPaused(topics, false);
}

/// Up to 2.1 librdkafka does not notice for up to a second that there is room in its
/// queue again; a seek to where a topic stands makes it look. (Later ones have
/// fetch.queue.backoff.ms.)
void Consumer::WakeFetching() {
  constexpr int kHasBackoff = 0x02020000;
  if (rd_kafka_version() >= kHasBackoff) return;
  for (const auto& [name, topic] : topics_) {
    if (topic->paused) continue;
    int64_t oldest = 0, end = 0;
    rd_kafka_get_watermark_offsets(handle_->get(), name.c_str(), kPartition, &oldest,
                                   &end);
    if (end > topic->next) {
      rd_kafka_seek(topic->handle.get(), kPartition, topic->next, 0);
    }
  }
}

size_t Consumer::Receive(size_t most, const Wait& wait) {
  received_.resize(std::max<size_t>(1, most));
  // A batch is waited for until it is full: so wait for one message, then take what else
  // is there.
  ssize_t count =
      rd_kafka_consume_batch_queue(queue_.get(), 0, received_.data(), received_.size());
  if (count > 0) return static_cast<size_t>(count);
  // So much at once may have filled the queue.
  if (std::exchange(taken_, 0) >= options_.max_queued_bytes / 2) WakeFetching();
  received_[0] = rd_kafka_consume_queue(queue_.get(), wait.SliceMs());
  if (received_[0] == nullptr) return 0;
  count = received_.size() == 1
              ? 0
              : rd_kafka_consume_batch_queue(queue_.get(), 0, received_.data() + 1,
                                             received_.size() - 1);
  return 1 + static_cast<size_t>(std::max<ssize_t>(0, count));
}

Status Consumer::Poll(size_t most, Polled* out, const Wait& wait) {
  out->Clear();
  const auto wake = [this] { rd_kafka_queue_yield(queue_.get()); };
  const std::stop_callback<decltype(wake)> on_stop(wait.stop, wake);
  for (;;) {
    handle_->ServeErrors();
    ARROW_RETURN_NOT_OK(wait.Check());
    const size_t count = Receive(most, wait);
    for (size_t i = 0; i < count; ++i) Take(received_[i], out);
    if (!out->messages.empty() || !out->events.empty() || wait.Over()) {
      return Status::OK();
    }
  }
}

void Consumer::Take(rd_kafka_message_t* raw, Polled* out) {
  Message message(raw, handle_, 0);
  const auto at = by_handle_.find(raw->rkt);
  if (at == by_handle_.end()) return;
  Topic* const topic = at->second;
  if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    TakeError(topic, *raw, out);
    return;
  }
  handle_->NoteAnswer();
  message.tag_ = topic->tag;
  topic->next = raw->offset + 1;
  taken_ += message.size();
  if (message.size() > options_.max_message_bytes) {
    Count(&too_large_);
    out->events.push_back(
        {TopicEvent::Kind::kTooLarge, topic->tag, raw->offset,
         Error(ErrorKind::kResourceExhausted,
               "a message of {} bytes at offset {} is too large, at most {} are read "
               "(topic {} at {})",
               message.size(), raw->offset, options_.max_message_bytes, topic->name,
               brokers())});
    return;
  }
  if (topic->not_before_ms > 0) {
    if (rd_kafka_message_timestamp(raw, nullptr) < topic->not_before_ms) return;
    topic->not_before_ms = 0;
  }
  Count(&messages_);
  Count(&bytes_, message.size());
  out->messages.push_back(std::move(message));
}

void Consumer::TakeError(Topic* topic, const rd_kafka_message_t& raw, Polled* out) {
  if (raw.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    handle_->NoteAnswer();
    // Also after records that nobody sees, e.g. the end of a transaction.
    topic->next = std::max(topic->next, raw.offset);
    out->events.push_back({TopicEvent::Kind::kEnd, topic->tag, raw.offset, {}});
    return;
  }
  const char* detail = rd_kafka_message_errstr(&raw);
  Status status =
      KafkaError(raw.err, "reading", handle_->At(topic->name, kPartition), detail);
  if (raw.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      raw.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    Count(&lost_);
    out->events.push_back(
        {TopicEvent::Kind::kLost, topic->tag, topic->next, std::move(status)});
    rd_kafka_consume_stop(topic->handle.get(), kPartition);
    rd_kafka_consume_start_queue(topic->handle.get(), kPartition,
                                 RD_KAFKA_OFFSET_BEGINNING, queue_.get());
    return;
  }
  Count(&errors_);
  out->events.push_back(
      {TopicEvent::Kind::kError, topic->tag, topic->next, std::move(status)});
}

Result<std::vector<Watermarks>> Consumer::QueryWatermarks(
    const std::vector<std::string>& topics, const Wait& wait) {
  ARROW_ASSIGN_OR_RAISE(const auto questions, HandleForQuestions());
  return kafka::QueryWatermarks(questions, topics, wait);
}

int64_t Consumer::NextOffset(const std::string& topic) const {
  const auto at = topics_.find(topic);
  return at == topics_.end() ? -1 : at->second->next;
}

ConsumerCounters Consumer::counters() const {
  const auto read = [](const std::atomic<int64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  return {read(messages_),  read(bytes_), read(errors_),
          read(too_large_), read(lost_),  handle_->broker_errors()};
}

}  // namespace carryall::kafka
