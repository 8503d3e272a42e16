#include "carryall/relay/live_reader.h"

#include <algorithm>

#include "carryall/base/log.h"

namespace carryall::relay {
namespace {

constexpr size_t kMost = 512;  // messages a poll
constexpr Duration kSlice = Duration::FromMs(50);
constexpr Duration kRetry = Duration::FromSeconds(1);

}  // namespace

LiveReader::LiveReader(std::unique_ptr<Feed> feed, size_t cluster,
                       const RelayOptions& options, std::shared_ptr<Counters> counters)
    : feed_(std::move(feed)),
      cluster_(cluster),
      options_(options),
      counters_(std::move(counters)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

LiveReader::~LiveReader() {
  thread_.request_stop();
  Post({});
  thread_.join();
}

void LiveReader::Post(Command command) {
  const std::lock_guard lock(mutex_);
  if (!failed_.ok()) {
    if (command.join) command.stream->Fail(failed_);
    return;
  }
  if (command.stream != nullptr) commands_.push_back(std::move(command));
  wake_.request_stop();
}
bool LiveReader::failed() const {
  const std::lock_guard lock(mutex_);
  return !failed_.ok();
}
void LiveReader::GiveUp(const Status& why) {
  HandleCommands();
  const std::lock_guard lock(mutex_);
  failed_ = why;
  for (const Command& command : commands_) {
    if (command.join) command.stream->Fail(why);
  }
  commands_.clear();
  for (const auto& stream : streams_) stream->Fail(why);
  streams_.clear();
}

void LiveReader::Join(std::shared_ptr<Subscription> stream) {
  Post({true, std::move(stream)});
}

void LiveReader::Leave(const std::shared_ptr<Subscription>& stream) {
  Post({false, stream});
}

std::stop_token LiveReader::WakeToken() {
  const std::lock_guard lock(mutex_);
  return wake_.get_token();
}

void LiveReader::Run(const std::stop_token& stop) {
  std::stop_token wake = WakeToken();
  while (!stop.stop_requested()) {
    if (wake.stop_requested()) {
      HandleCommands();
      wake = WakeToken();
    }
    AssignWaiting(stop);
    if (tags_.size() == waiting_.size()) {
      // Nothing to read; a feed may not wait for nothing.
      std::mutex idle;
      std::unique_lock lock(idle);
      std::condition_variable_any never;
      never.wait_for(lock, wake, ToChrono(kSlice), [] { return false; });
    } else {
      const Status polled = feed_->Poll(kMost, &fed_, kafka::Wait::For(kSlice, wake));
      if (!polled.ok() && KindOf(polled) != ErrorKind::kCancelled) {
        Log(LogLevel::kError, "reading live topics failed: {}", polled.message());
        return GiveUp(polled);
      }
      if (polled.ok()) {
        for (const FeedMessage& message : fed_.messages) Take(message);
        for (const kafka::TopicEvent& event : fed_.events) Take(event);
      }
    }
    if (SteadyNow() >= next_tick_) Tick();
  }
}

void LiveReader::Tick() {
  next_tick_ = SteadyNow() + ToChrono(kSlice);
  for (const auto& topic : slots_) {
    if (topic == nullptr || topic->next < 0) continue;
    for (const Member& member : topic->members) {
      if (member.stream->past_from()) member.stream->TryLive(member.part, topic->next);
    }
  }
  for (const auto& stream : streams_) stream->Tick();
}

void LiveReader::HandleCommands() {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
    wake_ = std::stop_source();
  }
  for (const Command& command : commands) {
    if (command.join) {
      Add(command.stream);
    } else {
      Remove(command.stream);
    }
  }
  topic_count_ = tags_.size();
}

void LiveReader::Add(const std::shared_ptr<Subscription>& stream) {
  if (stream->closed()) return;
  streams_.push_back(stream);
  const auto& parts = stream->parts();
  for (size_t q = 0; q < parts.size(); ++q) {
    if (parts[q].place.cluster != cluster_) continue;
    const auto [at, is_new] = tags_.try_emplace(parts[q].place.topic, 0);
    if (is_new) {
      const auto free = std::find(slots_.begin(), slots_.end(), nullptr);
      at->second = static_cast<uint64_t>(free - slots_.begin());
      if (free == slots_.end()) slots_.emplace_back();
      slots_[at->second] = std::make_unique<Topic>();
      slots_[at->second]->name = parts[q].place.topic;
      waiting_.push_back(parts[q].place.topic);
      next_try_ = SteadyNow();
    }
    slots_[at->second]->members.push_back({stream, q});
  }
  if (!waiting_.empty()) return;
  if (!feed_->reachable()) {
    // Nothing needs to be asked, so this is all there is to know.
    stream->NoteUnreached(cluster_,
                          Error(ErrorKind::kUnavailable, "no broker can be reached: {}",
                                options_.clusters[cluster_].brokers));
  }
  stream->NoteJoined(cluster_);
}

void LiveReader::Remove(const std::shared_ptr<Subscription>& stream) {
  std::erase(streams_, stream);
  std::vector<std::string> unused;
  for (auto& topic : slots_) {
    if (topic == nullptr) continue;
    std::erase_if(topic->members,
                  [&](const Member& member) { return member.stream == stream; });
    if (!topic->members.empty()) continue;
    unused.push_back(topic->name);
    tags_.erase(topic->name);
    std::erase(waiting_, topic->name);
    topic.reset();
  }
  if (!unused.empty()) feed_->Unassign(unused);
}

/// Topics that cannot be read yet are tried again.
void LiveReader::AssignWaiting(const std::stop_token& stop) {
  if (waiting_.empty() || SteadyNow() < next_try_) return;
  next_try_ = SteadyNow() + ToChrono(kRetry);
  std::vector<kafka::Assignment> assignments;
  for (const std::string& name : waiting_) {
    const uint64_t tag = tags_.at(name);
    // All that is in a topic that was not there a moment ago is new.
    const auto from =
        slots_[tag]->missing ? kafka::Position::Oldest() : kafka::Position::End();
    assignments.push_back({name, from, tag});
  }
  const auto starts =
      feed_->Assign(assignments, kafka::Wait::For(options_.ask_timeout, stop));
  if (!starts.ok()) {
    if (!std::exchange(told_, true)) {
      Log(LogLevel::kWarning, "topics cannot be read yet: {}", starts.status().message());
    }
    for (const auto& stream : streams_) stream->NoteUnreached(cluster_, starts.status());
    return;
  }
  told_ = false;
  waiting_.clear();
  for (size_t i = 0; i < assignments.size(); ++i) {
    const kafka::Start& start = (*starts)[i];
    Topic* const topic = slots_[assignments[i].tag].get();
    if (start.watermarks.status.ok()) {
      topic->next = start.offset;
      continue;
    }
    waiting_.push_back(topic->name);
    topic->missing = KindOf(start.watermarks.status) == ErrorKind::kNotFound;
    if (!std::exchange(topic->told, true)) {
      Log(LogLevel::kWarning, "topic {} cannot be read yet: {}", topic->name,
          start.watermarks.status.message());
    }
  }
  for (const auto& stream : streams_) stream->NoteJoined(cluster_);
}

void LiveReader::Take(const FeedMessage& message) {
  Topic* const topic = Of(message.tag);
  if (topic == nullptr) return;
  counters_->messages.fetch_add(1, std::memory_order_relaxed);
  counters_->bytes.fetch_add(message.size, std::memory_order_relaxed);
  const auto rows = topic->reader.Read(message.data, message.size);
  if (!rows.ok()) {
    counters_->malformed.fetch_add(1, std::memory_order_relaxed);
    counters_->warnings.Add(
        topic->name, fmt::format("malformed message at offset {} of topic {}: {}",
                                 message.offset, topic->name, rows.status().message()));
  }
  const auto batches = rows.ok() ? *rows : std::span<const codec::MessageRows>();
  for (const Member& member : topic->members) {
    member.stream->TakeLive(member.part, batches, topic->next, message.offset);
  }
  topic->next = message.offset + 1;
}

void LiveReader::Take(const kafka::TopicEvent& event) {
  if (event.kind == kafka::TopicEvent::Kind::kEnd) return;
  counters_->malformed.fetch_add(event.kind == kafka::TopicEvent::Kind::kTooLarge,
                                 std::memory_order_relaxed);
  const Topic* const topic = Of(event.tag);
  if (topic != nullptr) counters_->warnings.Add(topic->name, event.status.message());
}

}  // namespace carryall::relay
