#include "carryall/kafka/admin.h"

#include <algorithm>
#include <charconv>

#include "carryall/kafka/topic_name.h"

namespace carryall::kafka {
namespace {

/// Topics a request: a large one would hold up the controller.
constexpr ptrdiff_t kTopicsARequest = 100;

using NewTopicPtr =
    std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using DeleteTopicPtr =
    std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy<rd_kafka_DeleteTopic_destroy>>;
using DeleteRecordsPtr =
    std::unique_ptr<rd_kafka_DeleteRecords_t, Destroy<rd_kafka_DeleteRecords_destroy>>;
using ResourcePtr =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;
using AdminOptionsPtr =
    std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>>;
using MetadataPtr =
    std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;

template <typename Ptr>
auto RawPointers(const std::vector<Ptr>& owned) {
  std::vector<typename Ptr::pointer> raw;
  for (const Ptr& each : owned) raw.push_back(each.get());
  return raw;
}

/// `on_broker`: for requests that the controller works on for a while.
AdminOptionsPtr OptionsFor(Handle* handle, rd_kafka_admin_op_t operation,
                           const Wait& wait, bool on_broker) {
  constexpr int kLongest = 3'600'000;
  AdminOptionsPtr options(rd_kafka_AdminOptions_new(handle->get(), operation));
  const int timeout = std::max(1, wait.Milliseconds(kLongest));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, nullptr, 0);
  if (on_broker) {
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout, nullptr, 0);
  }
  return options;
}

/// Waits for an answer and checks that the request as a whole went through.
Result<EventPtr> Answer(Handle* handle, rd_kafka_queue_t* queue, const std::string& doing,
                        const Wait& wait) {
  const SteadyTime began = SteadyNow();
  ARROW_ASSIGN_OR_RAISE(EventPtr event, NextEvent(handle, queue, doing, wait));
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
  if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    handle->ServeErrors();
    return handle->TimedOut(doing, Duration::FromNs((SteadyNow() - began).count()));
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return KafkaError(code, doing, handle->At(),
                      rd_kafka_event_error_string(event.get()));
  }
  handle->NoteAnswer();
  return event;
}

Status FirstFailure(const Handle& handle, const rd_kafka_topic_result_t** results,
                    size_t count, const char* doing, rd_kafka_resp_err_t accepted) {
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == accepted) continue;
    const char* detail = rd_kafka_topic_result_error_string(results[i]);
    return KafkaError(code, doing, handle.At(rd_kafka_topic_result_name(results[i])),
                      detail == nullptr ? "" : detail);
  }
  return Status::OK();
}

Result<NewTopicPtr> ToNewTopic(const TopicSpec& spec, const Handle& handle) {
  // One of them would fail the request for all.
  if (!IsTopicName(spec.name)) {
    return Error(ErrorKind::kInvalidArgument,
                 "no topic can have the name '{}': letters, digits, '.', '_' and '-', at "
                 "most 249",
                 spec.name);
  }
  char reason[256] = "";
  NewTopicPtr topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions,
                                          spec.replication, reason, sizeof(reason)));
  if (topic == nullptr) {
    return Error(ErrorKind::kInvalidArgument, "topic '{}' cannot be created: {}",
                 spec.name, reason);
  }
  auto set = [&](const std::string& name, const std::string& value) {
    const rd_kafka_resp_err_t code =
        rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? Status::OK()
               : KafkaError(code, "setting " + name, handle.At(spec.name));
  };
  if (spec.retention) {
    constexpr int64_t kNsPerMs = 1'000'000;
    if (spec.retention->ns() <= 0) {
      return Error(ErrorKind::kInvalidArgument,
                   "topic '{}' cannot be created: retention of {}", spec.name,
                   ToString(*spec.retention));
    }
    const int64_t ms = (spec.retention->ns() + kNsPerMs - 1) / kNsPerMs;
    ARROW_RETURN_NOT_OK(set("retention.ms", std::to_string(ms)));
  }
  for (const auto& [name, value] : spec.config) ARROW_RETURN_NOT_OK(set(name, value));
  return topic;
}

TopicConfig ToTopicConfig(const rd_kafka_ConfigResource_t* resource) {
  TopicConfig out;
  out.exists = true;
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** entries =
      rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr) out.config[rd_kafka_ConfigEntry_name(entries[i])] = value;
  }
  if (const auto at = out.config.find("retention.ms"); at != out.config.end()) {
    const std::string& text = at->second;
    int64_t ms = -1;
    std::from_chars(text.data(), text.data() + text.size(), ms);
    constexpr int64_t kLongest = std::numeric_limits<int64_t>::max() / 1'000'000;
    if (ms >= 0 && ms <= kLongest) out.retention = Duration::FromMs(ms);
  }
  return out;
}

