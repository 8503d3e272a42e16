#include "carryall/server/registration.h"

#include "carryall/wire/request.h"
#include "carryall/wire/schemas.h"

namespace carryall::server {

namespace af = arrow::flight;

Result<std::vector<Channel>> ReadChannels(af::FlightMessageReader* reader) {
  std::vector<Channel> out;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const af::FlightStreamChunk chunk, reader->Next());
    if (chunk.data == nullptr && chunk.app_metadata == nullptr) return out;
    if (chunk.data == nullptr) continue;
    const auto rows = static_cast<uint64_t>(chunk.data->num_rows());
    if (rows > wire::kMaxRequestChannels - out.size()) {
      return Error(ErrorKind::kResourceExhausted,
                   "too many channels in one registration, limit {}",
                   wire::kMaxRequestChannels);
    }
    ARROW_ASSIGN_OR_RAISE(std::vector<Channel> channels,
                          wire::DecodeMetadata(*chunk.data));
    for (Channel& channel : channels) {
      Channel& wanted = out.emplace_back();
      wanted.name = std::move(channel.name);
      wanted.data_type = channel.data_type;
      wanted.sample_rate = channel.sample_rate;
    }
  }
}

Status WritePartitions(const std::vector<Channel>& channels,
                       af::FlightMessageWriter* writer) {
  ARROW_ASSIGN_OR_RAISE(const auto batches,
                        wire::EncodeMetadata(channels, wire::PartitionSchema()));
  ARROW_RETURN_NOT_OK(writer->Begin(wire::PartitionSchema()));
  for (const auto& batch : batches) {
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  }
  return writer->Close();
}

}  // namespace carryall::server
