#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>
#include <vector>

#include "carryall/codec/ipc_message.h"
#include "carryall/model/series_block.h"

namespace carryall::codec {

/// Which channel each row id of a row-form stream means: position in a ChannelSet, or -1
/// for an id that nobody asked for (its rows are skipped, untouched).
using IdTable = std::vector<int32_t>;

/// Decodes the messages of one stream into blocks that are views into the message bodies
/// (uncompressed messages: zero copies).
///
/// The layout (where each channel's samples lie) is cached: a message whose metadata
/// equals the previous one's costs a memcmp and bounds checks; one that differs only in
/// lengths, null counts and buffer places is re-read from the node and buffer tables;
/// anything else goes through Arrow's reader. Every offset that is used has been checked
/// against the body: hostile bytes give kCorrupt, sizes over the limits
/// kResourceExhausted.
///
/// Not thread safe; one per stream. The blocks it returns outlive it.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;

  /// For the column form or the row form, told apart by the schema: `time: int64` then
  /// one list column a channel, or `time, id, data`. Column form: every list column's
  /// name must be in `channels` and its type a list of samples; channels without a column
  /// come out as gaps. Row form: `ids[id]` is the channel of a row; our compact form
  /// carries its own table in the schema metadata (docs/wire.md) and `ids` may be empty
  /// then. kInvalidArgument naming the column that does not fit.
  static Result<std::unique_ptr<StreamDecoder>> Make(
      const std::shared_ptr<arrow::Schema>& schema,
      std::shared_ptr<const ChannelSet> channels, IdTable ids = {},
      DecodeLimits limits = {}, arrow::MemoryPool* pool = arrow::default_memory_pool());

  /// Appends the blocks of one record batch message to `out`, in the order of the rows;
  /// on an error, none. Column form: rows that are contiguous in time and have the same
  /// channels (null and empty lists are gaps) make one block. Row form: the batch makes
  /// one block at row 0's time; of repeated ids the last wins. Rows without any samples
  /// make none. Values may lie at any address, without regard to the alignment of their
  /// type.
  virtual Status Decode(const IpcMessage& message, std::vector<SeriesBlock>* out) = 0;

  /// The channels its blocks carry, in the order given to Make.
  virtual const std::shared_ptr<const ChannelSet>& channels() const = 0;
};

/// The block of a column-form batch that somebody else read. One block: the time is row
/// 0's, rows are taken as contiguous (as stock does). `channels` must be in the order of
/// the batch's list columns (columns 1..n); their names are not compared. Null and empty
/// lists are gaps. Zero copies unless a channel has lists of both kinds. What the batch
/// says is checked before it is believed: kCorrupt or kInvalidArgument naming the
/// channel.
Result<SeriesBlock> BlockFromColumnBatch(const std::shared_ptr<arrow::RecordBatch>& batch,
                                         std::shared_ptr<const ChannelSet> channels);
/// The same for a batch that the caller cannot share: its arrays are, one by one.
Result<SeriesBlock> BlockFromColumnBatch(const arrow::RecordBatch& batch,
                                         std::shared_ptr<const ChannelSet> channels);

/// The block of a row-form batch (time, id, data, or data.<type>...) that somebody else
/// read; the time is row 0's, rows whose id maps to -1 (or lies outside the table) are
/// skipped, the last of repeated ids wins, channels without a row are gaps as long as the
/// block. kInvalidArgument if no row has samples of a channel.
Result<SeriesBlock> BlockFromRowBatch(const std::shared_ptr<arrow::RecordBatch>& batch,
                                      std::shared_ptr<const ChannelSet> channels,
                                      const IdTable& ids);
Result<SeriesBlock> BlockFromRowBatch(const arrow::RecordBatch& batch,
                                      std::shared_ptr<const ChannelSet> channels,
                                      const IdTable& ids);

/// BlockFromRowBatch for the batches of one stream: a batch that has the ids and offsets
/// of the one before costs two comparisons. Not thread safe; its blocks outlive it.
class RowBatchReader {
 public:
  virtual ~RowBatchReader() = default;
  static Result<std::unique_ptr<RowBatchReader>> Make(
      const arrow::Schema& schema, std::shared_ptr<const ChannelSet> channels,
      IdTable ids);
  /// A batch of the schema given to Make.
  virtual Result<SeriesBlock> Read(const std::shared_ptr<arrow::RecordBatch>& batch) = 0;
};

}  // namespace carryall::codec