ClusterMetadata ToClusterMetadata(const rd_kafka_metadata_t& from) {
  ClusterMetadata out;
  for (int i = 0; i < from.broker_cnt; ++i) {
    out.brokers.push_back(
        fmt::format("{}:{}", from.brokers[i].host, from.brokers[i].port));
  }
  for (int i = 0; i < from.topic_cnt; ++i) {
    const rd_kafka_metadata_topic& topic = from.topics[i];
    if (topic.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        topic.err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
      continue;
    }
    TopicMetadata& added = out.topics.emplace_back();
    added.name = topic.topic;
    added.partitions = topic.partition_cnt;
    added.has_leaders = topic.partition_cnt > 0;
    for (int p = 0; p < topic.partition_cnt; ++p) {
      added.has_leaders = added.has_leaders && topic.partitions[p].leader >= 0;
    }
    if (topic.partition_cnt > 0) added.replication = topic.partitions[0].replica_cnt;
  }
  std::sort(out.topics.begin(), out.topics.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace

Result<std::unique_ptr<Admin>> Admin::Make(const ClusterOptions& cluster) {
  // A producer that asks for a topic makes the broker create it, with any retention.
  ARROW_ASSIGN_OR_RAISE(auto handle, Handle::Make(RD_KAFKA_CONSUMER, Config(), cluster));
  return std::unique_ptr<Admin>(new Admin(std::move(handle)));
}

Status Admin::CreateTopics(const std::vector<TopicSpec>& topics, const Wait& wait) {
  const TopicSpec* const end = topics.data() + topics.size();
  for (const TopicSpec* begin = topics.data(); begin != end;) {
    const TopicSpec* next = begin + std::min(kTopicsARequest, end - begin);
    ARROW_RETURN_NOT_OK(CreateSome(begin, next, wait));
    begin = next;
  }
  std::vector<std::string> names;
  for (const TopicSpec& topic : topics) names.push_back(topic.name);
  return AwaitTopics(names, true, wait);
}

Status Admin::AwaitTopics(std::vector<std::string> topics, bool exist, const Wait& wait) {
  constexpr int kLongestPauseMs = 200;
  for (int pause = 5;; pause = std::min(2 * pause, kLongestPauseMs)) {
    // The controller answers before the brokers have heard of what it did.
    ARROW_ASSIGN_OR_RAISE(const auto now, Describe(topics, wait));
    std::vector<std::string> unheard;
    for (size_t i = 0; i < topics.size(); ++i) {
      if (now[i].exists != exist) unheard.push_back(std::move(topics[i]));
    }
    if (unheard.empty()) return Status::OK();
    topics = std::move(unheard);
    ARROW_RETURN_NOT_OK(wait.Check());
    if (wait.Over()) {
      return Error(ErrorKind::kTimeout,
                   "topic {} was {}, but no broker has heard of it ({})", topics[0],
                   exist ? "created" : "deleted", handle_->brokers());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(wait.Milliseconds(pause)));
  }
}

Status Admin::CreateSome(const TopicSpec* begin, const TopicSpec* end, const Wait& wait) {
  std::vector<NewTopicPtr> specs;
  for (const TopicSpec* spec = begin; spec != end; ++spec) {
    ARROW_ASSIGN_OR_RAISE(specs.emplace_back(), ToNewTopic(*spec, *handle_));
  }
  auto raw = RawPointers(specs);
  const QueuePtr queue = handle_->NewQueue();
  const auto options =
      OptionsFor(handle_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS, wait, true);
  rd_kafka_CreateTopics(handle_->get(), raw.data(), raw.size(), options.get(),
                        queue.get());
  const std::string doing = specs.size() == 1
                                ? fmt::format("creating topic {}", begin->name)
                                : fmt::format("creating {} topics", specs.size());
  ARROW_ASSIGN_OR_RAISE(const EventPtr event,
                        Answer(handle_.get(), queue.get(), doing, wait));
  size_t count = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(
      rd_kafka_event_CreateTopics_result(event.get()), &count);
  return FirstFailure(*handle_, results, count, "creating a topic",
                      RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
}

Result<std::vector<TopicConfig>> Admin::Describe(const std::vector<std::string>& topics,
                                                 const Wait& wait) {
  std::vector<TopicConfig> out;
  const std::string* const end = topics.data() + topics.size();
  for (const std::string* begin = topics.data(); begin != end;) {
    const std::string* next = begin + std::min(kTopicsARequest, end - begin);
    ARROW_RETURN_NOT_OK(DescribeSome(begin, next, wait, &out));
    begin = next;
  }
  return out;
}

Status Admin::DescribeSome(const std::string* begin, const std::string* end,
                           const Wait& wait, std::vector<TopicConfig>* out) {
  std::vector<ResourcePtr> resources;
  for (const std::string* name = begin; name != end; ++name) {
    ResourcePtr resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name->c_str()));
    if (resource == nullptr) {
      return Error(ErrorKind::kInvalidArgument, "topic '{}' cannot be described", *name);
    }
    resources.push_back(std::move(resource));
  }
  auto raw = RawPointers(resources);
  const QueuePtr queue = handle_->NewQueue();
  const auto options =
      OptionsFor(handle_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, wait, false);
  rd_kafka_DescribeConfigs(handle_->get(), raw.data(), raw.size(), options.get(),
                           queue.get());
  ARROW_ASSIGN_OR_RAISE(const EventPtr event,
                        Answer(handle_.get(), queue.get(), "describing topics", wait));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  std::map<std::string, TopicConfig> found;
  for (size_t i = 0; i < count; ++i) {
    const std::string name = rd_kafka_ConfigResource_name(results[i]);
    const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* detail = rd_kafka_ConfigResource_error_string(results[i]);
      return KafkaError(code, "describing a topic", handle_->At(name),
                        detail == nullptr ? "" : detail);
    }
    found[name] = ToTopicConfig(results[i]);
  }
  for (const std::string* name = begin; name != end; ++name) {
    const auto at = found.find(*name);
    out->push_back(at == found.end() ? TopicConfig() : at->second);
  }
  return Status::OK();
}

