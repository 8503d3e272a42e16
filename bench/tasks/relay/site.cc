#include "tasks/relay/site.h"

#include <arrow/api.h>
#include <arrow/ipc/api.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <set>

namespace carryall::bench {
namespace {

float SampleOf(int64_t channel, int64_t variant) {
  return static_cast<float>((channel * 7 + variant * 13) % 8192);
}

}  // namespace

int64_t Site::PartitionOf(int64_t channel) const {
  int64_t partition = channel * partitions / channels;
  while (FirstOf(partition + 1) <= channel) ++partition;
  while (FirstOf(partition) > channel) --partition;
  return partition;
}

Channel Site::MakeChannel(int64_t number) const {
  Channel channel;
  const int64_t partition = PartitionOf(number);
  channel.name = fmt::format("X1:BEN-CHANNEL_{:06}", number);
  channel.data_type = DataType::kFloat32;
  channel.sample_rate = *SampleRate::Make(16);
  channel.partition_id = fmt::format("{}", partition);
  channel.partition_index = static_cast<uint32_t>(number - FirstOf(partition));
  channel.stride = kStride;
  channel.max_latency = Duration::FromSeconds(1);
  return channel;
}

Result<std::shared_ptr<const ChannelSet>> Site::Wanted(int64_t subscriber) const {
  std::vector<Channel> out;
  for (int64_t i = 0; i < wanted; ++i) {
    out.push_back(MakeChannel((i * channels / wanted + subscriber) % channels));
  }
  return ChannelSet::Make(std::move(out));
}

std::vector<int64_t> Site::PartitionsWanted(int64_t subscribers) const {
  std::set<int64_t> out;
  for (int64_t k = 0; k < subscribers; ++k) {
    for (int64_t i = 0; i < wanted; ++i) {
      out.insert(PartitionOf((i * channels / wanted + k) % channels));
    }
  }
  return {out.begin(), out.end()};
}

Result<std::vector<uint8_t>> Site::Message(int64_t partition, int64_t variant) const {
  std::vector<Channel> rows;
  std::vector<uint32_t> ids;
  std::vector<float> samples;
  for (int64_t i = FirstOf(partition); i < FirstOf(partition + 1); ++i) {
    rows.push_back(MakeChannel(i));
    ids.push_back(*rows.back().partition_index);
    samples.push_back(SampleOf(i, variant));
  }
  std::vector<SampleView> views;
  for (const float& sample : samples) {
    views.push_back(
        {reinterpret_cast<const uint8_t*>(&sample), nullptr, 0, 1, DataType::kFloat32});
  }
  ARROW_ASSIGN_OR_RAISE(auto set, ChannelSet::Make(std::move(rows)));
  const SeriesBlock block(kBegin, kStride, std::move(set), std::move(views), {});
  ARROW_ASSIGN_OR_RAISE(const auto bytes, codec::ToRowMessage(block, ids));
  return std::vector<uint8_t>(bytes->data(), bytes->data() + bytes->size());
}

size_t TimePlace(const std::vector<uint8_t>& message) {
  const int64_t time = kBegin.ns();
  size_t at = 0;
  while (std::memcmp(message.data() + at, &time, 8) != 0) ++at;
  return at;
}

void SetTime(std::vector<uint8_t>* message, size_t place, GpsTime time) {
  const int64_t ns = time.ns();
  std::memcpy(message->data() + place, &ns, 8);
}

Result<std::string> AnswerOf(const codec::StreamEncoder& encoder,
                             const arrow::ipc::IpcPayload& payload) {
  ARROW_ASSIGN_OR_RAISE(auto body,
                        codec::JoinBody(payload, arrow::default_memory_pool()));
  ARROW_ASSIGN_OR_RAISE(auto message, arrow::ipc::Message::Open(payload.metadata, body));
  ARROW_ASSIGN_OR_RAISE(const auto batch, arrow::ipc::ReadRecordBatch(
                                              *message, encoder.schema(), nullptr,
                                              arrow::ipc::IpcReadOptions::Defaults()));
  const bool rows = encoder.schema()->field(1)->name() == "id";
  int64_t count = 0, sum = 0;
  for (int i = rows ? 2 : 1; i < batch->num_columns(); ++i) {
    const auto& lists = static_cast<const arrow::ListArray&>(*batch->column(i));
    const auto& values = static_cast<const arrow::FloatArray&>(*lists.values());
    for (int64_t k = lists.value_offset(0); k < lists.value_offset(lists.length()); ++k) {
      ++count;
      sum += static_cast<int64_t>(values.Value(k)) * (count % 1021);
    }
  }
  return fmt::format("{} values, sum {}", count, sum);
}

Result<std::unique_ptr<codec::StreamEncoder>> MakeEncoder(
    std::shared_ptr<const ChannelSet> channels, codec::Form form) {
  codec::EncodeOptions encode;
  encode.form = form;
  encode.stride = kStride;
  return codec::StreamEncoder::Make(std::move(channels), encode);
}

Result<SeriesBlock> NextBlock(backend::BlockSource* source) {
  ARROW_ASSIGN_OR_RAISE(const auto step,
                        source->Next({}, SteadyNow() + std::chrono::seconds(30)));
  if (step.kind == backend::SourceStep::Kind::kBlock) return step.block;
  return arrow::Status::Invalid("no block came");
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int64_t ResidentBytes() {
  int64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace carryall::bench
