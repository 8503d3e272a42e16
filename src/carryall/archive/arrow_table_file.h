#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>

#include <map>
#include <memory>
#include <string>

#include "carryall/base/status.h"

namespace carryall::archive {

/// The version of the directory's format that this program writes, and the only one it
/// reads.
inline constexpr int kFormatVersion = 1;

/// A small table (index, channels) as it stands on disk: an Arrow IPC file of one batch,
/// whose schema metadata have the format's version under the table's own key.
struct TableFile {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::map<std::string, std::string> metadata;
};

/// Schema metadata: `format_key` = the version, and `more`.
std::shared_ptr<arrow::KeyValueMetadata> FormatMetadata(
    const std::string& format_key, const std::map<std::string, std::string>& more);

/// Reads such a file and validates it fully: fields exactly those of `schema`, no nulls.
/// Errors name the path: kNotFound, kUnsupported for another version, kCorrupt.
Result<TableFile> ReadTableFile(const std::string& path, const arrow::Schema& schema,
                                const std::string& format_key);

Status WriteTableFile(const arrow::RecordBatch& batch, arrow::io::OutputStream* out);

}  // namespace carryall::archive