Status Admin::DeleteTopics(const std::vector<std::string>& topics, const Wait& wait) {
  if (topics.empty()) return Status::OK();
  std::vector<DeleteTopicPtr> specs;
  for (const std::string& name : topics) {
    specs.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
  }
  auto raw = RawPointers(specs);
  const QueuePtr queue = handle_->NewQueue();
  const auto options =
      OptionsFor(handle_.get(), RD_KAFKA_ADMIN_OP_DELETETOPICS, wait, true);
  rd_kafka_DeleteTopics(handle_->get(), raw.data(), raw.size(), options.get(),
                        queue.get());
  ARROW_ASSIGN_OR_RAISE(const EventPtr event,
                        Answer(handle_.get(), queue.get(), "deleting topics", wait));
  size_t count = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_DeleteTopics_result_topics(
      rd_kafka_event_DeleteTopics_result(event.get()), &count);
  ARROW_RETURN_NOT_OK(FirstFailure(*handle_, results, count, "deleting a topic",
                                   RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART));
  return AwaitTopics(topics, false, wait);
}

Status Admin::DeleteRecords(const std::string& topic, int64_t offset, const Wait& wait) {
  const PartitionsPtr upto(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(upto.get(), topic.c_str(), 0)->offset = offset;
  const DeleteRecordsPtr spec(rd_kafka_DeleteRecords_new(upto.get()));
  rd_kafka_DeleteRecords_t* raw = spec.get();
  const QueuePtr queue = handle_->NewQueue();
  const auto options =
      OptionsFor(handle_.get(), RD_KAFKA_ADMIN_OP_DELETERECORDS, wait, true);
  rd_kafka_DeleteRecords(handle_->get(), &raw, 1, options.get(), queue.get());
  ARROW_ASSIGN_OR_RAISE(
      const EventPtr event,
      Answer(handle_.get(), queue.get(), "deleting records of topic " + topic, wait));
  const rd_kafka_topic_partition_list_t* results = rd_kafka_DeleteRecords_result_offsets(
      rd_kafka_event_DeleteRecords_result(event.get()));
  for (int i = 0; i < results->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = results->elems[i];
    if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaError(each.err, "deleting records", handle_->At(topic, each.partition));
    }
  }
  return Status::OK();
}

Result<ClusterMetadata> Admin::Metadata(const Wait& wait,
                                        std::optional<std::string> topic) {
  const auto handle = handle_;
  const SteadyTime began = SteadyNow();
  auto answer = CallApart<ClusterMetadata>(
      handle_, wait, [handle, topic](int timeout_ms) -> Result<ClusterMetadata> {
        TopicPtr only;
        if (topic) only.reset(rd_kafka_topic_new(handle->get(), topic->c_str(), nullptr));
        const rd_kafka_metadata_t* raw = nullptr;
        const rd_kafka_resp_err_t code = rd_kafka_metadata(
            handle->get(), topic ? 0 : 1, only.get(), &raw, std::max(1, timeout_ms));
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
          return KafkaError(code, "asking for the cluster's metadata", handle->At());
        }
        const MetadataPtr metadata(raw);
        ClusterMetadata out = ToClusterMetadata(*metadata);
        char* id = rd_kafka_clusterid(handle->get(), 0);
        if (id != nullptr) {
          out.cluster_id = id;
          rd_kafka_mem_free(handle->get(), id);
        }
        return out;
      });
  handle_->ServeErrors();
  if (answer.ok()) {
    handle_->NoteAnswer();
  } else if (KindOf(answer.status()) == ErrorKind::kTimeout ||
             KindOf(answer.status()) == ErrorKind::kUnavailable) {
    return handle_->TimedOut("asking for the cluster's metadata",
                             Duration::FromNs((SteadyNow() - began).count()));
  }
  return answer;
}

}  // namespace carryall::kafka
