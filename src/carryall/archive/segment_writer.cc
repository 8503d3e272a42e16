#include "carryall/archive/segment_writer.h"

#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>

#include <cstring>

#include "carryall/archive/segment.h"
#include "carryall/model/sample_grid.h"

namespace carryall::archive {
namespace {

std::shared_ptr<arrow::Array> ListOf(const Channel& channel, const ColumnData& column) {
  const auto& item = ToArrow(channel.data_type);
  auto items = arrow::ArrayData::Make(item, column.samples,
                                      {column.validity, column.values}, column.missing);
  const auto type = arrow::fixed_size_list(item, static_cast<int32_t>(column.samples));
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, 1, {nullptr}, {std::move(items)}, 0));
}

// Schema metadata with `padding` spaces, which move the body to where it shall begin.
std::shared_ptr<arrow::KeyValueMetadata> SchemaMetadata(int64_t padding) {
  return arrow::key_value_metadata({"carryall-segment", "padding"},
                                   {"1", std::string(padding, ' ')});
}

Result<std::shared_ptr<arrow::RecordBatch>> BatchOf(
    const ChannelTable& table, GpsTime start, const std::vector<ColumnData>& columns) {
  arrow::FieldVector fields{arrow::field("time", arrow::int64(), false)};
  // Arrow pads to 8 bytes only; what has 64 already keeps them.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> time, arrow::AllocateBuffer(64));
  std::memset(time->mutable_data(), 0, 64);
  const int64_t ns = start.ns();
  std::memcpy(time->mutable_data(), &ns, sizeof(ns));
  arrow::ArrayVector arrays{std::make_shared<arrow::Int64Array>(1, std::move(time))};
  for (size_t i = 0; i < columns.size(); ++i) {
    const Channel& channel = table.channel(i);
    arrays.push_back(ListOf(channel, columns[i]));
    fields.push_back(arrow::field(
        channel.name, arrays.back()->type(), true,
        arrow::key_value_metadata({"rate"}, {std::to_string(channel.sample_rate.hz())})));
  }
  auto schema = arrow::schema(std::move(fields), SchemaMetadata(0));
  return arrow::RecordBatch::Make(std::move(schema), 1, std::move(arrays));
}

arrow::ipc::IpcWriteOptions IpcOptions() {
  arrow::ipc::IpcWriteOptions options;
  options.use_threads = false;
  return options;
}

// The spaces that let the body of a batch begin at a multiple of 64 bytes in its file:
// magic, schema message and the batch's metadata (its length before it) come first, in
// steps of 8.
Result<int64_t> PaddingOf(const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const auto schema, arrow::ipc::SerializeSchema(*batch.schema()));
  arrow::ipc::IpcPayload payload;
  ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(batch, IpcOptions(), &payload));
  const int64_t before = 8 + schema->size() + (payload.metadata->size() + 8 + 7) / 8 * 8;
  return (64 - before % 64) % 64;
}

std::vector<int32_t> GappyRanges(const std::vector<ColumnData>& columns) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool gappy = columns[i].missing > 0;
    if (gappy != (out.size() % 2 == 1)) out.push_back(static_cast<int32_t>(i));
  }
  if (out.size() % 2 == 1) out.push_back(static_cast<int32_t>(columns.size()));
  return out;
}

Status WriteArrow(const arrow::RecordBatch& batch, files::OutputFile* file) {
  ARROW_ASSIGN_OR_RAISE(auto writer,
                        arrow::ipc::MakeFileWriter(file, batch.schema(), IpcOptions()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
  ARROW_RETURN_NOT_OK(writer->Close());
  // The disk works while the next segment is collected; Sync waits for it in the end.
  ARROW_RETURN_NOT_OK(file->StartWriteback());
  return file->Close();
}

// What Arrow reads of one column: where its samples and its bitmap lie in the file.
Status CheckColumn(const arrow::Array& array, const ColumnPlace& place,
                   const uint8_t* base) {
  const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
  const arrow::ArrayData& items = *list.values()->data();
  const bool gappy = items.GetNullCount() > 0;
  if (list.value_offset(0) != 0 || list.value_length(0) != place.samples ||
      items.buffers[1]->data() != base + place.values || gappy != (place.validity >= 0) ||
      (gappy && items.buffers[0]->data() != base + place.validity)) {
    return Error(ErrorKind::kInternal, "samples do not lie where the layout says");
  }
  return Status::OK();
}

// Fills in what only the finished file knows, and proves the layout by Arrow's own
// reader.
Status CompleteInfo(const std::string& path, const ChannelTable& table,
                    SegmentInfo* info) {
  ARROW_ASSIGN_OR_RAISE(const auto file, MappedFile::Open(path, info->bytes));
  auto bytes = std::make_shared<arrow::Buffer>(file->data(), file->size());
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::ipc::RecordBatchFileReader::Open(
                            std::make_shared<arrow::io::BufferReader>(bytes)));
  ARROW_ASSIGN_OR_RAISE(const auto batch, reader->ReadRecordBatch(0));
  const auto& times = static_cast<const arrow::Int64Array&>(*batch->column(0));
  info->body_offset = reinterpret_cast<const uint8_t*>(times.raw_values()) - file->data();
  ARROW_ASSIGN_OR_RAISE(const auto layout, SegmentLayout::Make(*info, table));
  for (size_t i = 0; i < table.size(); ++i) {
    const auto column = static_cast<int32_t>(i);
    ARROW_RETURN_NOT_OK(
        WithContext(CheckColumn(*batch->column(column + 1),
                                layout.Place(*info, table, column), file->data()),
                    fmt::format("{}: column {}", path, table.channel(i).name)));
  }
  info->metadata_digest = MetadataDigest(*file, info->body_offset, layout.body_end());
  return Status::OK();
}

}  // namespace

Result<StagedSegment> WriteSegment(const std::string& archive,
                                   const std::string& file_name,
                                   const ChannelTable& table, GpsTime start, GpsTime end,
                                   const std::vector<ColumnData>& columns,
                                   const files::StepHook& hook) {
  StagedSegment out;
  out.info.file = file_name;
  out.info.table = table.digest();
  out.info.start = start;
  out.info.end = end;
  out.info.gappy = GappyRanges(columns);
  ARROW_ASSIGN_OR_RAISE(out.file,
                        files::OutputFile::Create(SegmentPath(archive, file_name), hook));
  ARROW_ASSIGN_OR_RAISE(auto batch, BatchOf(table, start, columns));
  ARROW_ASSIGN_OR_RAISE(const int64_t padding, PaddingOf(*batch));
  batch = batch->ReplaceSchemaMetadata(SchemaMetadata(padding));
  ARROW_RETURN_NOT_OK(WriteArrow(*batch, out.file.get()));
  ARROW_ASSIGN_OR_RAISE(out.info.bytes, out.file->Tell());
  ARROW_RETURN_NOT_OK(CompleteInfo(out.file->path(), table, &out.info));
  return out;
}

}  // namespace carryall::archive
