#include "carryall/codec/row_message_reader.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>

#include <atomic>
#include <cstring>

#include "carryall/codec/body_codec.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {
namespace {

constexpr uint32_t kContinuation = 0xffffffff;
constexpr int64_t kMaxMetadata = int64_t{64} << 20;

/// The frame of one encapsulated message; metadata of size 0: the end of the stream.
struct Frame {
  const uint8_t* metadata = nullptr;
  int64_t metadata_size = 0;
};

Status Truncated() { return Error(ErrorKind::kCorrupt, "message is truncated"); }

/// Moves `*at` behind the metadata. At the end of the bytes the stream has ended too.
Result<Frame> NextFrame(const uint8_t* data, int64_t size, int64_t* at) {
  Frame frame;
  if (*at == size) return frame;
  if (size - *at < 4) return Truncated();
  auto length = Load<uint32_t>(data + *at);
  *at += 4;
  if (length == kContinuation) {
    if (size - *at < 4) return Truncated();
    length = Load<uint32_t>(data + *at);
    *at += 4;
  }
  if (length > kMaxMetadata || length > size - *at) return Truncated();
  frame.metadata = data + *at;
  frame.metadata_size = length;
  *at += length;
  return frame;
}

/// Of all readers together, because what is made of a batch may outlive its reader.
int64_t NextGeneration() {
  static std::atomic<int64_t> last{0};
  return ++last;
}

bool Equal(const std::vector<uint8_t>& known, const uint8_t* data, int64_t size) {
  return static_cast<int64_t>(known.size()) == size &&
         std::memcmp(known.data(), data, known.size()) == 0;
}

Result<DataType> TypeOfRows(const arrow::Schema& schema) {
  const auto is = [&](int i, std::string_view name, arrow::Type::type type) {
    return schema.field(i)->name() == name && schema.field(i)->type()->id() == type;
  };
  if (schema.endianness() != arrow::Endianness::Little || schema.num_fields() != 3 ||
      !is(0, "time", arrow::Type::INT64) || !is(1, "id", arrow::Type::UINT32) ||
      !is(2, "data", arrow::Type::LIST)) {
    return Error(ErrorKind::kInvalidArgument, "columns are not time, id, data: {}",
                 schema.num_fields() > 8 ? "too many" : schema.ToString());
  }
  return SampleTypeOf(*schema.field(2));
}

}  // namespace

Result<std::span<const MessageRows>> RowMessageReader::Read(const uint8_t* data,
                                                            int64_t size) {
  out_.clear();
  batches_ = 0;
  if (IsAsBefore(data, size)) {
    RETURN_NOT_OK(AddRows(&known_[0], data + head_.size()));
    return std::span<const MessageRows>(out_);
  }
  head_.clear();
  if (size > limits_.max_body_bytes) {
    return Error(ErrorKind::kResourceExhausted, "message is too large: {} of {} bytes",
                 size, limits_.max_body_bytes);
  }
  int64_t at = 0;
  ARROW_ASSIGN_OR_RAISE(Frame frame, NextFrame(data, size, &at));
  if (frame.metadata_size == 0) return Error(ErrorKind::kCorrupt, "message is empty");
  RETURN_NOT_OK(ReadSchema(frame.metadata, frame.metadata_size));
  int64_t first_body = 0, first_body_bytes = 0;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(frame, NextFrame(data, size, &at));
    if (frame.metadata_size == 0) break;
    int64_t body_bytes = 0;
    RETURN_NOT_OK(ReadBatch(frame.metadata, frame.metadata_size, data + at, size - at,
                            &body_bytes));
    if (batches_ == 1) {
      first_body = at;
      first_body_bytes = body_bytes;
    }
    at += body_bytes;
  }
  if (batches_ == 1 && out_.size() == 1 && !known_[0].metadata.empty()) {
    head_.assign(data, data + first_body);
    body_bytes_ = first_body_bytes;
  }
  return std::span<const MessageRows>(out_);
}

bool RowMessageReader::IsAsBefore(const uint8_t* data, int64_t size) const {
  const auto head = static_cast<int64_t>(head_.size());
  if (head == 0 || size < head + body_bytes_) return false;
  // What comes behind the body must be the end.
  const int64_t rest = size - head - body_bytes_;
  const uint8_t* end = data + head + body_bytes_;
  const bool ends =
      rest == 0 || (rest >= 8 && Load<uint64_t>(end) == uint64_t{kContinuation});
  return ends && std::memcmp(data, head_.data(), head_.size()) == 0;
}

