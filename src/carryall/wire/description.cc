#include "carryall/wire/description.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

#include "carryall/wire/schemas.h"

namespace carryall::wire {
namespace {

Result<std::vector<Channel>> ReadAll(const std::shared_ptr<arrow::Buffer>& bytes) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  // The bytes may begin anywhere; they are read through Arrow's typed arrays.
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        arrow::ipc::RecordBatchStreamReader::Open(
                            std::make_shared<arrow::io::BufferReader>(bytes), options));
  std::vector<Channel> channels;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
    if (batch == nullptr) return channels;
    ARROW_ASSIGN_OR_RAISE(auto some, DecodeMetadata(*batch));
    channels.insert(channels.end(), std::make_move_iterator(some.begin()),
                    std::make_move_iterator(some.end()));
  }
}

}  // namespace

Result<std::string> FormatDescription(const std::vector<const Channel*>& channels) {
  ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        arrow::ipc::MakeStreamWriter(sink, MetadataSchema()));
  const auto rows = MetadataBuilder::Make();
  for (size_t i = 0; i < channels.size(); ++i) {
    ARROW_RETURN_NOT_OK(rows->Append(*channels[i]));
    if (rows->rows() < kMetadataBatchRows && i + 1 < channels.size()) continue;
    ARROW_ASSIGN_OR_RAISE(const auto batch, rows->Finish());
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto bytes, sink->Finish());
  return bytes->ToString();
}

Result<std::vector<Channel>> ReadDescription(std::string_view bytes) {
  auto channels = ReadAll(std::make_shared<arrow::Buffer>(bytes));
  if (channels.ok() || KindOf(channels.status()) == ErrorKind::kCorrupt) return channels;
  return Error(ErrorKind::kCorrupt, "not a description of channels: {}",
               channels.status().message());
}

}  // namespace carryall::wire
