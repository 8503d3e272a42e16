#include "carryall/backend/kafka/follower.h"

#include "carryall/base/log.h"
#include "carryall/wire/topics.h"

namespace carryall::backend::kafka {

using carryall::catalogue::Catalogue;
using carryall::catalogue::Registration;
using carryall::kafka::Consumer;
using carryall::kafka::Polled;
using carryall::kafka::TopicEvent;
using carryall::kafka::Wait;

Status FollowedPublisher::Take(std::string_view key,
                               std::optional<std::string_view> value) {
  if (key == kPublisherKey) {
    if (!value) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto publisher, ParsePublisherRecord(*value));
    if (publisher.publisher_id != id_) {
      return Error(ErrorKind::kCorrupt, "metadata record is of another publisher: '{}'",
                   publisher.publisher_id);
    }
    publisher_ = std::move(publisher);
    new_publisher_ = true;
    return Status::OK();
  }
  if (key == kDigestKey) {
    stated_.reset();
    if (!value) return Status::OK();
    return ParseDigestRecord(*value).Value(&stated_.emplace());
  }
  touched_.emplace(key);
  if (!value) {
    const auto found = channels_.find(key);
    if (found != channels_.end()) channels_.erase(found);
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(Channel channel, ParseChannelRecord(key, *value));
  if (!channel.partition_id || !channel.partition_index || !channel.stride ||
      !carryall::catalogue::IsTopicText(*channel.partition_id,
                                        carryall::catalogue::kMaxPartitionIdBytes)) {
    return Error(ErrorKind::kCorrupt, "metadata record has no partition: '{}'", key);
  }
  channels_.insert_or_assign(channel.name, std::move(channel));
  return Status::OK();
}

Result<Registration> FollowedPublisher::Adopt(Catalogue* catalogue) {
  if (!publisher_ || (touched_.empty() && !new_publisher_)) return Registration();
  const auto snapshot = catalogue->snapshot();
  std::vector<Channel> changed;
  std::vector<std::string> removed;
  const auto put = [&](const Channel& channel) {
    const Channel* there = snapshot->Get(channel.name, publisher_->replay_id);
    if (there == nullptr || there->publisher == id_) changed.push_back(channel);
  };
  if (complete_) {
    for (const std::string& name : touched_) {
      const auto found = channels_.find(name);
      found == channels_.end() ? removed.push_back(name) : put(found->second);
    }
  } else {
    for (const auto& [name, channel] : channels_) put(channel);
    metadata::ChannelQuery query;
    query.publishers = {id_};
    const auto known = catalogue->publishers()->find(id_);
    query.replay_id = known == catalogue->publishers()->end() ? publisher_->replay_id
                                                              : known->second.replay_id;
    ARROW_RETURN_NOT_OK(snapshot->Find(query, [&](const Channel& channel) {
      if (!channels_.contains(channel.name)) removed.push_back(channel.name);
      return true;
    }));
  }
  ARROW_ASSIGN_OR_RAISE(Registration done,
                        catalogue->Adopt(*publisher_, std::move(changed), removed));
  complete_ = true;
  new_publisher_ = false;
  touched_.clear();
  if (!done.changed.empty() || !done.removed.empty()) {
    Log(LogLevel::kInfo,
        "taken over from another server: publisher={} changed={} "
        "removed={}",
        id_, done.changed.size(), done.removed.size());
  }
  return done;
}

bool FollowedPublisher::Agrees() {
  if (!stated_) return true;
  std::vector<const Channel*> channels;
  for (const auto& [name, channel] : channels_) channels.push_back(&channel);
  return DigestOf(channels) == *std::exchange(stated_, std::nullopt);
}

void FollowedPublisher::Restart() {
  publisher_.reset();
  channels_.clear();
  touched_.clear();
  complete_ = new_publisher_ = false;
  stated_.reset();
}

Result<std::unique_ptr<Follower>> Follower::Make(Catalogue* catalogue,
                                                 FollowerOptions options) {
  carryall::kafka::ConsumerOptions consuming;
  consuming.cluster.brokers = options.brokers;
  consuming.report_ends = true;
  ARROW_ASSIGN_OR_RAISE(auto consumer, Consumer::Make(consuming));
  std::unique_ptr<Follower> out(
      new Follower(catalogue, std::move(options), std::move(consumer)));
  out->thread_ =
      std::jthread([raw = out.get()](const std::stop_token& stop) { raw->Run(stop); });
  return out;
}

Follower::Follower(Catalogue* catalogue, FollowerOptions options,
                   std::unique_ptr<Consumer> consumer)
    : catalogue_(catalogue),
      options_(std::move(options)),
      consumer_(std::move(consumer)) {
  for (const std::string& id : options_.publishers) {
    topics_.push_back({.publisher = FollowedPublisher(id)});
  }
}

void Follower::Complain(Topic* topic, const Status& status) {
  if (status.ok() || status.message() == topic->complaint) return;
  topic->complaint = status.message();
  Log(LogLevel::kWarning, "publisher '{}' of another server is not followed: {}",
      topic->publisher.id(), status.message());
}

// Starts to read the topics that are not read yet.
void Follower::Begin(const std::stop_token& stop) {
  std::vector<carryall::kafka::Assignment> wanted;
  for (size_t i = 0; i < topics_.size(); ++i) {
    if (topics_[i].reading) continue;
    wanted.push_back({wire::MetadataTopic(topics_[i].publisher.id()),
                      carryall::kafka::Position::Oldest(), i});
  }
  if (wanted.empty()) return;
  const auto starts =
      consumer_->Assign(wanted, Wait::For(Duration::FromSeconds(30), stop));
  if (stop.stop_requested()) return;
  for (size_t i = 0; i < wanted.size(); ++i) {
    Topic& topic = topics_[wanted[i].tag];
    const Status status = starts.ok() ? (*starts)[i].watermarks.status : starts.status();
    topic.reading = status.ok();
    Complain(&topic, status);
  }
}

void Follower::AtEnd(Topic* topic) {
  const Result<Registration> adopted = topic->publisher.Adopt(catalogue_);
  if (!adopted.ok()) return Complain(topic, adopted.status());
  if (options_.changed) options_.changed(*adopted);
  if (topic->publisher.Agrees()) return;
  if (SteadyNow() - topic->restarted < options_.read_again) return;
  Log(LogLevel::kWarning,
      "channels of publisher '{}' are not those that its digest means, reading again",
      topic->publisher.id());
  topic->restarted = SteadyNow();
  topic->reading = false;
  consumer_->Unassign({wire::MetadataTopic(topic->publisher.id())});
  topic->publisher.Restart();
}

void Follower::Run(const std::stop_token& stop) {
  Polled polled;
  SteadyTime begin = SteadyNow();
  while (!stop.stop_requested()) {
    if (SteadyNow() >= begin) {
      Begin(stop);
      begin = SteadyNow() + options_.retry;
    }
    const Status status = consumer_->Poll(1000, &polled, {begin, stop, {}});
    if (!status.ok()) continue;  // stopped
    for (const auto& message : polled.messages) {
      Topic& topic = topics_[message.tag()];
      const auto key = message.key();
      if (!key || !topic.reading) continue;
      Complain(&topic, topic.publisher.Take(
                           *key, message.has_value()
                                     ? std::optional<std::string_view>(message.value())
                                     : std::nullopt));
    }
    for (const TopicEvent& event : polled.events) {
      Topic& topic = topics_[event.tag];
      if (event.kind == TopicEvent::Kind::kEnd && topic.reading) AtEnd(&topic);
    }
  }
}

}  // namespace carryall::backend::kafka
