#include "carryall/wire/description.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

#include "carryall/base/pieces.h"
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
  ARROW_ASSIGN_OR_RAISE(const auto batches, reader->ToRecordBatches());
  std::vector<std::vector<Channel>> parts(batches.size());
  const auto decode = [&](size_t, size_t begin, size_t end) -> Status {
    for (size_t i = begin; i < end; ++i) {
      ARROW_ASSIGN_OR_RAISE(parts[i], DecodeMetadata(*batches[i]));
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(InPieces(batches.size(), PieceCount(batches.size(), 1), decode));
  std::vector<Channel> channels;
  for (std::vector<Channel>& part : parts) {
    channels.insert(channels.end(), std::make_move_iterator(part.begin()),
                    std::make_move_iterator(part.end()));
  }
  return channels;
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
