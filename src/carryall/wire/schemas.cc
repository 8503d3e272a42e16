#include "carryall/wire/schemas.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/util/align_util.h>

#include <array>
#include <limits>

namespace carryall::wire {
namespace {

using arrow::field;

arrow::FieldVector PartitionFields() {
  return {
      field("channel", arrow::utf8(), false), field("data_type", arrow::utf8(), false),
      field("sample_rate", arrow::int32(), false), field("partition_id", arrow::utf8()),
      field("partition_index", arrow::uint32())};
}

Status AppendText(const std::optional<std::string>& text, arrow::StringBuilder* out) {
  return text ? out->Append(*text) : out->AppendNull();
}

class Builder final : public MetadataBuilder {
 public:
  explicit Builder(std::shared_ptr<arrow::Schema> schema)
      : schema_(std::move(schema)),
        all_columns_(schema_->GetFieldIndex("publisher") >= 0) {}

  Status Append(const Channel& channel) override {
    ARROW_RETURN_NOT_OK(name_.Append(channel.name));
    ARROW_RETURN_NOT_OK(type_.Append(Name(channel.data_type)));
    ARROW_RETURN_NOT_OK(rate_.Append(channel.sample_rate.hz()));
    ARROW_RETURN_NOT_OK(AppendText(channel.partition_id, &partition_id_));
    ARROW_RETURN_NOT_OK(channel.partition_index
                            ? partition_index_.Append(*channel.partition_index)
                            : partition_index_.AppendNull());
    ++rows_;
    if (!all_columns_) return Status::OK();
    ARROW_RETURN_NOT_OK(AppendText(channel.publisher, &publisher_));
    ARROW_RETURN_NOT_OK(AppendDuration(channel.stride, &stride_));
    ARROW_RETURN_NOT_OK(AppendDuration(channel.max_latency, &max_latency_));
    return AppendText(channel.replay_id, &replay_id_);
  }

  int64_t rows() const override { return rows_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Finish() override {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    std::vector<arrow::ArrayBuilder*> builders = {&name_, &type_, &rate_, &partition_id_,
                                                  &partition_index_};
    if (all_columns_) {
      builders.insert(builders.end(),
                      {&publisher_, &stride_, &max_latency_, &replay_id_});
    }
    for (arrow::ArrayBuilder* builder : builders) {
      ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), builder->Finish());
    }
    return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(columns));
  }

 private:
  static Status AppendDuration(const std::optional<Duration>& duration,
                               arrow::UInt64Builder* out) {
    return duration ? out->Append(static_cast<uint64_t>(duration->ns()))
                    : out->AppendNull();
  }

  std::shared_ptr<arrow::Schema> schema_;
  bool all_columns_;
  int64_t rows_ = 0;
  arrow::StringBuilder name_, type_, partition_id_, publisher_, replay_id_;
  arrow::Int32Builder rate_;
  arrow::UInt32Builder partition_index_;
  arrow::UInt64Builder stride_, max_latency_;
};

// A column of text, or nothing where the batch has none of that name.
class TextColumn {
 public:
  static Result<TextColumn> Find(const arrow::RecordBatch& batch, const char* name,
                                 bool required) {
    TextColumn out;
    const int i = batch.schema()->GetFieldIndex(name);
    if (i < 0) {
      if (!required) return out;
      return Error(ErrorKind::kCorrupt, "metadata batch has no column '{}' of its own",
                   name);
    }
    if (batch.column(i)->type_id() != arrow::Type::STRING) {
      return Error(ErrorKind::kCorrupt, "metadata column '{}' must be text, got {}", name,
                   batch.column(i)->type()->ToString());
    }
    out.array_ = &static_cast<const arrow::StringArray&>(*batch.column(i));
    return out;
  }
  std::optional<std::string_view> operator[](int64_t row) const {
    if (array_ == nullptr || array_->IsNull(row)) return std::nullopt;
    return array_->GetView(row);
  }

 private:
  const arrow::StringArray* array_ = nullptr;
};

