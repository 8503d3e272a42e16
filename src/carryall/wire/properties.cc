#include "carryall/wire/properties.h"

#include <arrow/array.h>

namespace carryall::wire {

Result<Properties> DecodeProperties(const arrow::RecordBatch& batch) {
  if (const Status status = batch.ValidateFull(); !status.ok()) {
    return Error(ErrorKind::kCorrupt, "not a batch of properties: {}", status.message());
  }
  const auto column = batch.GetColumnByName("properties");
  if (column == nullptr ||
      !column->type()->Equals(*arrow::map(arrow::utf8(), arrow::utf8()))) {
    return Error(ErrorKind::kCorrupt, "no column of properties of text: {}",
                 batch.schema()->ToString());
  }
  const auto& maps = static_cast<const arrow::MapArray&>(*column);
  const auto& keys = static_cast<const arrow::StringArray&>(*maps.keys());
  const auto& values = static_cast<const arrow::StringArray&>(*maps.items());
  Properties out;
  for (int64_t row = 0; row < maps.length(); ++row) {
    if (maps.IsNull(row)) continue;
    if (static_cast<int64_t>(out.size()) + maps.value_length(row) > kMaxProperties) {
      return Error(ErrorKind::kResourceExhausted, "more than {} properties",
                   kMaxProperties);
    }
    for (int32_t i = maps.value_offset(row); i < maps.value_offset(row + 1); ++i) {
      if (!values.IsNull(i)) out[keys.GetString(i)] = values.GetString(i);
    }
  }
  return out;
}

}  // namespace carryall::wire
