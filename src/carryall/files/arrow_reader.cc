#include "carryall/files/arrow_reader.h"

#include <arrow/array.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <charconv>

#include "carryall/files/input_file.h"
#include "carryall/model/sample_grid.h"

namespace carryall::files {
namespace {

// The best ratio of LZ4, about 255:1, and room for schemas and tiny files.
constexpr int64_t kMaxExpansion = 256;
constexpr int64_t kSmallFileBytes = int64_t{64} << 20;

// Arrow's readers name neither file nor kind.
Status Damaged(const Status& status, const std::string& path) {
  // A stream whose reader was told to stop is not damaged.
  if (status.ok() || KindOf(status) == ErrorKind::kCancelled) return status;
  const ErrorKind kind = status.IsOutOfMemory() || status.IsCapacityError()
                             ? ErrorKind::kResourceExhausted
                             : ErrorKind::kCorrupt;
  return Error(kind, "cannot read Arrow file {}: {}", path, status.message());
}

Result<SampleRate> RateOf(const arrow::Field& field) {
  const auto found = field.metadata() == nullptr
                         ? Result<std::string>(Status::KeyError(""))
                         : field.metadata()->Get("rate");
  if (!found.ok()) {
    return Error(ErrorKind::kInvalidArgument, "field metadata rate is missing");
  }
  int64_t hz = 0;
  const char* end = found->data() + found->size();
  const auto [at, error] = std::from_chars(found->data(), end, hz);
  if (error != std::errc() || at != end) {
    return Error(ErrorKind::kInvalidArgument,
                 "field metadata rate is not a whole number of Hz: '{}'",
                 found->substr(0, 64));
  }
  return SampleRate::Make(hz);
}

Result<FileSeries> SeriesOf(const arrow::Field& field) {
  FileSeries series;
  series.where = fmt::format("column {}", field.name());
  series.channel.name = field.name();
  ARROW_RETURN_NOT_OK(ParseChannelName(field.name()).status());
  const arrow::Type::type kind = field.type()->id();
  if (kind != arrow::Type::LIST && kind != arrow::Type::FIXED_SIZE_LIST) {
    return Error(ErrorKind::kInvalidArgument, "not a list of samples but {}",
                 field.type()->ToString());
  }
  const auto& item = static_cast<const arrow::BaseListType&>(*field.type()).value_type();
  ARROW_ASSIGN_OR_RAISE(series.channel.data_type, DataTypeFromArrow(*item));
  ARROW_ASSIGN_OR_RAISE(series.channel.sample_rate, RateOf(field));
  return series;
}

Result<std::vector<FileSeries>> ReadSchema(const arrow::Schema& schema) {
  if (schema.num_fields() == 0 || schema.field(0)->name() != "time" ||
      schema.field(0)->type()->id() != arrow::Type::INT64) {
    return Error(
        ErrorKind::kInvalidArgument,
        "the first column is not 'time: int64' (GPS nanoseconds), followed by one list "
        "column a channel");
  }
  std::vector<FileSeries> out;
  out.reserve(schema.num_fields() - 1);
  for (int i = 1; i < schema.num_fields(); ++i) {
    auto series = SeriesOf(*schema.field(i));
    ARROW_RETURN_NOT_OK(
        WithContext(series.status(), fmt::format("column {}", schema.field(i)->name())));
    out.push_back(std::move(*series));
  }
  return out;
}

// The memory of one file's batches: what this reader took, and no more than its cap.
struct BatchPool {
  BatchPool(arrow::MemoryPool* pool, int64_t limit)
      : counted(pool), capped(&counted, limit) {}
  arrow::ProxyMemoryPool counted;
  arrow::CappedMemoryPool capped;
};

// A batch and the pool that must outlive it.
struct HeldBatch {
  std::shared_ptr<BatchPool> pool;
  std::shared_ptr<arrow::RecordBatch> batch;
};

class ArrowReader final : public BlockReader {
 public:
  ArrowReader(std::string path, int64_t file_bytes, const ReaderOptions& options)
      : path_(std::move(path)),
        pool_(std::make_shared<BatchPool>(
            options.pool,
            std::min(options.max_batch_bytes,
                     std::max(kSmallFileBytes, file_bytes * kMaxExpansion)))) {}
  /// Of a stream nobody knows the length.
  ArrowReader(std::string name, const ReaderOptions& options)
      : path_(std::move(name)),
        pool_(std::make_shared<BatchPool>(options.pool, options.max_batch_bytes)) {}

  Status InitStream(const std::shared_ptr<arrow::io::InputStream>& stream) {
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(stream, ReadOptions());
    ARROW_RETURN_NOT_OK(Damaged(reader.status(), path_));
    stream_ = *reader;
    return InitSchema(*stream_->schema());
  }

  Status Init(bool stream) {
    ARROW_ASSIGN_OR_RAISE(file_, InputFile::Open(path_, &pool_->capped));
    if (stream) return InitStream(file_);
    auto reader = arrow::ipc::RecordBatchFileReader::Open(file_, ReadOptions());
    ARROW_RETURN_NOT_OK(Damaged(reader.status(), path_));
    reader_ = *reader;
    return InitSchema(*reader_->schema());
  }

  const std::vector<FileSeries>& series() const override { return series_; }
  const std::vector<std::string>& skipped() const override { return skipped_; }

