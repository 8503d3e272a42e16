#include "carryall/files/arrow_writer.h"

#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>

#include "carryall/codec/encoder.h"
#include "carryall/files/block_pieces.h"
#include "carryall/files/block_sequence.h"
#include "carryall/files/output_file.h"

namespace carryall::files {
namespace {

// One row offset is a signed 32-bit number.
constexpr int64_t kMaxPieceBytes = int64_t{1} << 30;

class ArrowWriter final : public BlockWriter {
 public:
  ArrowWriter(const std::string& path, std::shared_ptr<const ChannelSet> channels,
              const WriterOptions& options)
      : sequence_(path, std::move(channels)),
        piece_bytes_(std::min(options.buffered_bytes, kMaxPieceBytes)) {}

  Status Init() {
    ARROW_ASSIGN_OR_RAISE(file_, OutputFile::CreateBeside(sequence_.path()));
    schema_ = codec::ColumnSchema(sequence_.channels());
    arrow::ipc::IpcWriteOptions options;
    options.alignment = 64;
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(writer_, arrow::ipc::MakeFileWriter(file_, schema_, options));
    return Status::OK();
  }

  Status Write(const SeriesBlock& block) override {
    ARROW_RETURN_NOT_OK(sequence_.Accept(block));
    return ForEachPiece(block, piece_bytes_, [this](const SeriesBlock& piece) -> Status {
      ARROW_ASSIGN_OR_RAISE(auto batch, codec::ToColumnBatch(piece));
      return writer_->WriteRecordBatch(
          *arrow::RecordBatch::Make(schema_, batch->num_rows(), batch->columns()));
    });
  }

  Status Close() override {
    ARROW_RETURN_NOT_OK(writer_->Close());
    return file_->Publish();
  }

  int64_t bytes_written() const override { return sequence_.bytes(); }

 private:
  BlockSequence sequence_;
  const int64_t piece_bytes_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<OutputFile> file_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<BlockWriter>> OpenArrowWriter(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    const WriterOptions& options) {
  auto writer = std::make_unique<ArrowWriter>(path, std::move(channels), options);
  ARROW_RETURN_NOT_OK(writer->Init());
  return writer;
}

}  // namespace carryall::files
