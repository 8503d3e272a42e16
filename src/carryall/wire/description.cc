#include "carryall/wire/description.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

#include <algorithm>

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
  // What is there for a row at least: the ends of two texts and a rate. The number of
  // rows is a server's word until a batch is validated.
  constexpr int64_t kLeastRowBytes = 12;
  int64_t most = bytes->size() / kLeastRowBytes;
  std::vector<size_t> begins = {0};
  for (const auto& batch : batches) {
    if (batch->num_rows() > most) {
      return Error(ErrorKind::kCorrupt,
                   "description of {} bytes claims a batch of {} channels", bytes->size(),
                   batch->num_rows());
    }
    most -= batch->num_rows();
    begins.push_back(begins.back() + static_cast<size_t>(batch->num_rows()));
  }
  std::vector<Channel> channels(begins.back());
  const auto decode = [&](size_t, size_t begin, size_t end) -> Status {
    for (size_t i = begin; i < end; ++i) {
      ARROW_RETURN_NOT_OK(DecodeMetadata(*batches[i], channels.data() + begins[i]));
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(InPieces(batches.size(), PieceCount(batches.size(), 1), decode));
  return channels;
}

// Batches of so many rows but the last.
Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Encode(
    const std::vector<const Channel*>& channels) {
  constexpr auto kRows = static_cast<size_t>(kMetadataBatchRows);
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches((channels.size() + kRows - 1) /
                                                           kRows);
  const auto encode = [&](size_t, size_t begin, size_t end) -> Status {
    const auto rows = MetadataBuilder::Make();
    for (size_t k = begin; k < end; ++k) {
      for (size_t i = k * kRows; i < std::min(channels.size(), (k + 1) * kRows); ++i) {
        ARROW_RETURN_NOT_OK(rows->Append(*channels[i]));
      }
      ARROW_ASSIGN_OR_RAISE(batches[k], rows->Finish());
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(InPieces(batches.size(), PieceCount(batches.size(), 1), encode));
  return batches;
}

}  // namespace

Result<std::string> FormatDescription(const std::vector<const Channel*>& channels) {
  ARROW_ASSIGN_OR_RAISE(const auto batches, Encode(channels));
  ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        arrow::ipc::MakeStreamWriter(sink, MetadataSchema()));
  for (const auto& batch : batches) {
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
