#include "carryall/codec/encoder.h"

#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <optional>

#include "carryall/codec/block_writer.h"
#include "carryall/codec/list_slice.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::codec {
namespace {

class Encoder final : public StreamEncoder {
 public:
  Encoder(std::shared_ptr<const ChannelSet> channels,
          std::shared_ptr<arrow::Schema> schema, MetaWriter meta, EncodeOptions options)
      : channels_(std::move(channels)),
        schema_(std::move(schema)),
        meta_(std::move(meta)),
        options_(options),
        types_(TypesOf(*channels_)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<arrow::ipc::IpcPayload> Encode(const SeriesBlock& block) override {
    RETURN_NOT_OK(CheckChannels(block));
    PreparedBody* const prepared = codec_ == nullptr ? &prepared_ : nullptr;
    if (prepared != nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto known, prepared->Write(block, options_.pool));
      if (known) return std::move(*known);
    }
    RETURN_NOT_OK(CheckViews(block));
    Result<arrow::ipc::IpcPayload> payload =
        options_.form == Form::kColumn
            ? WriteColumns(block, options_.stride, &meta_, options_.pool, prepared)
            : WriteRows(block, RowsToSend(block), types_, &meta_, options_.pool,
                        prepared);
    if (payload.ok() && codec_ != nullptr) return Compress(*payload);
    return payload;
  }

  Status SetCodec() {
    if (options_.compression == Compression::kNone) return Status::OK();
    const auto kind = options_.compression == Compression::kLz4
                          ? arrow::Compression::LZ4_FRAME
                          : arrow::Compression::ZSTD;
    ARROW_ASSIGN_OR_RAISE(codec_, arrow::util::Codec::Create(kind));
    return Status::OK();
  }

 private:
  Status CheckChannels(const SeriesBlock& block) {
    if (block.channels() == channels_ || block.channels() == accepted_)
      return Status::OK();
    if (block.channels() == nullptr || block.channels()->size() != channels_->size()) {
      return Error(
          ErrorKind::kInvalidArgument, "block has {} channels, the stream has {}",
          block.channels() == nullptr ? 0 : block.channels()->size(), channels_->size());
    }
    for (size_t i = 0; i < channels_->size(); ++i) {
      const Channel& mine = (*channels_)[i];
      const Channel& theirs = (*block.channels())[i];
      if (mine.name != theirs.name || mine.data_type != theirs.data_type ||
          mine.sample_rate != theirs.sample_rate) {
        return Error(ErrorKind::kInvalidArgument,
                     "block has another channel where the stream has {}: {}", mine.name,
                     theirs.name);
      }
    }
    accepted_ = block.channels();
    return Status::OK();
  }

  Status CheckViews(const SeriesBlock& block) const {
    SampleRate rate;
    int64_t expected = rate.SamplesIn(block.duration());
    for (size_t i = 0; i < channels_->size(); ++i) {
      const Channel& channel = (*channels_)[i];
      if (channel.sample_rate != rate) {
        rate = channel.sample_rate;
        expected = rate.SamplesIn(block.duration());
      }
      const SampleView view = block.view(i);
      if (view.length != expected || view.data_type != channel.data_type) {
        return Error(ErrorKind::kInvalidArgument,
                     "channel {} has {} samples of {} in {}, expected {} of {}",
                     channel.name, view.length, Name(view.data_type),
                     ToString(block.duration()), expected, Name(channel.data_type));
      }
    }
    return Status::OK();
  }

  /// Channels without a sample are left out, but for one where the others do not tell how
  /// long the block is.
  std::vector<RowId> RowsToSend(const SeriesBlock& block) const {
    std::vector<RowId> rows;
    rows.reserve(block.size());
    DurationRule told;
    DurationRule best;
    std::optional<size_t> teller;
    for (size_t i = 0; i < block.size(); ++i) {
      const SampleView view = block.view(i);
      const SampleRate rate = (*channels_)[i].sample_rate;
      if (view.length > 0 && CountMissing(view) < view.length) {
        rows.push_back({static_cast<uint32_t>(i), static_cast<int32_t>(i)});
        told.Add(rate, view.length);
      } else if (view.length > 0) {
        const Duration before = best.duration();
        best.Add(rate, view.length);
        if (best.duration() > before) teller = i;
      }
    }
    if (teller && best.duration() > told.duration()) {
      const auto place = std::lower_bound(
          rows.begin(), rows.end(), *teller,
          [](const RowId& row, size_t channel) { return row.id < channel; });
      rows.insert(place, {static_cast<uint32_t>(*teller), static_cast<int32_t>(*teller)});
    }
    return rows;
  }

  Result<arrow::ipc::IpcPayload> Compress(const arrow::ipc::IpcPayload& plain) const {
    ARROW_ASSIGN_OR_RAISE(auto body, JoinBody(plain, options_.pool));
    ARROW_ASSIGN_OR_RAISE(auto message,
                          arrow::ipc::Message::Open(plain.metadata, std::move(body)));
    ARROW_ASSIGN_OR_RAISE(
        auto batch, arrow::ipc::ReadRecordBatch(*message, schema_, nullptr,
                                                arrow::ipc::IpcReadOptions::Defaults()));
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.memory_pool = options_.pool;
    options.codec = codec_;
    options.use_threads = false;
    arrow::ipc::IpcPayload payload;
    RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(*batch, options, &payload));
    return payload;
  }

  std::shared_ptr<const ChannelSet> channels_;
  std::shared_ptr<arrow::Schema> schema_;
  MetaWriter meta_;
  PreparedBody prepared_;
  EncodeOptions options_;
  std::vector<DataType> types_;
  std::shared_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<const ChannelSet> accepted_;  ///< another set with equal channels
};

}  // namespace

Result<std::unique_ptr<StreamEncoder>> StreamEncoder::Make(
    std::shared_ptr<const ChannelSet> channels, EncodeOptions options) {
  if (channels == nullptr || channels->size() == 0) {
    return Error(ErrorKind::kInvalidArgument, "stream has no channels");
  }
  if (options.stride.ns() <= 0) {
    return Error(ErrorKind::kInvalidArgument, "stride is not positive: {}",
                 ToString(options.stride));
  }
  auto schema = StreamSchema(*channels, options.form);
  ARROW_ASSIGN_OR_RAISE(MetaWriter meta, MetaWriter::Make(schema));
  auto encoder = std::make_unique<Encoder>(std::move(channels), std::move(schema),
                                           std::move(meta), options);
  RETURN_NOT_OK(encoder->SetCodec());
  return encoder;
}

}  // namespace carryall::codec
