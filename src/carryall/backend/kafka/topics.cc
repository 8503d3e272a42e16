#include "carryall/backend/kafka/topics.h"

#include <unordered_set>

#include "carryall/base/log.h"
#include "carryall/wire/topics.h"

namespace carryall::backend::kafka {

using carryall::catalogue::Partition;
using carryall::catalogue::PublisherConfig;
using carryall::catalogue::Publishers;
using carryall::kafka::Admin;
using carryall::kafka::TopicSpec;
using carryall::kafka::Wait;

namespace {

// What publishers may send at most; brokers take a tenth of it unless told.
constexpr const char* kMaxMessageBytes = "10485760";

constexpr Duration kLongestGreeting = Duration::FromSeconds(10);

}  // namespace

Result<std::unique_ptr<Topics>> Topics::Make(TopicOptions options) {
  ARROW_ASSIGN_OR_RAISE(auto admin, Admin::Make({.brokers = options.brokers}));
  // Any topic would do: whether somebody is there is to be known soon.
  const Wait wait = Wait::For(std::min(options.timeout, kLongestGreeting));
  ARROW_RETURN_NOT_OK(admin->Metadata(wait, wire::MetadataTopic("-")).status());
  return std::unique_ptr<Topics>(new Topics(std::move(options), std::move(admin)));
}

Status Topics::Create(const PublisherConfig& publisher,
                      const std::vector<std::string>& partitions) {
  std::vector<std::string> names;
  for (const std::string& id : partitions) {
    names.push_back(wire::DataTopic(id, publisher.replay_id));
  }
  return Create(names);
}

Status Topics::CreateMissing(const std::vector<Partition>& partitions,
                             const Publishers& publishers) {
  if (partitions.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto cluster,
                        admin_->Metadata(Wait::For(options_.timeout)));
  std::unordered_set<std::string_view> there;
  for (const auto& topic : cluster.topics) there.insert(topic.name);
  std::vector<std::string> missing;
  for (const Partition& partition : partitions) {
    const auto publisher = publishers.find(partition.publisher);
    if (publisher == publishers.end()) continue;
    std::string name = wire::DataTopic(partition.id, publisher->second.replay_id);
    if (!there.contains(name)) missing.push_back(std::move(name));
  }
  return Create(missing);
}

Status Topics::CreateMetadata(std::string_view publisher_id, const Wait& wait) {
  TopicSpec spec;
  spec.name = wire::MetadataTopic(publisher_id);
  spec.replication = options_.replication;
  spec.config["cleanup.policy"] = "compact";
  return admin_->CreateTopics({spec}, wait);
}

Status Topics::Create(const std::vector<std::string>& names) {
  if (names.empty()) return Status::OK();
  std::vector<TopicSpec> specs;
  for (const std::string& name : names) {
    TopicSpec& spec = specs.emplace_back();
    spec.name = name;
    spec.replication = options_.replication;
    spec.retention = options_.retention;
    spec.config["max.message.bytes"] = kMaxMessageBytes;
  }
  const Duration timeout =
      options_.timeout + Duration::FromMs(100 * static_cast<int64_t>(names.size()));
  ARROW_RETURN_NOT_OK(admin_->CreateTopics(specs, Wait::For(timeout)));
  Log(LogLevel::kInfo, "topics made: {}, first {}", names.size(), names.front());
  return Status::OK();
}

}  // namespace carryall::backend::kafka
