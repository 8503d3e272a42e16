#include "carryall/codec/batch_meta.h"

namespace carryall::codec {
namespace {

// Numbers of the fields in Arrow's format/Message.fbs, version 1.5.
constexpr int kMessageHeaderType = 1, kMessageHeader = 2, kMessageBodyLength = 3;
constexpr int kBatchLength = 0, kBatchNodes = 1, kBatchBuffers = 2, kBatchCompression = 3,
              kBatchVariadicCounts = 4;
constexpr int kCompressionCodec = 0, kCompressionMethod = 1;
constexpr uint8_t kRecordBatch = 3;

/// One flatbuffer table. Positions count from the start of the metadata.
class Table {
 public:
  bool Open(const uint8_t* data, int64_t size, int64_t at) {
    data_ = data;
    size_ = size;
    at_ = at;
    if (at < 0 || at + 4 > size) return false;
    vtable_ = at - Load<int32_t>(data + at);
    if (vtable_ < 0 || vtable_ + 4 > size) return false;
    vtable_bytes_ = Load<uint16_t>(data + vtable_);
    table_bytes_ = Load<uint16_t>(data + vtable_ + 2);
    return vtable_bytes_ >= 4 && vtable_ + vtable_bytes_ <= size && table_bytes_ >= 4 &&
           at + table_bytes_ <= size;
  }

  /// Position of a field of `bytes`; -1 if it is left out, or (then *bad) outside.
  int64_t Field(int number, int64_t bytes, bool* bad) const {
    const int64_t slot = 4 + 2 * number;
    if (slot + 2 > vtable_bytes_) return -1;
    const int64_t offset = Load<uint16_t>(data_ + vtable_ + slot);
    if (offset == 0) return -1;
    if (offset < 4 || offset + bytes > table_bytes_) {
      *bad = true;
      return -1;
    }
    return at_ + offset;
  }

  template <typename T>
  T Number(int number, T otherwise, bool* bad) const {
    const int64_t at = Field(number, sizeof(T), bad);
    return at < 0 ? otherwise : Load<T>(data_ + at);
  }

  /// Where an offset field points to, or -1.
  int64_t Target(int number, bool* bad) const {
    const int64_t at = Field(number, 4, bad);
    return at < 0 ? -1 : at + Load<uint32_t>(data_ + at);
  }

  /// A vector of elements of `bytes`: its elements, and how many.
  const uint8_t* Vector(int number, int64_t bytes, int64_t* count, bool* bad) const {
    const int64_t at = Target(number, bad);
    *count = 0;
    if (at < 0) return nullptr;
    if (at + 4 > size_) {
      *bad = true;
      return nullptr;
    }
    *count = Load<uint32_t>(data_ + at);
    if (*count > (size_ - at - 4) / bytes) *bad = true;
    return data_ + at + 4;
  }

 private:
  const uint8_t* data_ = nullptr;
  int64_t size_ = 0, at_ = 0, vtable_ = 0, vtable_bytes_ = 0, table_bytes_ = 0;
};

Status Malformed(const char* what) {
  return Error(ErrorKind::kCorrupt, "metadata of a record batch are malformed: {}", what);
}

}  // namespace

Status ParseBatchMeta(const uint8_t* data, int64_t size, BatchMeta* out) {
  *out = BatchMeta{};
  bool bad = false;
  Table message;
  if (size < 8 || !message.Open(data, size, Load<uint32_t>(data))) {
    return Malformed("no message");
  }
  if (message.Number<uint8_t>(kMessageHeaderType, 0, &bad) != kRecordBatch) {
    return Malformed("the message is not a record batch");
  }
  out->body_length_at = message.Field(kMessageBodyLength, 8, &bad);
  out->body_length = message.Number<int64_t>(kMessageBodyLength, 0, &bad);

  Table batch;
  if (!batch.Open(data, size, message.Target(kMessageHeader, &bad))) {
    return Malformed("no record batch");
  }
  out->rows_at = batch.Field(kBatchLength, 8, &bad);
  out->rows = batch.Number<int64_t>(kBatchLength, 0, &bad);
  out->nodes = batch.Vector(kBatchNodes, 16, &out->node_count, &bad);
  out->buffers = batch.Vector(kBatchBuffers, 16, &out->buffer_count, &bad);
  int64_t variadic = 0;
  batch.Vector(kBatchVariadicCounts, 8, &variadic, &bad);
  const int64_t compression_at = batch.Target(kBatchCompression, &bad);
  if (compression_at >= 0) {
    Table compression;
    if (!compression.Open(data, size, compression_at)) return Malformed("no compression");
    const auto codec = compression.Number<uint8_t>(kCompressionCodec, 0, &bad);
    const auto method = compression.Number<uint8_t>(kCompressionMethod, 0, &bad);
    if (codec > 1 || method != 0) return Malformed("unknown compression");
    out->codec = codec == 0 ? BodyCodec::kLz4Frame : BodyCodec::kZstd;
  }
  if (bad) return Malformed("a field lies outside");
  if (variadic != 0) return Malformed("variadic buffers");
  if (out->rows < 0 || out->body_length < 0) return Malformed("a negative length");
  return Status::OK();
}

}  // namespace carryall::codec
