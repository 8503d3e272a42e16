// relay_outages BROKERS NAME: publishes a site as time goes by and reads it back through
// the relay, live and from the past into live, while somebody kills the broker, until
// SIGTERM. Every stride must come once and in order, right or missing; the last ones
// right. Prints one line of JSON; exit status 0 if that was so.
#include <csignal>

#include "live_site.h"

namespace carryall::relay {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

std::atomic<bool> ending = false;

struct Tally {
  std::string letters;
  int64_t jumps = 0;
  Status status;
};

/// Reads until told to end, and then until ten strides in a row were right.
void Read(backend::BlockSource* source, Duration stride, Tally* tally) {
  std::optional<GpsTime> at;
  std::optional<SteadyTime> deadline;
  for (;;) {
    if (ending && !deadline) deadline = SteadyNow() + std::chrono::seconds(60);
    const bool well = tally->letters.ends_with("..........");
    if (ending && (well || SteadyNow() > *deadline)) return;
    const auto step = source->Next({}, SteadyNow() + std::chrono::milliseconds(50));
    tally->status = step.status();
    if (!step.ok()) return;
    if (step->kind != backend::SourceStep::Kind::kBlock) continue;
    if (at && step->block.time() != *at) ++tally->jumps;
    at = step->block.end();
    tally->letters += Letters(step->block, stride);
  }
}

Status Run(const std::string& brokers, const std::string& name) {
  const kafka::Wait wait = kafka::Wait::For(Duration::FromSeconds(60));
  LiveSite site(brokers, name, Duration::FromSeconds(1));
  ARROW_RETURN_NOT_OK(site.CreateTopics(wait));
  ARROW_RETURN_NOT_OK(site.Connect({}, wait));
  ARROW_ASSIGN_OR_RAISE(const auto relay, site.NewRelay());
  Status published;
  std::jthread publisher(
      [&](const std::stop_token& stop) { published = site.PublishLive(stop); });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  backend::StreamRequest request;
  request.channels = site.site().AllChannels();
  ARROW_ASSIGN_OR_RAISE(const auto live, relay->Stream(request));
  request.start = Clock::System().Now().Floor(site.stride()) - site.stride() * 8;
  ARROW_ASSIGN_OR_RAISE(const auto past, relay->Stream(request));
  Tally tallies[2];
  {
    std::jthread one([&] { Read(live.get(), site.stride(), &tallies[0]); });
    std::jthread two([&] { Read(past.get(), site.stride(), &tallies[1]); });
    fmt::print("running\n");
    std::fflush(stdout);
  }
  publisher.request_stop();
  publisher.join();
  const auto count = [&](char letter) {
    int64_t sum = 0;
    for (const Tally& tally : tallies) {
      sum += std::count(tally.letters.begin(), tally.letters.end(), letter);
    }
    return sum;
  };
  fmt::print(R"({{"right": {}, "missing": {}, "partly": {}, "wrong": {}, "jumps": {}, )"
             R"("well": {}}})"
             "\n",
             count('.'), count('g'), count('/'), count('x'),
             tallies[0].jumps + tallies[1].jumps,
             tallies[0].letters.ends_with("..........") &&
                 tallies[1].letters.ends_with(".........."));
  ARROW_RETURN_NOT_OK(published);
  ARROW_RETURN_NOT_OK(tallies[0].status);
  return tallies[1].status;
}

}  // namespace
}  // namespace carryall::relay

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: relay_outages BROKERS NAME\n");
    return 2;
  }
  std::signal(SIGTERM, [](int) { carryall::relay::ending = true; });
  const carryall::Status status = carryall::relay::Run(argv[1], argv[2]);
  if (status.ok()) return 0;
  fmt::print(stderr, "{}\n", status.ToString());
  return 1;
}
