#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/writer.h>

#include <algorithm>

#include "carryall/codec/encoder.h"
#include "carryall/files/arrow_writer.h"
#include "carryall/files/block_pieces.h"
#include "carryall/files/block_sequence.h"
#include "carryall/files/output_file.h"
#include "carryall/model/sample_grid.h"

namespace carryall::files {
namespace {

constexpr int64_t kMaxPieceBytes = int64_t{1} << 30;

// parquet throws.
template <typename Call>
Status Guarded(const std::string& path, const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return Error(ErrorKind::kIo, "cannot write {}: {}", path, error.what());
  }
}

std::shared_ptr<arrow::KeyValueMetadata> RateMetadata(SampleRate rate) {
  return arrow::key_value_metadata({"rate"}, {std::to_string(rate.hz())});
}

class ParquetWriter final : public BlockWriter {
 public:
  ParquetWriter(const std::string& path, std::shared_ptr<const ChannelSet> channels,
                const WriterOptions& options)
      : sequence_(path, std::move(channels)),
        group_bytes_(std::min(options.buffered_bytes, kMaxPieceBytes)) {
    const auto& all = sequence_.channels().channels();
    plain_ = std::all_of(all.begin(), all.end(), [&](const Channel& channel) {
      return channel.sample_rate == all.front().sample_rate;
    });
  }

  Status Init() {
    arrow::FieldVector fields{arrow::field("time_ns", arrow::int64(), false)};
    for (const Channel& channel : sequence_.channels().channels()) {
      const auto& item = ToArrow(channel.data_type);
      fields.push_back(arrow::field(channel.name, plain_ ? item : arrow::list(item), true,
                                    RateMetadata(channel.sample_rate)));
    }
    schema_ =
        arrow::schema(std::move(fields),
                      arrow::key_value_metadata(
                          {"time_ns"}, {"GPS time of the row's first sample in ns"}));
    ARROW_ASSIGN_OR_RAISE(file_, OutputFile::CreateBeside(sequence_.path()));
    const auto properties =
        parquet::WriterProperties::Builder()
            .disable_dictionary()
            ->encoding("time_ns", parquet::Encoding::DELTA_BINARY_PACKED)
            ->compression(parquet::Compression::ZSTD)
            ->compression_level(1)
            ->max_row_group_length(INT64_MAX)
            ->build();
    const auto arrow_properties =
        parquet::ArrowWriterProperties::Builder().store_schema()->build();
    return Guarded(sequence_.path(), [&]() -> Status {
      ARROW_ASSIGN_OR_RAISE(writer_, parquet::arrow::FileWriter::Open(
                                         *schema_, arrow::default_memory_pool(), file_,
                                         properties, arrow_properties));
      return Status::OK();
    });
  }

  Status Write(const SeriesBlock& block) override {
    ARROW_RETURN_NOT_OK(sequence_.Accept(block));
    return ForEachPiece(block, group_bytes_,
                        [this](const SeriesBlock& piece) { return WritePiece(piece); });
  }

  Status Close() override {
    ARROW_RETURN_NOT_OK(Guarded(sequence_.path(), [&] { return writer_->Close(); }));
    return file_->Publish();
  }

  int64_t bytes_written() const override { return sequence_.bytes(); }

 private:
  Status WritePiece(const SeriesBlock& piece) {
    ARROW_ASSIGN_OR_RAISE(auto lists, codec::ToColumnBatch(piece));
    arrow::ArrayVector columns{plain_ ? nullptr : lists->column(0)};
    for (int i = 1; i < lists->num_columns(); ++i) {
      if (!plain_) {
        columns.push_back(lists->column(i));
        continue;
      }
      const auto& list = static_cast<const arrow::ListArray&>(*lists->column(i));
      columns.push_back(list.value_slice(0));
    }
    if (plain_) {
      ARROW_ASSIGN_OR_RAISE(columns[0], SampleTimes(piece));
    }
    const int64_t rows = columns[0]->length();
    for (const SampleView& view : piece.views()) {
      waiting_bytes_ += view.length * ByteWidth(view.data_type);
    }
    const auto batch = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    return Guarded(sequence_.path(), [&]() -> Status {
      ARROW_RETURN_NOT_OK(writer_->WriteRecordBatch(*batch));
      if (waiting_bytes_ < group_bytes_) return Status::OK();
      waiting_bytes_ = 0;
      return writer_->NewBufferedRowGroup();
    });
  }

  Result<std::shared_ptr<arrow::Array>> SampleTimes(const SeriesBlock& piece) const {
    const SampleRate rate = sequence_.channels()[0].sample_rate;
    const int64_t count = piece.view(0).length;
    const int64_t first =
        SampleNear(rate, piece.time()).value_or(FirstSampleAt(rate, piece.time()));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> times,
                          arrow::AllocateBuffer(count * sizeof(int64_t)));
    auto* out = reinterpret_cast<int64_t*>(times->mutable_data());
    for (int64_t i = 0; i < count; ++i) out[i] = TimeOfSample(rate, first + i).ns();
    return std::make_shared<arrow::Int64Array>(count, std::move(times));
  }

  BlockSequence sequence_;
  const int64_t group_bytes_;
  bool plain_ = false;
  int64_t waiting_bytes_ = 0;  // in the row group that is open
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<OutputFile> file_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<BlockWriter>> OpenParquetWriter(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    const WriterOptions& options) {
  auto writer = std::make_unique<ParquetWriter>(path, std::move(channels), options);
  ARROW_RETURN_NOT_OK(writer->Init());
  return writer;
}

}  // namespace carryall::files
