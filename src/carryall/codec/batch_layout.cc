#include "carryall/codec/batch_layout.h"

namespace carryall::codec {
namespace {

/// Hands out the places of one message, in order.
class Reader {
 public:
  Reader(const BatchMeta& meta, int64_t body_bytes)
      : meta_(meta), body_bytes_(body_bytes), left_(body_bytes) {}

  BatchMeta::Node NextNode() { return meta_.node(node_++); }
  void SkipBuffer() { ++buffer_; }

  /// The next buffer, of which `needed` bytes will be used.
  bool NextBuffer(int64_t needed, int64_t* at) {
    const BatchMeta::Place place = meta_.buffer(buffer_++);
    *at = place.offset;
    left_ -= needed;
    return place.length >= needed && place.offset >= 0 && place.length <= body_bytes_ &&
           place.offset <= body_bytes_ - place.length && left_ >= 0;
  }

  /// A validity bitmap, which is there only if something is null.
  bool NextValidity(const BatchMeta::Node& node, int64_t* at) {
    if (node.null_count != 0) return NextBuffer(BitmapBytes(node.length), at);
    *at = -1;
    SkipBuffer();
    return true;
  }

 private:
  const BatchMeta& meta_;
  int64_t body_bytes_;
  int64_t left_;
  int64_t node_ = 0, buffer_ = 0;
};

bool Sound(const BatchMeta::Node& node) {
  return node.length >= 0 && node.null_count >= 0 && node.null_count <= node.length;
}

Status BadColumn(size_t column, const char* what = "lengths or places") {
  return Error(ErrorKind::kCorrupt, "record batch does not fit its body: {} of column {}",
               what, column);
}

bool ReadFixed(Reader* reader, int64_t rows, int64_t width, int64_t* at) {
  const BatchMeta::Node node = reader->NextNode();
  reader->SkipBuffer();
  return node.length == rows && node.null_count == 0 &&
         reader->NextBuffer(rows * width, at);
}

bool ReadList(Reader* reader, int64_t rows, int64_t width, int64_t body_bytes,
              ListPlace* out) {
  const BatchMeta::Node list = reader->NextNode();
  const BatchMeta::Node child = reader->NextNode();
  if (list.length != rows || !Sound(list) || !Sound(child) ||
      child.length > body_bytes / width) {
    return false;
  }
  out->child_length = child.length;
  out->all_null = child.null_count == child.length;
  return reader->NextValidity(list, &out->list_validity) &&
         reader->NextBuffer((rows + 1) * 4, &out->offsets) &&
         reader->NextValidity(child, &out->validity) &&
         reader->NextBuffer(child.length * width, &out->values);
}

}  // namespace

Status ReadLayout(const BatchMeta& meta, bool has_id, std::span<const uint8_t> widths,
                  const DecodeLimits& limits, BatchLayout* out) {
  out->rows = 0;
  out->body_bytes = meta.body_length;
  const auto lists = static_cast<int64_t>(widths.size());
  const int64_t fixed = has_id ? 2 : 1;
  if (meta.node_count != fixed + 2 * lists ||
      meta.buffer_count != 2 * fixed + 4 * lists) {
    return Error(ErrorKind::kCorrupt,
                 "record batch does not fit its schema: {} nodes and {} buffers for {} "
                 "columns",
                 meta.node_count, meta.buffer_count, fixed + lists);
  }
  if (meta.rows > limits.max_rows) {
    return Error(ErrorKind::kResourceExhausted,
                 "record batch has too many rows: {} of {}", meta.rows, limits.max_rows);
  }
  if (meta.rows == 0) return Status::OK();

  Reader reader(meta, meta.body_length);
  if (!ReadFixed(&reader, meta.rows, 8, &out->time)) {
    return BadColumn(0, "lengths, places or nulls");
  }
  if (has_id && !ReadFixed(&reader, meta.rows, 4, &out->id)) {
    return BadColumn(1, "lengths, places or nulls");
  }
  out->lists.resize(widths.size());
  int64_t samples = 0;
  bool changed = false;
  for (size_t i = 0; i < widths.size(); ++i) {
    ListPlace place;
    if (!ReadList(&reader, meta.rows, widths[i], meta.body_length, &place)) {
      return BadColumn(i + static_cast<size_t>(fixed));
    }
    samples += place.child_length;
    if (place == out->lists[i]) continue;
    out->lists[i] = place;
    if (!changed) ++out->generation;
    changed = true;
  }
  if (samples > limits.max_samples) {
    return Error(ErrorKind::kResourceExhausted,
                 "record batch has too many samples: {} of {}", samples,
                 limits.max_samples);
  }
  out->rows = meta.rows;
  return Status::OK();
}

}  // namespace carryall::codec