// A column of integers of any width.
class IntegerColumn {
 public:
  static Result<IntegerColumn> Find(const arrow::RecordBatch& batch, const char* name,
                                    bool required) {
    IntegerColumn out;
    const int i = batch.schema()->GetFieldIndex(name);
    if (i < 0) {
      if (!required) return out;
      return Error(ErrorKind::kCorrupt, "metadata batch has no column '{}' of its own",
                   name);
    }
    out.array_ = batch.column(i).get();
    if (!arrow::is_integer(out.array_->type_id())) {
      return Error(ErrorKind::kCorrupt, "metadata column '{}' must be integers, got {}",
                   name, out.array_->type()->ToString());
    }
    return out;
  }
  // Values above int64 saturate.
  std::optional<int64_t> operator[](int64_t row) const {
    if (array_ == nullptr || array_->IsNull(row)) return std::nullopt;
    switch (array_->type_id()) {
      case arrow::Type::INT8:
        return Value<arrow::Int8Array>(row);
      case arrow::Type::INT16:
        return Value<arrow::Int16Array>(row);
      case arrow::Type::INT32:
        return Value<arrow::Int32Array>(row);
      case arrow::Type::INT64:
        return Value<arrow::Int64Array>(row);
      case arrow::Type::UINT8:
        return Value<arrow::UInt8Array>(row);
      case arrow::Type::UINT16:
        return Value<arrow::UInt16Array>(row);
      case arrow::Type::UINT32:
        return Value<arrow::UInt32Array>(row);
      default:
        break;
    }
    const uint64_t value = static_cast<const arrow::UInt64Array&>(*array_).Value(row);
    return static_cast<int64_t>(
        std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
  }

 private:
  template <typename Array>
  int64_t Value(int64_t row) const {
    return static_cast<const Array&>(*array_).Value(row);
  }
  const arrow::Array* array_ = nullptr;
};

Status ValidateFully(const arrow::RecordBatch& batch) {
  const Status status = batch.ValidateFull();
  if (status.ok()) return status;
  return Error(ErrorKind::kCorrupt, "metadata batch is damaged: {}", status.message());
}

struct Columns {
  std::shared_ptr<arrow::RecordBatch> batch;
  TextColumn name, type, partition_id, publisher, replay_id;
  IntegerColumn rate, partition_index, stride, max_latency;

  static Result<Columns> Find(const arrow::RecordBatch& received) {
    ARROW_RETURN_NOT_OK(ValidateFully(received));
    Columns out;
    // gRPC puts a body anywhere; it is read through Arrow's typed arrays.
    ARROW_ASSIGN_OR_RAISE(out.batch, arrow::util::EnsureAlignment(
                                         received.Slice(0), arrow::util::kValueAlignment,
                                         arrow::default_memory_pool()));
    const arrow::RecordBatch& batch = *out.batch;
    ARROW_ASSIGN_OR_RAISE(out.name, TextColumn::Find(batch, "channel", true));
    ARROW_ASSIGN_OR_RAISE(out.type, TextColumn::Find(batch, "data_type", true));
    ARROW_ASSIGN_OR_RAISE(out.rate, IntegerColumn::Find(batch, "sample_rate", true));
    ARROW_ASSIGN_OR_RAISE(out.partition_id,
                          TextColumn::Find(batch, "partition_id", false));
    ARROW_ASSIGN_OR_RAISE(out.partition_index,
                          IntegerColumn::Find(batch, "partition_index", false));
    ARROW_ASSIGN_OR_RAISE(out.publisher, TextColumn::Find(batch, "publisher", false));
    ARROW_ASSIGN_OR_RAISE(out.stride, IntegerColumn::Find(batch, "stride", false));
    ARROW_ASSIGN_OR_RAISE(out.max_latency,
                          IntegerColumn::Find(batch, "max_latency", false));
    ARROW_ASSIGN_OR_RAISE(out.replay_id, TextColumn::Find(batch, "replay_id", false));
    return out;
  }
};

Result<std::optional<Duration>> ReadDuration(const IntegerColumn& column, int64_t row) {
  const std::optional<int64_t> ns = column[row];
  if (!ns) return std::nullopt;
  if (*ns < 0 || *ns == std::numeric_limits<int64_t>::max()) {
    return Error(ErrorKind::kCorrupt, "duration is out of range: {} ns", *ns);
  }
  return Duration::FromNs(*ns);
}

// Optional views to optional strings.
std::optional<std::string> Own(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  return std::string(*text);
}

Status ReadChannel(const Columns& columns, int64_t row, Channel* channel) {
  Channel& out = *channel;
  const std::optional<std::string_view> name = columns.name[row];
  if (!name) return Error(ErrorKind::kCorrupt, "channel has no name");
  ARROW_RETURN_NOT_OK(ParseChannelName(*name));
  out.name = *name;
  ARROW_ASSIGN_OR_RAISE(out.data_type, DataTypeFromName(columns.type[row].value_or("")));
  ARROW_ASSIGN_OR_RAISE(out.sample_rate, SampleRate::Make(columns.rate[row].value_or(0)));
  out.partition_id = Own(columns.partition_id[row]);
  if (const std::optional<int64_t> index = columns.partition_index[row]) {
    if (*index < 0 || *index > std::numeric_limits<uint32_t>::max()) {
      return Error(ErrorKind::kCorrupt, "partition_index is out of range: {}", *index);
    }
    out.partition_index = static_cast<uint32_t>(*index);
  }
  out.publisher = Own(columns.publisher[row]);
  ARROW_ASSIGN_OR_RAISE(out.stride, ReadDuration(columns.stride, row));
  if (out.stride == Duration()) out.stride = std::nullopt;
  ARROW_ASSIGN_OR_RAISE(out.max_latency, ReadDuration(columns.max_latency, row));
  out.replay_id = Own(columns.replay_id[row]);
  return Status::OK();
}

// All rows of columns that were found.
Status ReadChannels(const Columns& columns, Channel* out) {
  for (int64_t row = 0; row < columns.batch->num_rows(); ++row) {
    const Status status = ReadChannel(columns, row, &out[row]);
    if (!status.ok()) {
      return Error(ErrorKind::kCorrupt, "metadata row {} (channel '{}') is wrong: {}",
                   row, columns.name[row].value_or("").substr(0, 128), status.message());
    }
  }
  return Status::OK();
}

}  // namespace

