#include "carryall/codec/decoder.h"

#include <cstring>

#include "carryall/codec/batch_layout.h"
#include "carryall/codec/body_codec.h"
#include "carryall/codec/column_reader.h"
#include "carryall/codec/row_reader.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {
namespace {

class Decoder final : public StreamDecoder {
 public:
  Decoder(std::shared_ptr<const ChannelSet> channels, StreamShape shape,
          DecodeLimits limits, arrow::MemoryPool* pool)
      : channels_(std::move(channels)),
        shape_(std::move(shape)),
        limits_(limits),
        pool_(pool) {
    if (shape_.form == Form::kRow) {
      rows_.emplace(channels_, shape_.list_types, shape_.ids);
      slices_.resize(shape_.list_types.size());
    } else {
      columns_.emplace(channels_, shape_, limits_.max_views);
    }
  }

  const std::shared_ptr<const ChannelSet>& channels() const override { return channels_; }

  Status Decode(const IpcMessage& message, std::vector<SeriesBlock>* out) override {
    if (message.metadata == nullptr) {
      return Error(ErrorKind::kCorrupt, "message has no metadata");
    }
    const int64_t body_bytes = message.body == nullptr ? 0 : message.body->size();
    if (body_bytes > limits_.max_body_bytes) {
      return Error(ErrorKind::kResourceExhausted,
                   "message body is too large: {} of {} bytes", body_bytes,
                   limits_.max_body_bytes);
    }
    std::shared_ptr<arrow::Buffer> body = message.body;
    if (!MetadataAreAsBefore(*message.metadata)) {
      RETURN_NOT_OK(LayOut(*message.metadata, body_bytes, &body));
    } else if (body_bytes < layout_.body_bytes) {
      return Truncated(body_bytes, layout_.body_bytes);
    }
    if (layout_.rows == 0) return Status::OK();
    const uint8_t* data = body->data();
    if (columns_) return columns_->Read(layout_, data, std::move(body), out);
    for (size_t i = 0; i < slices_.size(); ++i) {
      slices_[i] = ListSlice::Of(layout_.lists[i], data);
    }
    const RowBatch batch{layout_.rows, data + layout_.time, data + layout_.id, slices_};
    return rows_->Read(batch, std::move(body), out);
  }

 private:
  static Status Truncated(int64_t have, int64_t need) {
    return Error(ErrorKind::kCorrupt, "message body is truncated: {} of {} bytes", have,
                 need);
  }

  bool MetadataAreAsBefore(const arrow::Buffer& metadata) const {
    return !metadata_.empty() &&
           metadata.size() == static_cast<int64_t>(metadata_.size()) &&
           std::memcmp(metadata.data(), metadata_.data(), metadata_.size()) == 0;
  }

  /// Fills layout_. Metadata of plain bodies are remembered with it, by a copy: keeping
  /// the buffer could keep a whole received message alive.
  Status LayOut(const arrow::Buffer& metadata, int64_t body_bytes,
                std::shared_ptr<arrow::Buffer>* body) {
    metadata_.clear();
    BatchMeta meta;
    RETURN_NOT_OK(ParseBatchMeta(metadata.data(), metadata.size(), &meta));
    if (meta.body_length > body_bytes) return Truncated(body_bytes, meta.body_length);
    PlainBody plain;
    const bool compressed = meta.codec != BodyCodec::kNone && meta.rows > 0;
    if (compressed && body_bytes > 0) {
      ARROW_ASSIGN_OR_RAISE(plain, DecompressBody(meta, **body, limits_, pool_));
      meta.buffers = reinterpret_cast<const uint8_t*>(plain.places.data());
      meta.body_length = plain.body->size();
      *body = plain.body;
    }
    RETURN_NOT_OK(ReadLayout(meta, shape_.form == Form::kRow, shape_.list_widths, limits_,
                             &layout_));
    if (!compressed) {
      metadata_.assign(metadata.data(), metadata.data() + metadata.size());
    }
    return Status::OK();
  }

  std::shared_ptr<const ChannelSet> channels_;
  StreamShape shape_;
  DecodeLimits limits_;
  arrow::MemoryPool* pool_;
  std::optional<RowReader> rows_;
  std::optional<ColumnReader> columns_;
  BatchLayout layout_;
  std::vector<uint8_t> metadata_;  ///< of layout_; empty: not to be reused
  std::vector<ListSlice> slices_;
};

}  // namespace

Result<std::unique_ptr<StreamDecoder>> StreamDecoder::Make(
    const std::shared_ptr<arrow::Schema>& schema,
    std::shared_ptr<const ChannelSet> channels, IdTable ids, DecodeLimits limits,
    arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(StreamShape shape, ReadShape(*schema, *channels, std::move(ids)));
  return std::make_unique<Decoder>(std::move(channels), std::move(shape), limits, pool);
}

}  // namespace carryall::codec
