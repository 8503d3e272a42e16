#pragma once

#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "carryall/model/series_block.h"

namespace carryall::codec {

enum class Form { kColumn, kRow };
enum class Compression { kNone, kLz4, kZstd };

struct EncodeOptions {
  Form form = Form::kColumn;
  Compression compression = Compression::kNone;
  /// The output stride: column form writes one row for each stride of a block.
  Duration stride = Duration::FromNs(62'500'000);
  arrow::MemoryPool* pool = arrow::default_memory_pool();
};

/// Writes the blocks of one stream as IPC payloads (metadata + body buffers) whose
/// metadata is prepared once and patched for each message. Samples that lie in big runs
/// are referenced, not copied: a payload keeps its block's owners alive.
///
/// Column form (protocol 2.5): `time` not null, then a list column for each channel in
/// the order of the set, with field metadata `rate`; gaps are nulls inside full-length
/// lists. A block of k strides makes one batch of k rows; a shorter block, or a shorter
/// tail, makes a row of its own length. Row form: `time, id, data`, one row for each
/// channel covering the whole block, id = position in the set, table of names in the
/// schema metadata; several data types make one list column each (docs/wire.md, "Compact
/// form").
///
/// Bytes behind a gap are zero on the wire. Not thread safe; one per stream.
class StreamEncoder {
 public:
  virtual ~StreamEncoder() = default;
  static Result<std::unique_ptr<StreamEncoder>> Make(
      std::shared_ptr<const ChannelSet> channels, EncodeOptions options);

  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;

  /// `block` must carry exactly the channels given to Make, in that order.
  virtual Result<arrow::ipc::IpcPayload> Encode(const SeriesBlock& block) = 0;
};

/// The schema of a stream over `channels`, in their order.
std::shared_ptr<arrow::Schema> StreamSchema(const ChannelSet& channels, Form form);
std::shared_ptr<arrow::Schema> ColumnSchema(const ChannelSet& channels);

/// A block as one-row column-form batch, as stock's `to_column_batch` gives it (fields
/// nullable, no metadata). Without gaps the samples are referenced, not copied.
Result<std::shared_ptr<arrow::RecordBatch>> ToColumnBatch(const SeriesBlock& block);

/// A whole self-contained IPC stream (schema, one batch, end marker) of a block in row
/// form, ids as given: what a Kafka message holds (protocol 3.4).
Result<std::shared_ptr<arrow::Buffer>> ToRowMessage(const SeriesBlock& block,
                                                    const std::vector<uint32_t>& ids);

}  // namespace carryall::codec
