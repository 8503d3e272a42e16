#include "carryall/archive/arrow_table_file.h"

#include <arrow/array.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "carryall/files/input_file.h"
#include "carryall/files/output_file.h"

namespace carryall::archive {
namespace {

// Tables are written without compression: what they claim beyond their size is damage.
constexpr int64_t kMinPoolBytes = int64_t{64} << 20;

Status Corrupt(const std::string& path, const std::string& why) {
  return Error(ErrorKind::kCorrupt, "archive file is damaged: {}: {}", path, why);
}

Status CheckVersion(const std::string& path, const TableFile& file,
                    const std::string& format_key) {
  const auto version = file.metadata.find(format_key);
  if (version == file.metadata.end()) {
    return Corrupt(path, fmt::format("schema metadata has no '{}'", format_key));
  }
  if (version->second != std::to_string(kFormatVersion)) {
    return Error(ErrorKind::kUnsupported,
                 "archive has format version {}, this program reads {}: {}",
                 version->second.substr(0, 32), kFormatVersion, path);
  }
  return Status::OK();
}

Result<TableFile> ReadWith(const std::string& path, const arrow::Schema& schema,
                           const std::string& format_key, arrow::MemoryPool* pool) {
  const auto damaged = [&](const Status& status) {
    return Corrupt(path, status.message());
  };
  ARROW_ASSIGN_OR_RAISE(auto file, files::InputFile::Open(path, pool));
  arrow::ipc::IpcReadOptions options;
  options.memory_pool = pool;
  options.use_threads = false;
  auto reader = arrow::ipc::RecordBatchFileReader::Open(file, options);
  if (!reader.ok()) return damaged(reader.status());
  TableFile out;
  if (const auto metadata = (*reader)->schema()->metadata()) {
    for (int64_t i = 0; i < metadata->size(); ++i) {
      out.metadata[metadata->key(i)] = metadata->value(i);
    }
  }
  ARROW_RETURN_NOT_OK(CheckVersion(path, out, format_key));
  if (!(*reader)->schema()->Equals(schema, /*check_metadata=*/false)) {
    return Corrupt(path, "unexpected schema " + (*reader)->schema()->ToString());
  }
  if ((*reader)->num_record_batches() != 1) return Corrupt(path, "not exactly one batch");
  auto batch = (*reader)->ReadRecordBatch(0);
  if (!batch.ok()) return damaged(batch.status());
  if (Status valid = (*batch)->ValidateFull(); !valid.ok()) return damaged(valid);
  for (const auto& column : (*batch)->columns()) {
    if (column->null_count() != 0) return Corrupt(path, "unexpected nulls");
  }
  out.batch = *batch;
  return out;
}

}  // namespace

std::shared_ptr<arrow::KeyValueMetadata> FormatMetadata(
    const std::string& format_key, const std::map<std::string, std::string>& more) {
  auto metadata =
      arrow::key_value_metadata({format_key}, {std::to_string(kFormatVersion)});
  for (const auto& [key, value] : more) metadata->Append(key, value);
  return metadata;
}

Result<TableFile> ReadTableFile(const std::string& path, const arrow::Schema& schema,
                                const std::string& format_key) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Error(ErrorKind::kNotFound, "no such file: {}", path);
    return files::SystemError(errno, "read", path);
  }
  arrow::ProxyMemoryPool counted(arrow::default_memory_pool());
  arrow::CappedMemoryPool capped(&counted,
                                 std::max<int64_t>(kMinPoolBytes, 4 * info.st_size));
  ARROW_ASSIGN_OR_RAISE(TableFile file, ReadWith(path, schema, format_key, &capped));
  // The columns outlive the capped pool only as copies.
  ARROW_ASSIGN_OR_RAISE(file.batch,
                        file.batch->CopyTo(arrow::default_cpu_memory_manager()));
  return file;
}

Status WriteTableFile(const arrow::RecordBatch& batch, arrow::io::OutputStream* out) {
  arrow::ipc::IpcWriteOptions options;
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(auto writer,
                        arrow::ipc::MakeFileWriter(out, batch.schema(), options));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
  return writer->Close();
}

}  // namespace carryall::archive
