#include "carryall/archive/channel_table.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>

#include <algorithm>

#include "carryall/archive/arrow_table_file.h"
#include "carryall/archive/digest.h"

namespace carryall::archive {
namespace {

constexpr char kFormatKey[] = "carryall-channels";

std::shared_ptr<arrow::Schema> TableSchema() {
  return arrow::schema({arrow::field("channel", arrow::utf8(), false),
                        arrow::field("data_type", arrow::utf8(), false),
                        arrow::field("sample_rate", arrow::int32(), false),
                        arrow::field("stride", arrow::int64(), false),
                        arrow::field("unit", arrow::utf8(), false)},
                       FormatMetadata(kFormatKey, {}));
}

// The columns of a table file that ReadTableFile has checked.
struct Columns {
  explicit Columns(const arrow::RecordBatch& batch)
      : names(batch.column(0)),
        types(batch.column(1)),
        rates(batch.column(2)),
        strides(batch.column(3)),
        units(batch.column(4)) {}
  std::shared_ptr<arrow::Array> names, types, rates, strides, units;
};

std::string_view TextAt(const std::shared_ptr<arrow::Array>& column, int64_t i) {
  return static_cast<const arrow::StringArray&>(*column).GetView(i);
}

Result<ChannelTable::Row> RowOf(const Columns& columns, int64_t i) {
  ChannelTable::Row row;
  Channel& channel = row.channel;
  channel.name = TextAt(columns.names, i);
  ARROW_RETURN_NOT_OK(ParseChannelName(channel.name).status());
  ARROW_ASSIGN_OR_RAISE(channel.data_type, DataTypeFromName(TextAt(columns.types, i)));
  ARROW_ASSIGN_OR_RAISE(
      channel.sample_rate,
      SampleRate::Make(static_cast<const arrow::Int32Array&>(*columns.rates).Value(i)));
  channel.stride =
      Duration::FromNs(static_cast<const arrow::Int64Array&>(*columns.strides).Value(i));
  row.unit = TextAt(columns.units, i);
  if (channel.stride->ns() <= 0 || !channel.sample_rate.Divides(*channel.stride)) {
    return Error(ErrorKind::kCorrupt,
                 "stride of channel {} is not a whole number of samples: {}",
                 channel.name, ToString(*channel.stride));
  }
  return row;
}

}  // namespace

Duration DefaultStride(SampleRate rate) {
  const Duration sixteenth = Duration::FromNs(62'500'000);
  return rate.Divides(sixteenth) ? sixteenth : Duration::FromSeconds(1);
}

ChannelTable::ChannelTable(std::vector<Row> rows) : rows_(std::move(rows)) {
  Digest digest;
  for (const Row& row : rows_) {
    digest.Add(row.channel.name).Add(Name(row.channel.data_type));
    digest.Add(int64_t{row.channel.sample_rate.hz()}).Add(row.channel.stride->ns());
    digest.Add(row.unit);
  }
  digest_ = digest.Value();
}

Result<std::shared_ptr<const ChannelTable>> ChannelTable::Make(std::vector<Row> rows) {
  for (size_t i = 1; i < rows.size(); ++i) {
    if (!(rows[i - 1].channel.name < rows[i].channel.name)) {
      return Error(ErrorKind::kInternal, "channels out of order: {} before {}",
                   rows[i - 1].channel.name, rows[i].channel.name);
    }
  }
  return std::shared_ptr<const ChannelTable>(new ChannelTable(std::move(rows)));
}

Result<std::shared_ptr<const ChannelTable>> ChannelTable::Read(const std::string& path,
                                                               uint64_t digest) {
  ARROW_ASSIGN_OR_RAISE(auto file, ReadTableFile(path, *TableSchema(), kFormatKey));
  std::vector<Row> rows;
  rows.reserve(file.batch->num_rows());
  const Columns columns(*file.batch);
  for (int64_t i = 0; i < file.batch->num_rows(); ++i) {
    auto row = RowOf(columns, i);
    if (!row.ok())
      return Error(ErrorKind::kCorrupt, "{}: {}", path, row.status().message());
    rows.push_back(std::move(*row));
  }
  auto table = Make(std::move(rows));
  if (!table.ok() || (*table)->digest() != digest) {
    return Error(ErrorKind::kCorrupt,
                 "contents do not agree with the digest in the name: {}", path);
  }
  return table;
}

Status ChannelTable::Write(arrow::io::OutputStream* out) const {
  arrow::StringBuilder names, types, units;
  arrow::Int32Builder rates;
  arrow::Int64Builder strides;
  for (const Row& row : rows_) {
    ARROW_RETURN_NOT_OK(names.Append(row.channel.name));
    ARROW_RETURN_NOT_OK(types.Append(Name(row.channel.data_type)));
    ARROW_RETURN_NOT_OK(rates.Append(row.channel.sample_rate.hz()));
    ARROW_RETURN_NOT_OK(strides.Append(row.channel.stride->ns()));
    ARROW_RETURN_NOT_OK(units.Append(row.unit));
  }
  arrow::ArrayVector columns(5);
  ARROW_RETURN_NOT_OK(names.Finish(&columns[0]));
  ARROW_RETURN_NOT_OK(types.Finish(&columns[1]));
  ARROW_RETURN_NOT_OK(rates.Finish(&columns[2]));
  ARROW_RETURN_NOT_OK(strides.Finish(&columns[3]));
  ARROW_RETURN_NOT_OK(units.Finish(&columns[4]));
  const auto rows = static_cast<int64_t>(rows_.size());
  return WriteTableFile(*arrow::RecordBatch::Make(TableSchema(), rows, columns), out);
}

int32_t ChannelTable::Find(std::string_view name) const {
  const auto at = std::lower_bound(
      rows_.begin(), rows_.end(), name,
      [](const Row& row, std::string_view wanted) { return row.channel.name < wanted; });
  if (at == rows_.end() || at->channel.name != name) return -1;
  return static_cast<int32_t>(at - rows_.begin());
}

}  // namespace carryall::archive
