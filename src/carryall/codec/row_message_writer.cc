#include "carryall/codec/row_message_writer.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/writer.h>

#include <limits>

#include "carryall/codec/batch_meta.h"
#include "carryall/codec/block_writer.h"
#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"
#include "carryall/codec/meta_writer.h"
#include "carryall/codec/stream_shape.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::codec {
namespace {

constexpr uint32_t kContinuation = 0xFFFFFFFF;
constexpr int64_t kPrefixBytes = 8;
constexpr int64_t kEndMarkerBytes = 8;

/// Appends a message's metadata as streams frame it; gives where its bytes begin.
int64_t AppendMetadata(const arrow::Buffer& metadata, std::vector<uint8_t>* out) {
  const size_t begin = out->size();
  const int64_t framed = RoundUp8(kPrefixBytes + metadata.size());
  out->resize(begin + static_cast<size_t>(framed));
  uint8_t* at = out->data() + begin;
  Store<uint32_t>(at, kContinuation);
  Store(at + 4, static_cast<int32_t>(framed - kPrefixBytes));
  std::memcpy(at + kPrefixBytes, metadata.data(), static_cast<size_t>(metadata.size()));
  return static_cast<int64_t>(begin) + kPrefixBytes;
}

}  // namespace

Result<RowMessageWriter> RowMessageWriter::Make(DataType type,
                                                std::vector<MessageRow> rows) {
  RowMessageWriter out(type, std::move(rows));
  if (out.rows_.empty()) {
    return Error(ErrorKind::kInvalidArgument, "a message without rows");
  }
  for (const MessageRow& row : out.rows_) {
    out.samples_ += row.samples;
    if (row.samples < 0 || out.samples_ > std::numeric_limits<int32_t>::max()) {
      return Error(ErrorKind::kInvalidArgument,
                   "too many samples for one message: {} rows, {} samples or more",
                   out.rows_.size(), out.samples_);
    }
  }
  ARROW_ASSIGN_OR_RAISE(out.plain_, out.Prepare(false));
  ARROW_ASSIGN_OR_RAISE(out.gappy_, out.Prepare(true));
  out.missing_.resize(out.rows_.size());
  out.runs_.reserve(out.rows_.size());
  return out;
}

Result<RowMessageWriter::Layout> RowMessageWriter::Prepare(bool gaps) const {
  const auto schema = PlainRowSchema(type_);
  const auto rows = static_cast<int64_t>(rows_.size());
  const int64_t ids = RoundUp8(8 * rows);
  const int64_t offsets = ids + RoundUp8(4 * rows);
  const int64_t validity = offsets + RoundUp8(4 * (rows + 1));
  const int64_t validity_bytes = gaps ? BitmapBytes(samples_) : 0;
  const int64_t values = validity + RoundUp8(validity_bytes);
  const int64_t value_bytes = samples_ * ByteWidth(type_);
  const int64_t body_bytes = values + RoundUp8(value_bytes);

  ARROW_ASSIGN_OR_RAISE(MetaWriter meta, MetaWriter::Make(schema));
  meta.Begin(rows);
  meta.AddNode(rows, 0);  // time
  meta.AddPlace(0, 0);
  meta.AddPlace(0, 8 * rows);
  meta.AddNode(rows, 0);  // id
  meta.AddPlace(ids, 0);
  meta.AddPlace(ids, 4 * rows);
  meta.AddNode(rows, 0);  // data, and the samples in it
  meta.AddNode(samples_, 0);
  meta.AddPlace(offsets, 0);
  meta.AddPlace(offsets, 4 * (rows + 1));
  meta.AddPlace(validity, validity_bytes);
  meta.AddPlace(values, value_bytes);
  ARROW_ASSIGN_OR_RAISE(const auto metadata,
                        meta.Finish(body_bytes, arrow::default_memory_pool()));
  arrow::ipc::IpcPayload head;
  RETURN_NOT_OK(arrow::ipc::GetSchemaPayload(*schema,
                                             arrow::ipc::IpcWriteOptions::Defaults(),
                                             arrow::ipc::DictionaryFieldMapper(), &head));

  Layout out;
  AppendMetadata(*head.metadata, &out.head);
  const int64_t meta_at = AppendMetadata(*metadata, &out.head);
  BatchMeta tables;
  RETURN_NOT_OK(ParseBatchMeta(metadata->data(), metadata->size(), &tables));
  constexpr int64_t kSamplesNode = 3;
  out.null_count_at = meta_at + (tables.nodes - metadata->data()) + 16 * kSamplesNode + 8;
  const auto body = static_cast<int64_t>(out.head.size());
  out.times_at = body;
  out.validity_at = body + validity;
  out.values_at = body + values;
  out.size = body + body_bytes + kEndMarkerBytes;

  out.head.resize(static_cast<size_t>(out.validity_at));
  uint8_t* at = out.head.data() + body;
  int32_t offset = 0;
  for (int64_t row = 0; row < rows; ++row) {
    Store(at + ids + 4 * row, rows_[static_cast<size_t>(row)].id);
    Store(at + offsets + 4 * row, offset);
    offset += static_cast<int32_t>(rows_[static_cast<size_t>(row)].samples);
  }
  Store(at + offsets + 4 * rows, offset);
  return out;
}

int64_t RowMessageWriter::Write(GpsTime time, std::span<const SampleView> views,
                                uint8_t* out) {
  int64_t missing = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    missing_[i] = views[i].may_have_gaps() ? CountMissing(views[i]) : 0;
    missing += missing_[i];
  }
  const Layout& layout = missing > 0 ? gappy_ : plain_;
  std::memcpy(out, layout.head.data(), layout.head.size());
  const int64_t ns = time.ns();
  kernels::Fill(out + layout.times_at, &ns, 8, static_cast<int64_t>(rows_.size()));
  if (missing > 0) {
    Store(out + layout.null_count_at, missing);
    std::memset(out + layout.values_at - 8, 0, 8);
    PutValidity(views, out + layout.validity_at);
  }
  PutValues(views, out + layout.values_at);
  const int64_t values_end = layout.values_at + samples_ * ByteWidth(type_);
  const int64_t end = layout.size - kEndMarkerBytes;
  std::memset(out + values_end, 0, static_cast<size_t>(end - values_end));
  Store<uint32_t>(out + end, kContinuation);
  Store<int32_t>(out + end + 4, 0);
  return layout.size;
}

void RowMessageWriter::PutValidity(std::span<const SampleView> views,
                                   uint8_t* bits) const {
  int64_t at = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    const SampleView& view = views[i];
    if (missing_[i] == 0 || missing_[i] == view.length) {
      kernels::SetBits(bits, at, view.length, missing_[i] == 0);
    } else {
      kernels::CopyBits(view.validity, view.validity_offset, view.length, bits, at);
    }
    at += view.length;
  }
}

void RowMessageWriter::PutValues(std::span<const SampleView> views, uint8_t* values) {
  const auto drain = [&] {
    values += kernels::Gather(runs_, values);
    runs_.clear();
  };
  const int width = ByteWidth(type_);
  for (size_t i = 0; i < views.size(); ++i) {
    const SampleView& view = views[i];
    const int64_t bytes = view.length * width;
    if (missing_[i] == 0) {
      runs_.push_back({view.values, bytes});
      continue;
    }
    drain();
    if (missing_[i] == view.length) {
      std::memset(values, 0, static_cast<size_t>(bytes));
    } else {
      kernels::CopyPresent(view.values, width, view.validity, view.validity_offset,
                           view.length, values);
    }
    values += bytes;
  }
  drain();
  CountCopy(samples_ * width);
}

}  // namespace carryall::codec