Status RowMessageReader::ReadSchema(const uint8_t* data, int64_t size) {
  if (Equal(schema_, data, size)) return Status::OK();
  schema_.clear();
  known_.clear();
  ARROW_ASSIGN_OR_RAISE(
      const auto message,
      arrow::ipc::Message::Open(std::make_shared<arrow::Buffer>(data, size), nullptr));
  if (message->type() != arrow::ipc::MessageType::SCHEMA) {
    return Error(ErrorKind::kCorrupt, "message does not begin with a schema");
  }
  arrow::ipc::DictionaryMemo memo;
  ARROW_ASSIGN_OR_RAISE(const auto schema, arrow::ipc::ReadSchema(*message, &memo));
  ARROW_ASSIGN_OR_RAISE(type_, TypeOfRows(*schema));
  width_ = static_cast<uint8_t>(ByteWidth(type_));
  schema_.assign(data, data + size);
  return Status::OK();
}

Status RowMessageReader::ReadBatch(const uint8_t* metadata, int64_t metadata_size,
                                   const uint8_t* body, int64_t body_room,
                                   int64_t* body_size) {
  if (batches_ == kMaxBatches) {
    return Error(ErrorKind::kResourceExhausted, "more than {} batches in a message",
                 kMaxBatches);
  }
  const size_t place = std::min(batches_++, kKnown - 1);
  if (place == known_.size()) known_.emplace_back();
  Known* const known = &known_[place];
  if (Equal(known->metadata, metadata, metadata_size)) {
    *body_size = known->layout.body_bytes;
    if (*body_size > body_room) return Truncated();
    return known->layout.rows == 0 ? Status::OK() : AddRows(known, body);
  }
  known->metadata.clear();
  BatchMeta meta;
  RETURN_NOT_OK(ParseBatchMeta(metadata, metadata_size, &meta));
  if (meta.body_length < 0 || meta.body_length > body_room) return Truncated();
  *body_size = meta.body_length;
  const bool compressed = meta.codec != BodyCodec::kNone && meta.rows > 0;
  PlainBody plain;
  if (compressed && meta.body_length > 0) {
    const arrow::Buffer packed(body, meta.body_length);
    ARROW_ASSIGN_OR_RAISE(
        plain, DecompressBody(meta, packed, limits_, arrow::default_memory_pool()));
    known->plain = plain.body;
    meta.buffers = reinterpret_cast<const uint8_t*>(plain.places.data());
    meta.body_length = plain.body->size();
    body = plain.body->data();
  }
  const std::span<const uint8_t> widths(&width_, 1);
  RETURN_NOT_OK(ReadLayout(meta, /*has_id=*/true, widths, limits_, &known->layout));
  if (!compressed) {
    // The body as it was announced, which is what lies before the next batch.
    known->layout.body_bytes = *body_size;
    known->metadata.assign(metadata, metadata + metadata_size);
  }
  return known->layout.rows == 0 ? Status::OK() : AddRows(known, body);
}

Status RowMessageReader::AddRows(Known* known, const uint8_t* body) {
  const BatchLayout& layout = known->layout;
  MessageRows rows;
  rows.time_ns = Load<int64_t>(body + layout.time);
  rows.rows = layout.rows;
  rows.ids = body + layout.id;
  rows.list = ListSlice::Of(layout.lists[0], body);
  rows.type = type_;
  const auto id_bytes = static_cast<size_t>(4 * layout.rows);
  const bool same =
      known->rows == rows.rows && rows.list.list_validity == nullptr &&
      std::memcmp(known->ids.data(), rows.ids, id_bytes) == 0 &&
      std::memcmp(known->offsets.data(), rows.list.offsets, id_bytes + 4) == 0 &&
      rows.list.Offset(rows.rows) <= rows.list.child_length;
  if (!same) {
    known->rows = 0;
    if (!rows.list.OffsetsAreSound(rows.rows)) {
      return Error(ErrorKind::kCorrupt, "list offsets are out of order or range");
    }
    known->generation = NextGeneration();
    if (rows.list.list_validity == nullptr) {
      known->ids.assign(rows.ids, rows.ids + id_bytes);
      known->offsets.assign(rows.list.offsets, rows.list.offsets + id_bytes + 4);
      known->rows = rows.rows;
    }
  }
  rows.generation = known->generation;
  out_.push_back(rows);
  return Status::OK();
}

}  // namespace carryall::codec