  Result<std::optional<SeriesBlock>> Next() override {
    while (true) {
      while (held_ != nullptr && row_ < held_->batch->num_rows()) {
        auto block = ReadRow(row_++);
        ARROW_RETURN_NOT_OK(WithContext(
            block.status(),
            fmt::format("{}: batch {}, row {}", path_, batches_ - 1, row_ - 1)));
        if (block->duration().ns() > 0) return std::move(*block);
      }
      held_ = nullptr;
      ARROW_ASSIGN_OR_RAISE(auto batch, NextBatch());
      if (batch == nullptr) return std::nullopt;
      held_ = std::make_shared<HeldBatch>(HeldBatch{pool_, std::move(batch)});
      row_ = 0;
    }
  }

 private:
  arrow::ipc::IpcReadOptions ReadOptions() {
    arrow::ipc::IpcReadOptions options;
    options.memory_pool = &pool_->capped;
    options.use_threads = false;
    return options;
  }

  Status InitSchema(const arrow::Schema& schema) {
    auto series = ReadSchema(schema);
    ARROW_RETURN_NOT_OK(WithContext(series.status(), path_));
    series_ = std::move(*series);
    std::vector<Channel> channels;
    for (const FileSeries& entry : series_) channels.push_back(entry.channel);
    auto set = ChannelSet::Make(std::move(channels));
    ARROW_RETURN_NOT_OK(WithContext(set.status(), path_));
    channels_ = *set;
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> NextBatch() {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (stream_ != nullptr) {
      ARROW_RETURN_NOT_OK(Damaged(stream_->ReadNext(&batch), path_));
    } else if (batches_ < reader_->num_record_batches()) {
      auto read = reader_->ReadRecordBatch(batches_);
      ARROW_RETURN_NOT_OK(Damaged(read.status(), path_));
      batch = *read;
    }
    ++batches_;
    if (batch == nullptr) return nullptr;
    ARROW_RETURN_NOT_OK(Damaged(batch->ValidateFull(), path_));
    if (batch->column(0)->null_count() != 0) {
      return Error(ErrorKind::kInvalidArgument, "column time has nulls: {}", path_);
    }
    return batch;
  }

  // The samples of one list; a null list says nothing.
  static SampleView ViewOf(const arrow::Array& column, int64_t row, DataType type) {
    if (column.type_id() == arrow::Type::FIXED_SIZE_LIST) {
      return ViewOfList(static_cast<const arrow::FixedSizeListArray&>(column), row, type);
    }
    return ViewOfList(static_cast<const arrow::ListArray&>(column), row, type);
  }

  template <typename Lists>
  static SampleView ViewOfList(const Lists& lists, int64_t row, DataType type) {
    if (lists.IsNull(row) || lists.value_length(row) == 0)
      return SampleView::Missing(type, 0);
    const arrow::ArrayData& items = *lists.values()->data();
    const int64_t begin = items.offset + lists.value_offset(row);
    SampleView view;
    view.data_type = type;
    view.length = lists.value_length(row);
    view.values = items.buffers[1]->data() + begin * ByteWidth(type);
    if (items.MayHaveNulls()) {
      view.validity = items.buffers[0]->data();
      view.validity_offset = begin;
    }
    return view;
  }

  // A block without duration if the row has no samples at all.
  Result<SeriesBlock> ReadRow(int64_t row) const {
    const auto& times = static_cast<const arrow::Int64Array&>(*held_->batch->column(0));
    std::vector<SampleView> views;
    views.reserve(channels_->size());
    Duration duration;
    for (size_t i = 0; i < channels_->size(); ++i) {
      views.push_back(
          ViewOf(*held_->batch->column(i + 1), row, (*channels_)[i].data_type));
      duration = std::max(
          duration, SpanOfSamples((*channels_)[i].sample_rate, views.back().length));
    }
    for (size_t i = 0; i < views.size(); ++i) {
      const Channel& channel = (*channels_)[i];
      const int64_t expected = channel.sample_rate.SamplesIn(duration);
      if (views[i].length == 0) {
        views[i] = SampleView::Missing(channel.data_type, expected);
      } else if (views[i].length != expected) {
        return Error(ErrorKind::kInvalidArgument,
                     "column {} has {} samples at {} Hz, other columns last {}",
                     channel.name, views[i].length, channel.sample_rate.hz(),
                     ToString(duration));
      }
    }
    return SeriesBlock(GpsTime::FromNs(times.Value(row)), duration, channels_,
                       std::move(views), {held_});
  }

  const std::string path_;
  const std::shared_ptr<BatchPool> pool_;
  std::shared_ptr<InputFile> file_;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader_;
  std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream_;
  std::vector<FileSeries> series_;
  std::vector<std::string> skipped_;
  std::shared_ptr<const ChannelSet> channels_;
  std::shared_ptr<const HeldBatch> held_;
  int batches_ = 0;
  int64_t row_ = 0;
};

}  // namespace

Result<std::unique_ptr<BlockReader>> OpenArrow(const std::string& path,
                                               int64_t file_bytes, bool stream,
                                               const ReaderOptions& options) {
  auto reader = std::make_unique<ArrowReader>(path, file_bytes, options);
  ARROW_RETURN_NOT_OK(reader->Init(stream));
  return reader;
}

Result<std::unique_ptr<BlockReader>> OpenArrowStream(
    std::shared_ptr<arrow::io::InputStream> stream, const std::string& name,
    const ReaderOptions& options) {
  auto reader = std::make_unique<ArrowReader>(name, options);
  ARROW_RETURN_NOT_OK(reader->InitStream(stream));
  return reader;
}

}  // namespace carryall::files
