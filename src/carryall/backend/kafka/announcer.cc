#include "carryall/backend/kafka/announcer.h"

#include <unordered_map>

#include "carryall/backend/kafka/metadata_records.h"
#include "carryall/base/log.h"
#include "carryall/kafka/consumer.h"
#include "carryall/wire/topics.h"

namespace carryall::backend::kafka {

using carryall::catalogue::Catalogue;
using carryall::catalogue::PublisherConfig;
using carryall::catalogue::Registration;
using carryall::catalogue::Snapshot;
using carryall::kafka::Deliveries;
using carryall::kafka::Producer;
using carryall::kafka::Wait;

namespace {

constexpr Duration kTimeout = Duration::FromSeconds(60);

// What a topic says of each channel, as a hash of its record.
using Said = std::unordered_map<std::string, size_t>;

Result<Said> ReadTopic(const std::string& brokers, const std::string& topic,
                       const Wait& wait) {
  using Kind = carryall::kafka::TopicEvent::Kind;
  carryall::kafka::ConsumerOptions options;
  options.cluster.brokers = brokers;
  options.report_ends = true;
  ARROW_ASSIGN_OR_RAISE(const auto consumer, carryall::kafka::Consumer::Make(options));
  ARROW_ASSIGN_OR_RAISE(
      const auto starts,
      consumer->Assign({{topic, carryall::kafka::Position::Oldest(), 0}}, wait));
  ARROW_RETURN_NOT_OK(starts[0].watermarks.status);
  Said out;
  carryall::kafka::Polled polled;
  while (true) {
    ARROW_RETURN_NOT_OK(consumer->Poll(1000, &polled, wait));
    for (const auto& message : polled.messages) {
      const auto key = message.key();
      if (!key || *key == kPublisherKey || *key == kDigestKey) continue;
      if (message.has_value()) {
        out[std::string(*key)] = std::hash<std::string_view>()(message.value());
      } else {
        out.erase(std::string(*key));
      }
    }
    for (const auto& event : polled.events) {
      if (event.kind == Kind::kEnd) return out;
    }
    if (wait.Over()) {
      return Error(ErrorKind::kTimeout, "metadata topic was not read in time: {} at {}",
                   topic, brokers);
    }
  }
}

std::vector<const Channel*> ChannelsOf(const Snapshot& snapshot,
                                       const PublisherConfig& publisher) {
  std::vector<const Channel*> out;
  metadata::ChannelQuery query;
  query.publishers = {publisher.publisher_id};
  query.replay_id = publisher.replay_id;
  // The pattern is ours: nothing can be wrong with it.
  (void)snapshot.Find(query, [&](const Channel& channel) {
    out.push_back(&channel);
    return true;
  });
  return out;
}

// Records on their way to one topic.
class Letter {
 public:
  Letter(Producer* producer, std::string topic, const Wait& wait)
      : producer_(producer), topic_(std::move(topic)), wait_(wait) {}
  Status Say(std::string_view key, const std::optional<std::string>& value) {
    carryall::kafka::Record record;
    record.topic = topic_;
    record.key = key;
    if (value) record.value = *value;
    ++count_;
    return producer_->Send(record, deliveries_, wait_);
  }
  Status Finish() { return deliveries_->Finish(wait_); }
  int64_t count() const { return count_; }

