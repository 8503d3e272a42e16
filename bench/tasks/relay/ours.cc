// CPU time a stride of the relay: decode, select, mux, assemble and encode.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>

#include "tasks/relay/memory_feed.h"

namespace carryall::bench {
namespace {

struct Case {
  std::string name;
  Site site;
  codec::Form form;
  int strides;
};

const Case kCases[] = {
    {"323x767", {323, 323 * 80, 767}, codec::Form::kColumn, 400},
    {"3900x2000", {3900, 311'000, 2000}, codec::Form::kColumn, 100},
    {"3900x311000", {3900, 311'000, 311'000}, codec::Form::kRow, 20},
    {"3900x311000/columns", {3900, 311'000, 311'000}, codec::Form::kColumn, 20},
};

struct Measured {
  double us = 0;      ///< CPU time a stride
  int64_t bytes = 0;  ///< of the relay and its subscribers, whatever is in their feed
  std::string answer;
};

/// Over a feed in this process, which hands out finished messages.
Result<Measured> Measure(const Case& c, int subscribers, bool only_answer) {
  ARROW_ASSIGN_OR_RAISE(const auto topics,
                        MemoryTopics::Make(c.site, c.site.PartitionsWanted(subscribers)));
  malloc_trim(0);
  const int64_t bytes_before = ResidentBytes();
  ManualClock clock(kBegin);
  ARROW_ASSIGN_OR_RAISE(const auto relay, relay::Relay::Make(topics->Options(&clock)));
  struct Subscriber {
    std::unique_ptr<backend::BlockSource> source;
    std::unique_ptr<codec::StreamEncoder> encoder;
    arrow::ipc::IpcPayload payload;
  };
  std::vector<Subscriber> all;
  for (int i = 0; i < subscribers; ++i) {
    Subscriber& one = all.emplace_back();
    backend::StreamRequest request;
    ARROW_ASSIGN_OR_RAISE(request.channels, c.site.Wanted(i));
    ARROW_ASSIGN_OR_RAISE(one.encoder, MakeEncoder(request.channels, c.form));
    ARROW_ASSIGN_OR_RAISE(one.source, relay->Stream(std::move(request)));
  }
  const size_t wanted = c.site.PartitionsWanted(subscribers).size();
  while (topics->assigned() < wanted) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  int64_t stride = 0;
  const auto next = [&]() -> Status {
    const GpsTime time = kBegin + kStride * stride;
    clock.Set(time);
    topics->Release(stride++, time);
    for (Subscriber& one : all) {
      ARROW_ASSIGN_OR_RAISE(const SeriesBlock block, NextBlock(one.source.get()));
      if (block.time() != time) {
        return arrow::Status::Invalid("a block of another time came");
      }
      ARROW_ASSIGN_OR_RAISE(one.payload, one.encoder->Encode(block));
    }
    return Status::OK();
  };
  Measured out;
  for (int variant = 0; variant < kVariants; ++variant) {
    ARROW_RETURN_NOT_OK(next());
    if (variant == 1) {
      ARROW_ASSIGN_OR_RAISE(out.answer, AnswerOf(*all[0].encoder, all[0].payload));
    }
  }
  if (only_answer) return out;
  for (int i = 0; i < 10; ++i) ARROW_RETURN_NOT_OK(next());
  const double before = CpuSeconds();
  for (int i = 0; i < c.strides; ++i) ARROW_RETURN_NOT_OK(next());
  out.us = (CpuSeconds() - before) * 1e6 / c.strides;
  out.bytes = ResidentBytes() - bytes_before;
  return out;
}

Status Run(int argc, char** argv) {
  const std::string_view verb = argc > 2 ? argv[1] : "";
  if (verb == "scale" && argc == 6) {
    const int64_t partitions = std::atoll(argv[2]);
    const Case c{"",
                 {partitions, partitions * 80, std::atoll(argv[3])},
                 codec::Form::kColumn,
                 std::atoi(argv[5])};
    ARROW_ASSIGN_OR_RAISE(const auto measured, Measure(c, std::atoi(argv[4]), false));
    fmt::print(R"({{"us": {:.2f}, "bytes": {}, "answer": "{}"}})"
               "\n",
               measured.us, measured.bytes, measured.answer);
    return Status::OK();
  }
  for (const Case& c : kCases) {
    if (argc < 3 || c.name != argv[2]) continue;
    if (verb == "answer" || verb == "measure") {
      ARROW_ASSIGN_OR_RAISE(const auto measured, Measure(c, 1, verb == "answer"));
      fmt::print(R"({{"us": {:.2f}, "answer": "{}"}})"
                 "\n",
                 measured.us, measured.answer);
      return Status::OK();
    }
    if (verb == "topics" && argc == 4) return CreateTopics(c.site, argv[3]);
    if (verb == "produce" && argc == 5) {
      return Produce(c.site, argv[3], std::atoi(argv[4]));
    }
    if (verb == "broker" && argc == 5) {
      std::string answer;
      ARROW_ASSIGN_OR_RAISE(const double us,
                            ReadLive(c.site, argv[3], std::atoi(argv[4]), &answer));
      fmt::print(R"({{"us": {:.2f}, "answer": "{}"}})"
                 "\n",
                 us, answer);
      return Status::OK();
    }
  }
  return arrow::Status::Invalid(
      "usage: bench_relay answer|measure CASE\n"
      "       bench_relay topics CASE BROKERS\n"
      "       bench_relay produce|broker CASE BROKERS STRIDES\n"
      "       bench_relay scale PARTITIONS WANTED SUBSCRIBERS STRIDES");
}

}  // namespace
}  // namespace carryall::bench

int main(int argc, char** argv) {
  const carryall::Status status = carryall::bench::Run(argc, argv);
  if (status.ok()) return 0;
  fmt::print(stderr, "{}\n", status.message());
  return 1;
}
