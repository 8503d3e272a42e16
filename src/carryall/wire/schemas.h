#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::wire {

/// Rows of metadata a batch has at most.
inline constexpr int64_t kMetadataBatchRows = 1000;

/// Answers of Find and Describe (protocol 2.3), Count (2.4), Publish (2.6), Partition
/// (2.7).
const std::shared_ptr<arrow::Schema>& MetadataSchema();
const std::shared_ptr<arrow::Schema>& CountSchema();
const std::shared_ptr<arrow::Schema>& PublishSchema();
const std::shared_ptr<arrow::Schema>& PartitionSchema();

/// Channels as rows of MetadataSchema or PartitionSchema, one batch at a time. Not thread
/// safe.
class MetadataBuilder {
 public:
  virtual ~MetadataBuilder() = default;
  static std::unique_ptr<MetadataBuilder> Make(
      const std::shared_ptr<arrow::Schema>& schema = MetadataSchema());

  virtual Status Append(const Channel& channel) = 0;
  virtual int64_t rows() const = 0;
  /// The rows so far; the builder is empty afterwards.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Finish() = 0;
};

/// All channels in batches of at most kMetadataBatchRows; none for no channel.
Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> EncodeMetadata(
    const std::vector<Channel>& channels,
    const std::shared_ptr<arrow::Schema>& schema = MetadataSchema());

/// The channels of one batch, columns taken by name. `channel`, `data_type` and
/// `sample_rate` must be there, other columns may be missing, unknown ones are ignored;
/// integers may be of any width. The batch is validated fully first: kCorrupt naming the
/// column, or the row and channel, that is wrong. A stride of zero reads as none.
Result<std::vector<Channel>> DecodeMetadata(const arrow::RecordBatch& batch);
/// The same into `out`, where there are as many new channels as the batch has rows.
Status DecodeMetadata(const arrow::RecordBatch& batch, Channel* out);

Result<std::shared_ptr<arrow::RecordBatch>> EncodeCount(int64_t count);
/// The sum of the rows of column `count`; kCorrupt if that is missing, null or negative.
Result<int64_t> DecodeCount(const arrow::RecordBatch& batch);

/// One row of PublishSchema.
Result<std::shared_ptr<arrow::RecordBatch>> EncodeProperties(
    const std::map<std::string, std::string>& properties);

}  // namespace carryall::wire
