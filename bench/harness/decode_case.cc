#include "harness/decode_case.h"

#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>

#include "carryall/codec/encoder.h"

namespace bench {
namespace {

using carryall::Channel;
using carryall::ChannelSet;
using carryall::codec::IpcMessage;
using Clock = std::chrono::steady_clock;

constexpr int kVariants = 16;
constexpr int kStridesPerSecond = 16;
constexpr int64_t kTime = 1'000'000'000'000'000'000;
constexpr auto kRunTime = std::chrono::milliseconds(40);

arrow::Result<std::shared_ptr<const ChannelSet>> MakeSet(int channels, int samples) {
  std::vector<Channel> all;
  for (int i = 0; i < channels; ++i) {
    Channel& channel = all.emplace_back();
    channel.name = fmt::format("X1:BEN-CHANNEL_{:05}", i);
    ARROW_ASSIGN_OR_RAISE(channel.sample_rate,
                          carryall::SampleRate::Make(samples * kStridesPerSecond));
  }
  return ChannelSet::Make(std::move(all));
}

/// `count` normal samples of which a fraction is null.
std::shared_ptr<arrow::Array> MakeSamples(int64_t count, double nulls,
                                          std::mt19937_64* random) {
  std::normal_distribution<double> normal;
  std::bernoulli_distribution is_null(nulls);
  std::vector<double> values(static_cast<size_t>(count));
  std::vector<uint8_t> bits(static_cast<size_t>(count + 7) / 8);
  int64_t missing = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (nulls > 0 && is_null(*random)) {
      ++missing;
      continue;
    }
    values[static_cast<size_t>(i)] = normal(*random);
    bits[static_cast<size_t>(i) / 8] |= static_cast<uint8_t>(1 << (i % 8));
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow::float64(), count,
                             {missing == 0 ? nullptr : arrow::Buffer::FromVector(bits),
                              arrow::Buffer::FromVector(values)},
                             missing));
}

template <typename T>
std::shared_ptr<arrow::Array> MakeNumbers(std::shared_ptr<arrow::DataType> type,
                                          const std::vector<T>& values) {
  return arrow::MakeArray(
      arrow::ArrayData::Make(std::move(type), static_cast<int64_t>(values.size()),
                             {nullptr, arrow::Buffer::FromVector(values)}, 0));
}

std::shared_ptr<arrow::Array> MakeLists(const std::vector<int32_t>& offsets,
                                        const std::shared_ptr<arrow::Array>& samples) {
  return std::make_shared<arrow::ListArray>(arrow::list(arrow::float64()),
                                            static_cast<int64_t>(offsets.size()) - 1,
                                            arrow::Buffer::FromVector(offsets), samples);
}

std::shared_ptr<arrow::RecordBatch> MakeRows(const DecodeCase& one, double nulls,
                                             std::mt19937_64* random) {
  std::vector<uint32_t> ids;
  std::vector<int32_t> offsets = {0};
  for (int i = 0; i < one.channels; ++i) {
    ids.push_back(static_cast<uint32_t>(i));
    offsets.push_back(offsets.back() + one.samples);
  }
  return arrow::RecordBatch::Make(
      one.schema, one.channels,
      {MakeNumbers(arrow::int64(), std::vector<int64_t>(ids.size(), kTime)),
       MakeNumbers(arrow::uint32(), ids),
       MakeLists(offsets,
                 MakeSamples(int64_t{one.channels} * one.samples, nulls, random))});
}

std::shared_ptr<arrow::RecordBatch> MakeColumns(const DecodeCase& one, double nulls,
                                                std::mt19937_64* random) {
  arrow::ArrayVector columns = {MakeNumbers(arrow::int64(), std::vector<int64_t>{kTime})};
  for (int i = 0; i < one.channels; ++i) {
    columns.push_back(
        MakeLists({0, one.samples}, MakeSamples(one.samples, nulls, random)));
  }
  return arrow::RecordBatch::Make(one.schema, 1, columns);
}

