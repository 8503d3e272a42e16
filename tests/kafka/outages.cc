// kafka_outages BROKERS TOPIC: writes numbered messages to a new topic and reads them
// back at the same time, while somebody kills the broker, until SIGTERM. Then everything
// that was sent must be confirmed within two minutes, and everything confirmed be read,
// once and in order. Prints one line of JSON; exit status 0 if that was so.
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <thread>

#include "carryall/kafka/admin.h"
#include "carryall/kafka/consumer.h"
#include "carryall/kafka/producer.h"

namespace carryall::kafka {
namespace {

std::atomic<bool> ending = false;

struct Tally {
  std::atomic<int64_t> sent = 0;
  std::atomic<bool> sending = true;
  int64_t confirmed = 0;
  int64_t read = 0;
  int64_t twice = 0;
  int64_t lost = 0;
  int64_t events = 0;
};

Wait Minutes(int64_t minutes) { return Wait::For(Duration::FromSeconds(minutes * 60)); }

/// A number in front of as many bytes as a small block has.
std::shared_ptr<const std::string> Numbered(int64_t number) {
  return std::make_shared<const std::string>(fmt::format("{:016}", number) +
                                             std::string(2000, '.'));
}

Status Write(const ClusterOptions& cluster, const std::string& topic, Tally* tally) {
  ProducerOptions options;
  options.cluster = cluster;
  options.delivery_timeout = Duration::FromSeconds(120);
  ARROW_ASSIGN_OR_RAISE(const auto producer, Producer::Make(options));
  std::deque<std::shared_ptr<Deliveries>> unconfirmed;
  while (!ending) {
    const auto value = Numbered(tally->sent);
    unconfirmed.push_back(std::make_shared<Deliveries>());
    ARROW_RETURN_NOT_OK(
        producer->Send({topic, *value, value}, unconfirmed.back(), Minutes(2)));
    ++tally->sent;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (const auto& delivery : unconfirmed) {
    ARROW_RETURN_NOT_OK(delivery->Finish(Minutes(2)));
    ++tally->confirmed;
  }
  return Status::OK();
}

Status Read(const ClusterOptions& cluster, const std::string& topic, Tally* tally) {
  ARROW_ASSIGN_OR_RAISE(const auto consumer, Consumer::Make({cluster}));
  ARROW_ASSIGN_OR_RAISE(const auto starts,
                        consumer->Assign({{topic, Position::Oldest(), 1}}, Minutes(2)));
  ARROW_RETURN_NOT_OK(starts[0].watermarks.status);
  int64_t next = 0;
  Polled polled;
  Wait wait = Minutes(2);
  while (tally->sending || next < tally->sent) {
    ARROW_RETURN_NOT_OK(consumer->Poll(1000, &polled, Wait::For(Duration::FromMs(100))));
    tally->events += static_cast<int64_t>(polled.events.size());
    for (const Message& message : polled.messages) {
      const int64_t number =
          std::atoll(std::string(message.value().substr(0, 16)).c_str());
      ++tally->read;
      tally->twice += number < next ? 1 : 0;
      tally->lost += number > next ? number - next : 0;
      next = std::max(next, number + 1);
      wait = Minutes(2);
    }
    if (wait.Over()) {
      return Error(ErrorKind::kTimeout, "message {} of {} did not come", next,
                   tally->sent.load());
    }
  }
  return Status::OK();
}

int Main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: kafka_outages BROKERS TOPIC\n");
    return 2;
  }
  std::signal(SIGTERM, [](int) { ending = true; });
  const ClusterOptions cluster{argv[1], "outages", {}, {}};
  const std::string topic = argv[2];
  Tally tally;
  Status written, read;
  Status status = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto admin, Admin::Make(cluster));
    return admin->CreateTopics({{topic}}, Minutes(1));
  }();
  if (status.ok()) {
    fmt::print("running\n");
    std::fflush(stdout);
    std::thread reader([&] { read = Read(cluster, topic, &tally); });
    written = Write(cluster, topic, &tally);
    tally.sending = false;
    reader.join();
    status = written.ok() ? read : written;
  }
  if (!status.ok()) fmt::print(stderr, "kafka_outages: {}\n", status.message());
  fmt::print(
      "{{\"sent\": {}, \"confirmed\": {}, \"read\": {}, \"twice\": {}, \"lost\": {}, "
      "\"events\": {}}}\n",
      tally.sent.load(), tally.confirmed, tally.read, tally.twice, tally.lost,
      tally.events);
  return status.ok() && tally.twice == 0 && tally.lost == 0 ? 0 : 1;
}

}  // namespace
}  // namespace carryall::kafka

int main(int argc, char** argv) { return carryall::kafka::Main(argc, argv); }
