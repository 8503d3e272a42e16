#include "carryall/relay/past_reader.h"

#include <algorithm>

#include "carryall/base/log.h"

namespace carryall::relay {
namespace {

constexpr size_t kMost = 64;  // messages a poll; they may be large
constexpr Duration kSlice = Duration::FromMs(20);
constexpr Duration kUnparkPause = Duration::FromMs(50);
constexpr Duration kRetry = Duration::FromSeconds(1);
/// A message is stamped when it is sent, which is not before its samples are there;
/// clocks may differ by so much.
constexpr Duration kMargin = Duration::FromSeconds(2);

}  // namespace

PastReader::PastReader(std::unique_ptr<Feed> feed, std::shared_ptr<Subscription> stream,
                       size_t cluster, const RelayOptions& options,
                       std::shared_ptr<Counters> counters, std::function<void()> go_live)
    : feed_(std::move(feed)),
      stream_(std::move(stream)),
      cluster_(cluster),
      options_(options),
      counters_(std::move(counters)),
      go_live_(std::move(go_live)) {
  const auto& parts = stream_->parts();
  for (size_t q = 0; q < parts.size(); ++q) {
    if (parts[q].place.cluster != cluster_) continue;
    Topic topic;
    topic.name = parts[q].place.topic;
    topic.part = q;
    topic.from = kafka::Position::At(*stream_->past_from() - kMargin);
    topics_.push_back(std::move(topic));
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

PastReader::~PastReader() = default;

bool PastReader::AllDone() const {
  return std::all_of(topics_.begin(), topics_.end(),
                     [](const Topic& topic) { return topic.reading == Reading::kDone; });
}

void PastReader::Run(const std::stop_token& stop) {
  while (!stop.stop_requested() && !stream_->closed() && !AllDone()) {
    AssignWaiting(stop);
    const Status polled = feed_->Poll(kMost, &fed_, kafka::Wait::For(kSlice, stop));
    if (!polled.ok()) {
      if (KindOf(polled) != ErrorKind::kCancelled) stream_->Fail(polled);
      break;
    }
    for (const FeedMessage& message : fed_.messages) Take(message);
    for (const kafka::TopicEvent& event : fed_.events) Take(event);
    Unpark();
    for (Topic& topic : topics_) {
      if (topic.reading != Reading::kDone && stream_->IsLive(topic.part)) Finish(&topic);
    }
    if (go_live_ && stream_->IsCaughtUp(cluster_)) {
      go_live_();
      go_live_ = nullptr;
    }
    stream_->Tick();
  }
  feed_.reset();
}

void PastReader::AssignWaiting(const std::stop_token& stop) {
  if (SteadyNow() < next_try_) return;
  std::vector<kafka::Assignment> assignments;
  for (size_t tag = 0; tag < topics_.size(); ++tag) {
    const Topic& topic = topics_[tag];
    if (topic.reading == Reading::kWaiting) {
      assignments.push_back({topic.name, topic.from, tag});
    }
  }
  if (assignments.empty()) return;
  next_try_ = SteadyNow() + ToChrono(kRetry);
  const auto starts =
      feed_->Assign(assignments, kafka::Wait::For(options_.ask_timeout, stop));
  if (!starts.ok()) {
    Log(LogLevel::kInfo, "topics cannot be read yet: {}", starts.status().message());
    stream_->NoteUnreached(cluster_, starts.status());
    return;
  }
  stream_->NoteReached(cluster_);
  for (size_t i = 0; i < assignments.size(); ++i) {
    const kafka::Start& start = (*starts)[i];
    Topic* const topic = &topics_[assignments[i].tag];
    if (start.watermarks.status.ok()) {
      topic->reading = Reading::kRunning;
    } else if (KindOf(start.watermarks.status) == ErrorKind::kNotFound) {
      // Whatever it will hold once it exists is new.
      topic->from = kafka::Position::Oldest();
      stream_->NoteEnd(topic->part, std::nullopt);
    }
  }
}

void PastReader::Take(const FeedMessage& message) {
  Topic* const topic = &topics_[message.tag];
  if (topic->reading != Reading::kRunning) return;
  counters_->messages.fetch_add(1, std::memory_order_relaxed);
  counters_->bytes.fetch_add(message.size, std::memory_order_relaxed);
  const auto rows = topic->reader.Read(message.data, message.size);
  if (!rows.ok()) {
    counters_->malformed.fetch_add(1, std::memory_order_relaxed);
    counters_->warnings.Add(
        topic->name, fmt::format("malformed message at offset {} of topic {}: {}",
                                 message.offset, topic->name, rows.status().message()));
  }
  switch (stream_->TakePast(topic->part,
                            rows.ok() ? *rows : std::span<const codec::MessageRows>(),
                            message.offset)) {
    case Subscription::Took::kYes:
      break;
    case Subscription::Took::kNoRoom:
      Park(topic, message.offset);
      break;
    case Subscription::Took::kDone:
      Finish(topic);
  }
}

void PastReader::Take(const kafka::TopicEvent& event) {
  Topic* const topic = &topics_[event.tag];
  if (topic->reading != Reading::kRunning) return;
  if (event.kind == kafka::TopicEvent::Kind::kEnd) {
    stream_->NoteEnd(topic->part, event.offset);
    return;
  }
  counters_->malformed.fetch_add(event.kind == kafka::TopicEvent::Kind::kTooLarge,
                                 std::memory_order_relaxed);
  counters_->warnings.Add(topic->name, event.status.message());
}

void PastReader::Park(Topic* topic, int64_t offset) {
  topic->reading = Reading::kParked;
  topic->from = kafka::Position::Offset(offset);
  feed_->Unassign({topic->name});
}

void PastReader::Finish(Topic* topic) {
  topic->reading = Reading::kDone;
  feed_->Unassign({topic->name});
}

void PastReader::Unpark() {
  const bool any = std::any_of(topics_.begin(), topics_.end(), [](const Topic& topic) {
    return topic.reading == Reading::kParked;
  });
  // Some may have to be parked again, and brokers are asked each time.
  if (!any || SteadyNow() < next_unpark_ || !stream_->HasRoom()) return;
  next_unpark_ = SteadyNow() + ToChrono(kUnparkPause);
  for (Topic& topic : topics_) {
    if (topic.reading == Reading::kParked) topic.reading = Reading::kWaiting;
  }
  next_try_ = SteadyNow();
}

}  // namespace carryall::relay