 private:
  Producer* const producer_;
  const std::string topic_;
  const Wait& wait_;
  const std::shared_ptr<Deliveries> deliveries_ = std::make_shared<Deliveries>();
  int64_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<Announcer>> Announcer::Make(const Catalogue* catalogue,
                                                   Topics* topics,
                                                   AnnouncerOptions options) {
  carryall::kafka::ProducerOptions producing;
  producing.cluster.brokers = topics->brokers();
  ARROW_ASSIGN_OR_RAISE(auto producer, Producer::Make(producing));
  std::unique_ptr<Announcer> out(
      new Announcer(catalogue, topics, options, std::move(producer)));
  out->thread_ =
      std::jthread([raw = out.get()](const std::stop_token& stop) { raw->Run(stop); });
  return out;
}

Announcer::~Announcer() = default;

void Announcer::Changed(const Registration& registration) {
  const std::lock_guard lock(mutex_);
  for (const auto* list : {&registration.changed, &registration.removed}) {
    for (const Channel& channel : *list) {
      pending_[channel.publisher.value_or("")].names.insert(channel.name);
    }
  }
  wake_.notify_all();
}

void Announcer::Configured() {
  const auto publishers = Own();
  const std::lock_guard lock(mutex_);
  for (const PublisherConfig& publisher : publishers) {
    pending_[publisher.publisher_id].compare = true;
  }
  wake_.notify_all();
}

std::vector<PublisherConfig> Announcer::Own() const {
  std::vector<PublisherConfig> out;
  for (const auto& [id, publisher] : *catalogue_->publishers()) {
    if (catalogue_->IsConfigured(id)) out.push_back(publisher);
  }
  return out;
}

void Announcer::Run(const std::stop_token& stop) {
  SteadyTime repeat = SteadyNow() + options_.repeat_digest;
  bool failed = false;
  while (!stop.stop_requested()) {
    std::map<std::string, Pending> now;
    {
      std::unique_lock lock(mutex_);
      const SteadyTime retry = SteadyNow() + options_.retry;
      if (failed) {
        wake_.wait_until(lock, stop, retry, [] { return false; });
      } else {
        wake_.wait_until(lock, stop, repeat, [this] { return !pending_.empty(); });
      }
      now = std::exchange(pending_, {});
    }
    if (stop.stop_requested()) return;
    const bool repeating = SteadyNow() >= repeat;
    if (repeating) repeat = SteadyNow() + options_.repeat_digest;
    const bool failed_before = std::exchange(failed, false);
    for (const PublisherConfig& publisher : Own()) {
      Pending& pending = now[publisher.publisher_id];
      if (!pending.compare && pending.names.empty() && !pending.always && !repeating) {
        continue;
      }
      const Status told = Tell(publisher, pending, stop);
      if (told.ok()) continue;
      if (!failed_before && !failed && !stop.stop_requested()) {
        Log(LogLevel::kWarning, "other servers are not told, trying again: {}",
            told.message());
      }
      failed = true;
      const std::lock_guard lock(mutex_);
      Pending& again = pending_[publisher.publisher_id];
      again.compare = again.compare || pending.compare;
      again.always = true;
      again.names.merge(pending.names);
    }
  }
}

Status Announcer::Tell(const PublisherConfig& publisher, const Pending& pending,
                       const std::stop_token& stop) {
  const Wait wait = Wait::For(kTimeout, stop);
  const std::string topic = wire::MetadataTopic(publisher.publisher_id);
  const auto snapshot = catalogue_->snapshot();
  const auto channels = ChannelsOf(*snapshot, publisher);
  std::vector<std::string> gone;
  std::vector<const Channel*> changed;
  if (pending.compare) {
    ARROW_RETURN_NOT_OK(topics_->CreateMetadata(publisher.publisher_id, wait));
    ARROW_ASSIGN_OR_RAISE(Said said, ReadTopic(topics_->brokers(), topic, wait));
    for (const Channel* channel : channels) {
      const auto known = said.find(channel->name);
      const bool same =
          known != said.end() &&
          known->second == std::hash<std::string_view>()(ChannelRecord(*channel));
      if (!same) changed.push_back(channel);
      if (known != said.end()) said.erase(known);
    }
    for (auto& [name, hash] : said) gone.push_back(name);
  } else {
    for (const std::string& name : pending.names) {
      const Channel* channel = snapshot->Get(name, publisher.replay_id);
      if (channel != nullptr && channel->publisher == publisher.publisher_id) {
        changed.push_back(channel);
      } else {
        gone.push_back(name);
      }
    }
  }
  Letter letter(producer_.get(), topic, wait);
  for (const std::string& name : gone) ARROW_RETURN_NOT_OK(letter.Say(name, {}));
  for (const Channel* channel : changed) {
    ARROW_RETURN_NOT_OK(letter.Say(channel->name, ChannelRecord(*channel)));
  }
  ARROW_RETURN_NOT_OK(letter.Say(kPublisherKey, PublisherRecord(publisher)));
  ARROW_RETURN_NOT_OK(letter.Say(kDigestKey, DigestRecord(DigestOf(channels))));
  ARROW_RETURN_NOT_OK(letter.Finish());
  Log(LogLevel::kDebug, "other servers are told of '{}': {} records",
      publisher.publisher_id, letter.count());
  return Status::OK();
}

}  // namespace carryall::backend::kafka
