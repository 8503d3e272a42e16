// Publishes blocks of a publisher's channels one after the other, each confirmed before
// the next, or with "ahead" all in the end, or with "live" each sent when its time is
// over: bench_publish URL PUBLISHER START_NS BLOCKS [ahead|live] prints
// {"blocks_per_second": ...}.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string_view>
#include <thread>

#include "carryall/base/clock.h"
#include "carryall/publish/publisher.h"

namespace {

using namespace carryall;  // NOLINT(google-build-using-namespace)

/// A block whose samples lie in memory of its own, as a digitiser leaves them.
SeriesBlock Block(const publish::Registration& registration, GpsTime time,
                  const std::vector<std::vector<float>>& samples) {
  std::vector<SampleView> views;
  for (const std::vector<float>& channel : samples) {
    views.push_back({reinterpret_cast<const uint8_t*>(channel.data()), nullptr, 0,
                     static_cast<int64_t>(channel.size()), DataType::kFloat32});
  }
  return SeriesBlock(time, registration.stride(), registration.channels(), views, {});
}

Result<double> Run(const char* url, const char* id, GpsTime start, int blocks,
                   std::string_view way) {
  publish::PublisherOptions options;
  options.id = id;
  options.server.url = url;
  ARROW_ASSIGN_OR_RAISE(const auto publisher, publish::Publisher::Make(options));
  ARROW_RETURN_NOT_OK(publisher->Open());
  const publish::Registration& registration = *publisher->registration();
  std::vector<std::vector<float>> samples;
  for (const Channel& channel : registration.channels()->channels()) {
    samples.emplace_back(channel.sample_rate.SamplesIn(registration.stride()));
    std::iota(samples.back().begin(), samples.back().end(),
              static_cast<float>(samples.size()));
  }
  ARROW_RETURN_NOT_OK(publisher->Publish(Block(registration, start, samples)));
  const auto began = std::chrono::steady_clock::now();
  for (int i = 1; i <= blocks; ++i) {
    const SeriesBlock block =
        Block(registration, start + registration.stride() * i, samples);
    if (way == "live") {
      const Duration left = block.end() - Clock::System().Now();
      if (left.ns() > 0) std::this_thread::sleep_for(ToChrono(left));
    }
    ARROW_RETURN_NOT_OK(way.empty() ? publisher->Publish(block) : publisher->Send(block));
  }
  ARROW_RETURN_NOT_OK(publisher->Flush());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (publisher->confirmed() != blocks + 1) {
    return Error(ErrorKind::kInternal, "{} of {} blocks confirmed",
                 publisher->confirmed(), blocks + 1);
  }
  ARROW_RETURN_NOT_OK(publisher->Close());
  return blocks / took.count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::fprintf(stderr,
                 "usage: bench_publish URL PUBLISHER START_NS BLOCKS [ahead|live]\n");
    return 2;
  }
  const auto rate = Run(argv[1], argv[2], GpsTime::FromNs(std::atoll(argv[3])),
                        std::atoi(argv[4]), argc == 6 ? argv[5] : "");
  if (!rate.ok()) {
    std::fprintf(stderr, "%s\n", rate.status().ToString().c_str());
    return 1;
  }
  std::printf("{\"blocks_per_second\": %.1f}\n", *rate);
  return 0;
}
