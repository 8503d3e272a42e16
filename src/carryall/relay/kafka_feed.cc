#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "carryall/relay/feed.h"

namespace carryall::relay {
namespace {

// Received ahead by each consumer that gathers; the other has a consumer's default.
constexpr int64_t kQueuedBytes = int64_t{16} << 20;

/// Wakes a thread that waits for it.
class Signal {
 public:
  static Result<std::unique_ptr<Signal>> Make() {
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
      return Error(ErrorKind::kResourceExhausted, "no file descriptor for a consumer: {}",
                   std::strerror(errno));
    }
    return std::unique_ptr<Signal>(new Signal(fd));
  }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() { close(fd_); }

  int fd() const { return fd_; }
  void Raise() const { (void)eventfd_write(fd_, 1); }
  /// Returns when it is raised or has been since the last wait, and at the latest after
  /// `milliseconds`.
  void WaitFor(int milliseconds) const {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, milliseconds) > 0) {
      eventfd_t count;
      (void)eventfd_read(fd_, &count);
    }
  }

 private:
  explicit Signal(int fd) : fd_(fd) {}
  const int fd_;
};

class KafkaFeed final : public Feed {
 public:
  static Result<std::unique_ptr<Feed>> Make(kafka::ConsumerOptions options,
                                            const KafkaFeedLimits& limits) {
    ARROW_ASSIGN_OR_RAISE(auto signal, Signal::Make());
    std::unique_ptr<KafkaFeed> feed(
        new KafkaFeed(std::move(options), limits, std::move(signal)));
    ARROW_RETURN_NOT_OK(feed->AddReader());
    return feed;
  }

  Result<std::vector<kafka::Start>> Assign(
      const std::vector<kafka::Assignment>& assignments,
      const kafka::Wait& wait) override {
    ARROW_ASSIGN_OR_RAISE(const auto places, Place(assignments));
    std::vector<std::vector<kafka::Assignment>> parts(readers_.size());
    for (size_t i = 0; i < assignments.size(); ++i) {
      parts[places[i]].push_back(assignments[i]);
    }
    std::vector<std::vector<kafka::Start>> found(readers_.size());
    for (size_t k = 0; k < parts.size(); ++k) {
      if (parts[k].empty()) continue;
      ARROW_ASSIGN_OR_RAISE(found[k], readers_[k]->consumer->Resolve(parts[k], wait));
    }
    for (size_t k = 0; k < parts.size(); ++k) {
      if (!parts[k].empty()) readers_[k]->consumer->Begin(parts[k], &found[k]);
    }
    std::vector<kafka::Start> starts;
    std::vector<size_t> next(readers_.size());
    for (size_t i = 0; i < assignments.size(); ++i) {
      const size_t k = places[i];
      starts.push_back(std::move(found[k][next[k]++]));
      if (readers_[k]->consumer->IsAssigned(assignments[i].topic)) {
        places_[assignments[i].topic] = k;
      }
    }
    return starts;
  }

  void Unassign(const std::vector<std::string>& topics) override {
    std::vector<std::vector<std::string>> parts(readers_.size());
    for (const std::string& topic : topics) {
      const auto at = places_.find(topic);
      if (at == places_.end()) continue;
      parts[at->second].push_back(topic);
      places_.erase(at);
    }
    for (size_t k = 0; k < parts.size(); ++k) {
      if (!parts[k].empty()) readers_[k]->consumer->Unassign(parts[k]);
    }
  }

  Status Poll(size_t most, Fed* out, const kafka::Wait& wait) override {
    out->messages.clear();
    out->events.clear();
    // What was given out before may go now.
    for (const auto& reader : readers_) reader->polled.Clear();
    if (readers_.size() == 1) {  // its own queue is the quickest to wait for
      Reader& only = *readers_.front();
      ARROW_RETURN_NOT_OK(only.consumer->Poll(most, &only.polled, wait));
      Give(&only.polled, out);
      return Status::OK();
    }
    const auto wake = [this] { signal_->Raise(); };
    const std::stop_callback<decltype(wake)> on_stop(wait.stop, wake);
    for (;;) {
      ARROW_RETURN_NOT_OK(wait.Check());
      ARROW_RETURN_NOT_OK(PollEach(most, out));
      if (!out->messages.empty() || !out->events.empty() || wait.Over()) {
        return Status::OK();
      }
      signal_->WaitFor(wait.SliceMs());
    }
  }