const std::shared_ptr<arrow::Schema>& MetadataSchema() {
  static const std::shared_ptr<arrow::Schema> schema = [] {
    arrow::FieldVector fields = PartitionFields();
    fields.push_back(field("publisher", arrow::utf8()));
    fields.push_back(field("stride", arrow::uint64()));
    fields.push_back(field("max_latency", arrow::uint64()));
    fields.push_back(field("replay_id", arrow::utf8()));
    return arrow::schema(std::move(fields));
  }();
  return schema;
}

const std::shared_ptr<arrow::Schema>& CountSchema() {
  static const auto schema = arrow::schema({field("count", arrow::int64())});
  return schema;
}

const std::shared_ptr<arrow::Schema>& PublishSchema() {
  static const auto schema = arrow::schema(
      {field("properties", arrow::map(arrow::utf8(), arrow::utf8()), false)});
  return schema;
}

const std::shared_ptr<arrow::Schema>& PartitionSchema() {
  static const auto schema = arrow::schema(PartitionFields());
  return schema;
}

std::unique_ptr<MetadataBuilder> MetadataBuilder::Make(
    const std::shared_ptr<arrow::Schema>& schema) {
  return std::make_unique<Builder>(schema);
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> EncodeMetadata(
    const std::vector<Channel>& channels, const std::shared_ptr<arrow::Schema>& schema) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> out;
  const auto builder = MetadataBuilder::Make(schema);
  for (const Channel& channel : channels) {
    ARROW_RETURN_NOT_OK(builder->Append(channel));
    if (builder->rows() == kMetadataBatchRows) {
      ARROW_ASSIGN_OR_RAISE(out.emplace_back(), builder->Finish());
    }
  }
  if (builder->rows() > 0) {
    ARROW_ASSIGN_OR_RAISE(out.emplace_back(), builder->Finish());
  }
  return out;
}

Result<std::vector<Channel>> DecodeMetadata(const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const Columns columns, Columns::Find(batch));
  // Only now the number of rows is more than a claim.
  std::vector<Channel> out(static_cast<size_t>(batch.num_rows()));
  ARROW_RETURN_NOT_OK(ReadChannels(columns, out.data()));
  return out;
}

Status DecodeMetadata(const arrow::RecordBatch& batch, Channel* out) {
  ARROW_ASSIGN_OR_RAISE(const Columns columns, Columns::Find(batch));
  return ReadChannels(columns, out);
}

Result<std::shared_ptr<arrow::RecordBatch>> EncodeCount(int64_t count) {
  arrow::Int64Builder builder;
  ARROW_RETURN_NOT_OK(builder.Append(count));
  ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
  return arrow::RecordBatch::Make(CountSchema(), 1, {std::move(column)});
}

Result<int64_t> DecodeCount(const arrow::RecordBatch& batch) {
  ARROW_RETURN_NOT_OK(ValidateFully(batch));
  ARROW_ASSIGN_OR_RAISE(const IntegerColumn column,
                        IntegerColumn::Find(batch, "count", true));
  int64_t out = 0;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const std::optional<int64_t> count = column[row];
    if (!count || *count < 0 || __builtin_add_overflow(out, *count, &out)) {
      return Error(ErrorKind::kCorrupt, "count in row {} is missing or out of range",
                   row);
    }
  }
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> EncodeProperties(
    const std::map<std::string, std::string>& properties) {
  const auto keys = std::make_shared<arrow::StringBuilder>();
  const auto values = std::make_shared<arrow::StringBuilder>();
  arrow::MapBuilder builder(arrow::default_memory_pool(), keys, values);
  ARROW_RETURN_NOT_OK(builder.Append());
  for (const auto& [key, value] : properties) {
    ARROW_RETURN_NOT_OK(keys->Append(key));
    ARROW_RETURN_NOT_OK(values->Append(value));
  }
  ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
  return arrow::RecordBatch::Make(PublishSchema(), 1, {std::move(column)});
}

}  // namespace carryall::wire
