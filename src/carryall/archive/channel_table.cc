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

Result<ChannelTable::Row> RowOf(const arrow::RecordBatch& batch, int64_t i) {
  const auto text = [&](int column) {
    return static_cast<const arrow::StringArray&>(*batch.column(column)).GetView(i);
  };
  ChannelTable::Row row;
  row.channel.name = text(0);
  ARROW_RETURN_NOT_OK(ParseChannelName(row.channel.name).status());
  ARROW_ASSIGN_OR_RAISE(row.channel.data_type, DataTypeFromName(text(1)));
  ARROW_ASSIGN_OR_RAISE(
      row.channel.sample_rate,
      SampleRate::Make(static_cast<const arrow::Int32Array&>(*batch.column(2)).Value(i)));
  row.channel.stride =
      Duration::FromNs(static_cast<const arrow::Int64Array&>(*batch.column(3)).Value(i));
  row.unit = text(4);
  if (row.channel.stride->ns() <= 0 ||
      !row.channel.sample_rate.Divides(*row.channel.stride)) {
    return Error(ErrorKind::kCorrupt,
                 "stride of channel {} is not a whole number of samples: {}",
                 row.channel.name, ToString(*row.channel.stride));
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
  for (int64_t i = 0; i < file.batch->num_rows(); ++i) {
    auto row = RowOf(*file.batch, i);
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