  bool reachable() const override {
    return std::ranges::all_of(
        readers_, [](const auto& reader) { return reader->consumer->reachable(); });
  }

 private:
  KafkaFeed(kafka::ConsumerOptions options, const KafkaFeedLimits& limits,
            std::unique_ptr<Signal> signal)
      : options_(std::move(options)), limits_(limits), signal_(std::move(signal)) {}

  struct Reader {
    std::unique_ptr<kafka::Consumer> consumer;
    kafka::Polled polled;
  };

  /// The first is the one that does not gather.
  Status AddReader() {
    auto reader = std::make_unique<Reader>();
    kafka::ConsumerOptions options = options_;
    if (!readers_.empty()) {
      options.max_queued_bytes = kQueuedBytes;
      if (!options.report_ends) options.gather = limits_.gather;
    }
    ARROW_ASSIGN_OR_RAISE(reader->consumer, kafka::Consumer::Make(options));
    reader->consumer->NotifyBy(signal_->fd());
    readers_.push_back(std::move(reader));
    return Status::OK();
  }

  /// Which consumer is to read each topic: the one that does, or the first if it has room
  /// for all, or another with room, or the one of those with the fewest.
  Result<std::vector<size_t>> Place(const std::vector<kafka::Assignment>& assignments) {
    std::vector<size_t> load;
    for (const auto& reader : readers_) load.push_back(reader->consumer->assigned());
    const bool prompt = load[0] + assignments.size() <= limits_.prompt_topics;
    std::unordered_map<std::string_view, size_t> fresh;
    std::vector<size_t> places;
    for (const kafka::Assignment& each : assignments) {
      if (const auto at = places_.find(each.topic); at != places_.end()) {
        places.push_back(at->second);
        continue;
      }
      if (const auto at = fresh.find(each.topic); at != fresh.end()) {
        places.push_back(at->second);  // twice, which its consumer refuses
        continue;
      }
      auto least = prompt ? load.begin() : std::min_element(load.begin() + 1, load.end());
      if (least == load.end() || (!prompt && *least >= limits_.topics_a_consumer &&
                                  readers_.size() < limits_.most_consumers)) {
        ARROW_RETURN_NOT_OK(AddReader());
        load.push_back(0);
        least = load.end() - 1;
      }
      ++*least;
      places.push_back(static_cast<size_t>(least - load.begin()));
      fresh.emplace(each.topic, places.back());
    }
    return places;
  }

  Status PollEach(size_t most, Fed* out) {
    const kafka::Wait now{SteadyTime()};  // long over
    for (size_t i = 0; i < readers_.size(); ++i) {
      const size_t got = out->messages.size() + out->events.size();
      if (got >= most) break;
      Reader& reader = *readers_[(first_ + i) % readers_.size()];
      ARROW_RETURN_NOT_OK(reader.consumer->Poll(most - got, &reader.polled, now));
      Give(&reader.polled, out);
    }
    first_ = (first_ + 1) % readers_.size();  // so that none has to wait for long
    return Status::OK();
  }

  static void Give(kafka::Polled* polled, Fed* out) {
    for (const kafka::Message& message : polled->messages) {
      out->messages.push_back(
          {message.tag(), message.offset(), message.data(), message.size()});
    }
    for (kafka::TopicEvent& event : polled->events) {
      out->events.push_back(std::move(event));
    }
  }

  const kafka::ConsumerOptions options_;
  const KafkaFeedLimits limits_;
  const std::unique_ptr<Signal> signal_;  // before the consumers, which write to it
  std::vector<std::unique_ptr<Reader>> readers_;
  std::unordered_map<std::string, size_t> places_;  // which of them reads a topic
  size_t first_ = 0;
};

}  // namespace

Result<std::unique_ptr<Feed>> MakeKafkaFeedWithin(const KafkaFeedLimits& limits,
                                                  const kafka::ClusterOptions& cluster,
                                                  bool report_ends) {
  kafka::ConsumerOptions options;
  options.cluster = cluster;
  options.report_ends = report_ends;
  return KafkaFeed::Make(std::move(options), limits);
}

Result<std::unique_ptr<Feed>> MakeKafkaFeed(const kafka::ClusterOptions& cluster,
                                            bool report_ends) {
  return MakeKafkaFeedWithin({}, cluster, report_ends);
}

}  // namespace carryall::relay
