#include "carryall/server/metadata_stream.h"

#include <arrow/record_batch.h>

#include "carryall/wire/schemas.h"

namespace carryall::server {
namespace {

class ChannelReader final : public arrow::RecordBatchReader {
 public:
  ChannelReader(std::shared_ptr<const metadata::Catalogue> catalogue,
                std::vector<const Channel*> channels, StreamSlot slot)
      : catalogue_(std::move(catalogue)),
        channels_(std::move(channels)),
        slot_(std::move(slot)) {}

  std::shared_ptr<arrow::Schema> schema() const override {
    return wire::MetadataSchema();
  }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    if (next_ == channels_.size()) return Status::OK();
    while (next_ < channels_.size() && builder_->rows() < wire::kMetadataBatchRows) {
      ARROW_RETURN_NOT_OK(builder_->Append(*channels_[next_++]));
    }
    return builder_->Finish().Value(out);
  }

 private:
  std::shared_ptr<const metadata::Catalogue> catalogue_;  // owns the channels
  std::vector<const Channel*> channels_;
  StreamSlot slot_;
  size_t next_ = 0;
  std::unique_ptr<wire::MetadataBuilder> builder_ = wire::MetadataBuilder::Make();
};

class CountReader final : public arrow::RecordBatchReader {
 public:
  CountReader(std::shared_ptr<arrow::RecordBatch> batch, StreamSlot slot)
      : batch_(std::move(batch)), slot_(std::move(slot)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return wire::CountSchema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = std::exchange(batch_, nullptr);
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  StreamSlot slot_;
};

}  // namespace

std::unique_ptr<arrow::flight::FlightDataStream> MakeChannelStream(
    std::shared_ptr<const metadata::Catalogue> catalogue,
    std::vector<const Channel*> channels, StreamSlot slot) {
  return std::make_unique<arrow::flight::RecordBatchStream>(
      std::make_shared<ChannelReader>(std::move(catalogue), std::move(channels),
                                      std::move(slot)));
}

Result<std::unique_ptr<arrow::flight::FlightDataStream>> MakeCountStream(
    int64_t count, StreamSlot slot) {
  ARROW_ASSIGN_OR_RAISE(auto batch, wire::EncodeCount(count));
  return std::make_unique<arrow::flight::RecordBatchStream>(
      std::make_shared<CountReader>(std::move(batch), std::move(slot)));
}

}  // namespace carryall::server
