// live_streams URL STREAMS SECONDS CONNECTIONS CHANNEL...
//
// Follows the same channels in many live streams at once, as many clients would: plain
// Flight calls, each read by a thread of its own. Prints one line of JSON: blocks
// received, blocks missing between the first and the last of a stream, blocks of the
// wrong length, blocks with gaps, and how late blocks came after their own time and how
// far from the rhythm (seconds). Exit status 0 if no stream failed.
#include <arrow/array.h>
#include <arrow/flight/client.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "carryall/base/clock.h"
#include "carryall/wire/request.h"

namespace carryall {
namespace {

namespace flight = arrow::flight;

struct Tally {
  std::mutex mutex;
  int64_t blocks = 0, missing = 0, misshapen = 0, gaps = 0, failed = 0, bytes = 0;
  std::vector<double> late;    ///< arrival after the block's own time
  std::vector<double> uneven;  ///< distance of an interval between arrivals from a stride
  std::string error;
};

struct Arrival {
  int64_t time = 0, at = 0;
};

/// Reads one stream to `until`; blocks are judged afterwards, so that reading is all it
/// does.
Status Follow(flight::FlightClient* client, const std::string& ticket, size_t channels,
              GpsTime until, Tally* tally) {
  ARROW_ASSIGN_OR_RAISE(auto reader, client->DoGet(flight::Ticket{ticket}));
  std::vector<Arrival> arrivals;
  int64_t misshapen = 0, gaps = 0, bytes = 0;
  while (Clock::System().Now() < until) {
    ARROW_ASSIGN_OR_RAISE(const flight::FlightStreamChunk chunk, reader->Next());
    if (chunk.data == nullptr) break;
    const auto& times = static_cast<const arrow::Int64Array&>(*chunk.data->column(0));
    arrivals.push_back({times.Value(0), Clock::System().Now().ns()});
    const auto width = static_cast<size_t>(chunk.data->num_columns());
    misshapen += width != channels + 1 || chunk.data->num_rows() != 1 ? 1 : 0;
    bool whole = true;
    for (int i = 1; i < chunk.data->num_columns(); ++i) {
      const auto& list = static_cast<const arrow::ListArray&>(*chunk.data->column(i));
      bytes += list.value_length(0) * 4;
      whole &= list.values()->null_count() == 0;
    }
    gaps += whole ? 0 : 1;
  }
  reader->Cancel();
  if (arrivals.empty()) {
    return Error(ErrorKind::kTimeout, "a stream gave no block");
  }
  const std::lock_guard lock(tally->mutex);
  constexpr int64_t kStride = 62'500'000;
  const int64_t span = (arrivals.back().time - arrivals.front().time) / kStride + 1;
  const auto count = static_cast<int64_t>(arrivals.size());
  tally->blocks += count;
  tally->missing += std::abs(span - count);
  tally->misshapen += misshapen;
  tally->gaps += gaps;
  tally->bytes += bytes;
  // The first block is that of the stride in which the call was made.
  for (size_t i = 1; i < arrivals.size(); ++i) {
    tally->missing += arrivals[i].time - arrivals[i - 1].time == kStride ? 0 : 1;
    tally->late.push_back(static_cast<double>(arrivals[i].at - arrivals[i].time) / 1e9);
    if (i == 1) continue;
    const int64_t interval = arrivals[i].at - arrivals[i - 1].at;
    tally->uneven.push_back(std::fabs(static_cast<double>(interval - kStride)) / 1e9);
  }
  return Status::OK();
}

double Quantile(std::vector<double>* values, double q) {
  if (values->empty()) return 0;
  const auto at =
      values->begin() + static_cast<int64_t>(q * static_cast<double>(values->size() - 1));
  std::nth_element(values->begin(), at, values->end());
  return *at;
}

Status Run(const std::string& url, int streams, double seconds, int connections,
           std::vector<std::string> channels, Tally* tally) {
  wire::StreamArgs args;
  args.channels = std::move(channels);
  const size_t width = args.channels.size();
  const std::string ticket =
      wire::SerializeRequest({wire::RequestType::kStream, std::move(args), {}});
  ARROW_ASSIGN_OR_RAISE(const flight::Location location, flight::Location::Parse(url));
  std::vector<std::unique_ptr<flight::FlightClient>> clients;
  for (int i = 0; i < connections; ++i) {
    // Without the first option equal targets share one connection.
    flight::FlightClientOptions options;
    options.generic_options.emplace_back("grpc.use_local_subchannel_pool", 1);
    ARROW_ASSIGN_OR_RAISE(auto client, flight::FlightClient::Connect(location, options));
    clients.push_back(std::move(client));
  }
  const GpsTime until =
      Clock::System().Now() + Duration::FromNs(static_cast<int64_t>(seconds * 1e9));
  std::vector<std::thread> threads;
  for (int i = 0; i < streams; ++i) {
    threads.emplace_back([&, i] {
      flight::FlightClient* client = clients[static_cast<size_t>(i % connections)].get();
      const Status status = Follow(client, ticket, width, until, tally);
      if (status.ok()) return;
      const std::lock_guard lock(tally->mutex);
      ++tally->failed;
      tally->error = status.message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return Status::OK();
}

int Main(int argc, char** argv) {
  if (argc < 6) {
    fmt::print(stderr,
               "usage: live_streams URL STREAMS SECONDS CONNECTIONS CHANNEL...\n");
    return 2;
  }
  Tally tally;
  const double seconds = std::atof(argv[3]);
  const Status status = Run(argv[1], std::atoi(argv[2]), seconds, std::atoi(argv[4]),
                            {argv + 5, argv + argc}, &tally);
  if (!status.ok() || tally.failed != 0) {
    fmt::print(stderr, "live_streams: {} failed: {}\n", tally.failed,
               status.ok() ? tally.error : status.message());
    return 1;
  }
  fmt::print(
      "{{\"blocks\": {}, \"missing\": {}, \"misshapen\": {}, \"gaps\": {}, "
      "\"mb_per_s\": {:.1f}, "
      "\"late\": {{\"p50\": {:.6f}, \"p99\": {:.6f}, \"max\": {:.6f}}}, "
      "\"uneven\": {{\"p50\": {:.6f}, \"p99\": {:.6f}, \"max\": {:.6f}}}}}\n",
      tally.blocks, tally.missing, tally.misshapen, tally.gaps,
      static_cast<double>(tally.bytes) / seconds / 1e6, Quantile(&tally.late, 0.5),
      Quantile(&tally.late, 0.99), Quantile(&tally.late, 1), Quantile(&tally.uneven, 0.5),
      Quantile(&tally.uneven, 0.99), Quantile(&tally.uneven, 1));
  return 0;
}

}  // namespace
}  // namespace carryall

int main(int argc, char** argv) { return carryall::Main(argc, argv); }
