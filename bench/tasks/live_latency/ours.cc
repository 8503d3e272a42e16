// bench_live_latency subscribe URL NAME...: streams these channels.
// bench_live_latency consume BROKERS TOPIC...
// bench_live_latency produce BROKERS FROM_NS STRIDES TOPIC=BYTES...
// Those who read print lines as limit.h says, until they are killed.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "carryall/base/clock.h"
#include "carryall/client/client.h"
#include "tasks/live_latency/limit.h"

namespace carryall::bench {
namespace {

/// Samples, and a sum that depends on their places.
std::string AnswerOf(const SeriesBlock& block) {
  int64_t count = 0, sum = 0;
  for (const SampleView view : block.views()) {
    const auto* values = reinterpret_cast<const float*>(view.values);
    for (int64_t i = 0; i < view.length; ++i) {
      ++count;
      sum += static_cast<int64_t>(values[i]) * (count % 1021);
    }
  }
  return fmt::format("{} values, sum {}", count, sum);
}

Status Subscribe(const char* url, const std::vector<std::string>& names) {
  client::ClientOptions options;
  options.url = url;
  ARROW_ASSIGN_OR_RAISE(const auto client, client::Client::Make(options));
  ARROW_ASSIGN_OR_RAISE(const auto stream, client->Stream(names, {}));
  bool answered = false;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto block, stream->Next());
    const GpsTime now = Clock::System().Now();
    if (!block) return Error(ErrorKind::kUnavailable, "the stream ended");
    bool whole = true;
    for (const SampleView view : block->views()) whole = whole && !view.may_have_gaps();
    if (whole && !std::exchange(answered, true)) {
      PrintAnswer(AnswerOf(*block));
    } else {
      PrintBlock(block->time(), now, whole);
    }
  }
}

Status Run(int argc, char** argv) {
  const std::string_view verb = argc > 3 ? argv[1] : "";
  const auto rest = [&](int from) {
    return std::vector<std::string>(argv + std::min(argc, from), argv + argc);
  };
  if (verb == "subscribe") return Subscribe(argv[2], rest(3));
  if (verb == "consume") return ConsumeBare(argv[2], rest(3));
  if (verb == "produce" && argc > 5) {
    std::vector<BareTopic> topics;
    for (const std::string& topic : rest(5)) {
      const size_t equals = topic.find('=');
      topics.push_back({topic.substr(0, equals), std::stoul(topic.substr(equals + 1))});
    }
    return ProduceBare(argv[2], GpsTime::FromNs(std::atoll(argv[3])), std::atoll(argv[4]),
                       topics);
  }
  return Error(ErrorKind::kInvalidArgument, "see the head of this program's source");
}

}  // namespace

void PrintBlock(GpsTime time, GpsTime now, bool whole) {
  fmt::print("{} {} {}\n", time.ns(), now.ns(), whole ? 1 : 0);
  std::fflush(stdout);
}

void PrintAnswer(const std::string& what) {
  fmt::print("answer {}\n", what);
  std::fflush(stdout);
}

}  // namespace carryall::bench

int main(int argc, char** argv) {
  const carryall::Status status = carryall::bench::Run(argc, argv);
  if (status.ok()) return 0;
  fmt::print(stderr, "bench_live_latency: {}\n", status.ToString());
  return 1;
}
