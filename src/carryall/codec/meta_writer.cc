#include "carryall/codec/meta_writer.h"

#include <arrow/array/util.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <cassert>

#include "carryall/codec/batch_meta.h"
#include "carryall/codec/bytes.h"

namespace carryall::codec {

Result<MetaWriter> MetaWriter::Make(const std::shared_ptr<arrow::Schema>& schema) {
  // One row, because a flatbuffer leaves out the numbers that are zero.
  arrow::ArrayVector columns;
  for (const auto& field : schema->fields()) {
    std::shared_ptr<arrow::Array> column;
    if (field->type()->id() == arrow::Type::LIST) {
      ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), 1));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto zero, arrow::MakeScalar(field->type(), 0));
      ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayFromScalar(*zero, 1));
    }
    columns.push_back(std::move(column));
  }
  arrow::ipc::IpcPayload payload;
  RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(
      *arrow::RecordBatch::Make(schema, 1, std::move(columns)),
      arrow::ipc::IpcWriteOptions::Defaults(), &payload));
  MetaWriter out;
  const uint8_t* data = payload.metadata->data();
  out.bytes_.assign(data, data + payload.metadata->size());
  BatchMeta meta;
  RETURN_NOT_OK(ParseBatchMeta(data, payload.metadata->size(), &meta));
  if (meta.rows_at < 0 || meta.body_length_at < 0) {
    return Error(ErrorKind::kInternal,
                 "no place for lengths in the metadata Arrow wrote");
  }
  out.rows_at_ = meta.rows_at;
  out.body_length_at_ = meta.body_length_at;
  out.nodes_at_ = meta.nodes - data;
  out.buffers_at_ = meta.buffers - data;
  return out;
}

void MetaWriter::Begin(int64_t rows) {
  node_at_ = nodes_at_;
  buffer_at_ = buffers_at_;
  Patch(rows_at_, rows);
}

void MetaWriter::Put(int64_t* at, int64_t first, int64_t second) {
  Patch(*at, first);
  Patch(*at + 8, second);
  *at += 16;
}

void MetaWriter::Patch(int64_t at, int64_t value) {
  uint8_t* p = bytes_.data() + at;
  changed_ |= Load<int64_t>(p) != value;
  Store(p, value);
}

Result<std::shared_ptr<arrow::Buffer>> MetaWriter::Finish(int64_t body_length,
                                                          arrow::MemoryPool* pool) {
  Patch(body_length_at_, body_length);
  if (changed_ || last_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> fresh,
        arrow::AllocateBuffer(static_cast<int64_t>(bytes_.size()), pool));
    std::memcpy(fresh->mutable_data(), bytes_.data(), bytes_.size());
    last_ = std::move(fresh);
    changed_ = false;
  }
  return last_;
}

}  // namespace carryall::codec