arrow::Result<DecodeCase> MakeCase(Layout layout, int channels, int samples,
                                   double nulls) {
  DecodeCase one;
  one.name = fmt::format("{}x{}/nulls={}", channels, samples, nulls);
  one.channels = channels;
  one.samples = samples;
  ARROW_ASSIGN_OR_RAISE(one.set, MakeSet(channels, samples));
  one.schema = layout == Layout::kColumns
                   ? carryall::codec::ColumnSchema(*one.set)
                   : arrow::schema({arrow::field("time", arrow::int64()),
                                    arrow::field("id", arrow::uint32()),
                                    arrow::field("data", arrow::list(arrow::float64()))});
  for (int variant = 0; variant < kVariants; ++variant) {
    std::mt19937_64 random(static_cast<uint64_t>(variant));
    one.batches.push_back(layout == Layout::kRows ? MakeRows(one, nulls, &random)
                                                  : MakeColumns(one, nulls, &random));
    ARROW_ASSIGN_OR_RAISE(
        auto bytes, arrow::ipc::SerializeRecordBatch(
                        *one.batches.back(), arrow::ipc::IpcWriteOptions::Defaults()));
    arrow::io::BufferReader reader(std::move(bytes));
    ARROW_ASSIGN_OR_RAISE(const auto message, arrow::ipc::ReadMessage(&reader));
    one.messages.push_back({message->metadata(), message->body()});
  }
  return one;
}

/// Microseconds a message, over as many rounds of the messages as fill the run time.
arrow::Result<double> TimeOnce(const DecodeCase& one, const DecodeOne& decode) {
  int64_t count = 0;
  const auto begin = Clock::now();
  Clock::duration taken{};
  do {
    for (const IpcMessage& message : one.messages) RETURN_NOT_OK(decode(message));
    count += kVariants;
    taken = Clock::now() - begin;
  } while (taken < kRunTime);
  return std::chrono::duration<double, std::micro>(taken).count() /
         static_cast<double>(count);
}

struct Options {
  std::string pick, only;
  int repeat = 5;
};

arrow::Status RunCase(const DecodeCase& one, const Options& options) {
  struct Contender {
    const char* name;
    arrow::Result<DecodeOne> (*prepare)(const DecodeCase&);
    DecodeOne decode = nullptr;
    std::vector<double> runs = {};
  };
  Contender contenders[] = {{"ours", PrepareOurs},
                            {"ours-reading-views", PrepareOursReading},
                            {"arrow", PrepareArrow}};
  const auto wanted = [&](const Contender& c) {
    return options.only.empty() || options.only == c.name;
  };
  for (Contender& c : contenders) {
    if (wanted(c)) {
      ARROW_ASSIGN_OR_RAISE(c.decode, c.prepare(one));
    }
  }
  for (int i = 0; i < options.repeat; ++i) {
    for (Contender& c : contenders) {
      if (!wanted(c)) continue;
      ARROW_ASSIGN_OR_RAISE(const double us, TimeOnce(one, c.decode));
      c.runs.push_back(us);
    }
  }
  for (Contender& c : contenders) {
    if (!wanted(c)) continue;
    std::sort(c.runs.begin(), c.runs.end());
    fmt::print(R"({{"case": "{}", "contender": "{}", "unit": "us", "value": {:.4f}}})"
               "\n",
               one.name, c.name, c.runs[c.runs.size() / 2]);
    std::fflush(stdout);
  }
  return arrow::Status::OK();
}

arrow::Status RunAll(Layout layout, const Options& options) {
  const std::pair<int, int> shapes[] = {{20, 16384}, {500, 1024}, {5000, 16}, {767, 1}};
  for (const auto& [channels, samples] : shapes) {
    for (double nulls : {0.0, 0.01, 0.5}) {
      const auto name = fmt::format("{}x{}/nulls={}", channels, samples, nulls);
      if (name.find(options.pick) == std::string::npos) continue;
      ARROW_ASSIGN_OR_RAISE(const DecodeCase one,
                            MakeCase(layout, channels, samples, nulls));
      RETURN_NOT_OK(RunCase(one, options));
    }
  }
  return arrow::Status::OK();
}

