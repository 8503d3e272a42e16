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

class FindReader final : public arrow::RecordBatchReader {
 public:
  FindReader(std::shared_ptr<const metadata::Catalogue> catalogue,
             std::unique_ptr<metadata::Finding> finding, StreamSlot slot,
             const Call& call)
      : catalogue_(std::move(catalogue)),
        finding_(std::move(finding)),
        slot_(std::move(slot)),
        call_(call) {}

  std::shared_ptr<arrow::Schema> schema() const override {
    return wire::MetadataSchema();
  }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    if (next_ == found_.size()) {
      found_.clear();
      next_ = 0;
      ARROW_RETURN_NOT_OK(
          call_.Finish(Shielded([&] { return finding_->Next(&found_); })));
      if (found_.empty()) return Status::OK();
    }
    // What was found is sent before more is looked for, a full batch or not.
    while (next_ < found_.size() && builder_->rows() < wire::kMetadataBatchRows) {
      ARROW_RETURN_NOT_OK(builder_->Append(*found_[next_++]));
    }
    return builder_->Finish().Value(out);
  }

 private:
  std::shared_ptr<const metadata::Catalogue> catalogue_;  // owns the channels
  std::unique_ptr<metadata::Finding> finding_;
  StreamSlot slot_;
  const Call call_;
  std::vector<const Channel*> found_;
  size_t next_ = 0;
  std::unique_ptr<wire::MetadataBuilder> builder_ = wire::MetadataBuilder::Make();
};

class BatchReader final : public arrow::RecordBatchReader {
 public:
  BatchReader(std::shared_ptr<arrow::RecordBatch> batch, StreamSlot slot)
      : schema_(batch->schema()), batch_(std::move(batch)), slot_(std::move(slot)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = std::exchange(batch_, nullptr);
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
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

std::unique_ptr<arrow::flight::FlightDataStream> MakeFindStream(
    std::shared_ptr<const metadata::Catalogue> catalogue,
    std::unique_ptr<metadata::Finding> finding, StreamSlot slot, const Call& call) {
  return std::make_unique<arrow::flight::RecordBatchStream>(std::make_shared<FindReader>(
      std::move(catalogue), std::move(finding), std::move(slot), call));
}

std::unique_ptr<arrow::flight::FlightDataStream> MakeBatchStream(
    std::shared_ptr<arrow::RecordBatch> batch, StreamSlot slot) {
  return std::make_unique<arrow::flight::RecordBatchStream>(
      std::make_shared<BatchReader>(std::move(batch), std::move(slot)));
}

}  // namespace carryall::server
