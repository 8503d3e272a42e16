// bench_catalogue adopt FILE PUBLISHER < ROWS
//   fills a catalogue; a row: name, type, rate, partition and index between tabs.
// bench_catalogue count|find|first|describe URL PATTERN|FILE
//   asks a server and prints {"ms": how long the client waited, "answer": what it got};
//   of "first" until the first row, of "describe" for the names that the lines of FILE
//   are.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "carryall/catalogue/catalogue.h"
#include "carryall/client/client.h"

namespace {

using namespace carryall;  // NOLINT(google-build-using-namespace)

Status Adopt(const char* file, const char* publisher_id) {
  std::vector<Channel> channels;
  std::string name, type, partition;
  int64_t hz = 0;
  uint32_t index = 0;
  while (std::cin >> name >> type >> hz >> partition >> index) {
    Channel& channel = channels.emplace_back();
    channel.name = name;
    ARROW_ASSIGN_OR_RAISE(channel.data_type, DataTypeFromName(type));
    ARROW_ASSIGN_OR_RAISE(channel.sample_rate, SampleRate::Make(hz));
    channel.partition_id = partition;
    channel.partition_index = index;
  }
  catalogue::PublisherConfig publisher;
  publisher.publisher_id = publisher_id;
  publisher.stride = Duration::FromNs(62'500'000);
  publisher.max_latency = Duration::FromSeconds(1);
  publisher.dynamic = true;
  ARROW_ASSIGN_OR_RAISE(const auto catalogue, catalogue::Catalogue::Open(file));
  return catalogue->Adopt(publisher, std::move(channels), {}).status();
}

/// What the contenders must agree on, in an order of no matter.
struct Answer {
  int64_t channels = 0;
  size_t sum = 0;

  void Add(const Channel& channel) {
    ++channels;
    sum += std::hash<std::string>()(fmt::format(
        "{} {} {} {} {} {} {}", channel.name, Name(channel.data_type),
        channel.sample_rate.hz(), channel.publisher.value_or("-"),
        channel.partition_id.value_or("-"), channel.partition_index.value_or(0),
        channel.stride ? channel.stride->ns() : 0));
  }
};

Status Ask(std::string_view kind, const char* url, const char* what) {
  client::ClientOptions options;
  options.url = url;
  options.answer_timeout = Duration::FromSeconds(100);
  ARROW_ASSIGN_OR_RAISE(const auto client, client::Client::Make(options));
  ARROW_RETURN_NOT_OK(client->ServerInfo().status());  // there is a connection now
  wire::DescribeArgs names;
  if (kind == "describe") {
    std::ifstream file(what);
    for (std::string line; std::getline(file, line);) names.channels.push_back(line);
  }
  wire::FindArgs matching;
  matching.pattern = what;
  Answer answer;
  const auto began = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> first;
  if (kind == "count") {
    ARROW_ASSIGN_OR_RAISE(answer.channels, client->Count(matching));
  } else if (kind == "describe") {
    ARROW_ASSIGN_OR_RAISE(const auto channels, client->Describe(names));
    first = std::chrono::steady_clock::now();
    for (const Channel& channel : channels) answer.Add(channel);
  } else {
    ARROW_RETURN_NOT_OK(client->Find(matching, [&](const Channel& channel) {
      if (!first) first = std::chrono::steady_clock::now();
      answer.Add(channel);
      return kind == "find";
    }));
  }
  const std::chrono::duration<double, std::milli> took =
      first.value_or(std::chrono::steady_clock::now()) - began;
  fmt::print(R"({{"ms": {:.3f}, "answer": "{} channels, sum {:x}"}})"
             "\n",
             took.count(), answer.channels, answer.sum);
  return Status::OK();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr,
               "usage: bench_catalogue adopt FILE PUBLISHER\n"
               "       bench_catalogue count|find|first|describe URL WHAT\n");
    return 2;
  }
  const std::string_view kind = argv[1];
  const Status status =
      kind == "adopt" ? Adopt(argv[2], argv[3]) : Ask(kind, argv[2], argv[3]);
  if (status.ok()) return 0;
  fmt::print(stderr, "{}\n", status.ToString());
  return 1;
}