/// Whether the block has exactly the samples of the batch's lists.
arrow::Status Compare(const DecodeCase& one, const arrow::RecordBatch& batch,
                      const carryall::SeriesBlock& block) {
  const bool rows = batch.num_columns() == 3 && batch.num_rows() == one.channels;
  for (int c = 0; c < one.channels; ++c) {
    const auto& lists =
        static_cast<const arrow::ListArray&>(*batch.column(rows ? 2 : c + 1));
    const auto cell = lists.value_slice(rows ? c : 0);
    const auto& samples = static_cast<const arrow::DoubleArray&>(*cell);
    const carryall::SampleView& view = block.view(static_cast<size_t>(c));
    bool same = view.length == samples.length();
    for (int64_t i = 0; same && i < samples.length(); ++i) {
      const int64_t bit = view.validity_offset + i;
      const bool present =
          !view.all_missing() &&
          (view.validity == nullptr || (view.validity[bit / 8] >> bit % 8) & 1);
      const double value = samples.Value(i);
      same = present == samples.IsValid(i) &&
             (!present || std::memcmp(view.values + 8 * i, &value, 8) == 0);
    }
    if (!same) {
      return arrow::Status::Invalid("wrong samples of channel ", c, " of case ",
                                    one.name);
    }
  }
  return arrow::Status::OK();
}

}  // namespace

namespace {

/// Looks at every view that a block has, as somebody would who wants all channels.
uint64_t ReadViews(const carryall::SeriesBlock& block) {
  uint64_t sum = 0;
  for (const carryall::SampleView view : block.views()) {
    sum += reinterpret_cast<uintptr_t>(view.values) + static_cast<uint64_t>(view.length);
  }
  return sum;
}

arrow::Result<DecodeOne> PrepareDecoder(const DecodeCase& one, bool read_views) {
  carryall::codec::IdTable ids;
  for (int32_t i = 0; i < one.channels; ++i) ids.push_back(i);
  ARROW_ASSIGN_OR_RAISE(auto made, carryall::codec::StreamDecoder::Make(
                                       one.schema, one.set, std::move(ids)));
  std::shared_ptr<carryall::codec::StreamDecoder> decoder = std::move(made);
  auto blocks = std::make_shared<std::vector<carryall::SeriesBlock>>();
  DecodeOne decode = [decoder, blocks, read_views](const IpcMessage& message) {
    blocks->clear();
    const arrow::Status status = decoder->Decode(message, blocks.get());
    if (read_views && status.ok()) {
      volatile uint64_t sum = ReadViews(blocks->front());
      (void)sum;
    }
    return status;
  };
  for (size_t i = 0; i < one.messages.size(); ++i) {
    RETURN_NOT_OK(decode(one.messages[i]));
    if (blocks->size() != 1) return arrow::Status::Invalid("not one block: ", one.name);
    RETURN_NOT_OK(Compare(one, *one.batches[i], blocks->front()));
  }
  return decode;
}

}  // namespace

arrow::Result<DecodeOne> PrepareOurs(const DecodeCase& one) {
  return PrepareDecoder(one, false);
}

arrow::Result<DecodeOne> PrepareOursReading(const DecodeCase& one) {
  return PrepareDecoder(one, true);
}

arrow::Result<DecodeOne> PrepareArrow(const DecodeCase& one) {
  auto batch = std::make_shared<std::shared_ptr<arrow::RecordBatch>>();
  return [batch, schema = one.schema](const IpcMessage& message) -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto opened,
                          arrow::ipc::Message::Open(message.metadata, message.body));
    ARROW_ASSIGN_OR_RAISE(
        *batch, arrow::ipc::ReadRecordBatch(*opened, schema, nullptr,
                                            arrow::ipc::IpcReadOptions::Defaults()));
    return arrow::Status::OK();
  };
}

int RunDecodeTask(Layout layout, int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    const char* value = i + 1 < argc ? argv[++i] : nullptr;
    if (value != nullptr && key == "--case") {
      options.pick = value;
    } else if (value != nullptr && key == "--only") {
      options.only = value;
    } else if (value != nullptr && key == "--repeat") {
      options.repeat = std::max(1, std::atoi(value));
    } else {
      fmt::print(
          stderr,
          "usage: {} [--case TEXT] [--only ours|ours-reading-views|arrow] [--repeat N]\n",
          argv[0]);
      return 2;
    }
  }
  const arrow::Status status = RunAll(layout, options);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return status.ok() ? 0 : 1;
}

}  // namespace bench
