#pragma once

#include <arrow/ipc/writer.h>

#include <span>
#include <vector>

#include "carryall/codec/body_writer.h"
#include "carryall/codec/meta_writer.h"
#include "carryall/codec/prepared_body.h"
#include "carryall/model/series_block.h"

namespace carryall::codec {

/// One row of a row-form message: an id and the position of its channel.
struct RowId {
  uint32_t id;
  int32_t channel;
};

/// Writes a block as the one record batch of a column-form message, a row for each
/// stride. Tells `prepared`, if there is one, what it wants to know. Internal to codec.
Result<arrow::ipc::IpcPayload> WriteColumns(const SeriesBlock& block, Duration stride,
                                            MetaWriter* meta, arrow::MemoryPool* pool,
                                            PreparedBody* prepared = nullptr);

/// Writes the rows given, in that order, with a list column for each of `types`. Internal
/// to codec.
Result<arrow::ipc::IpcPayload> WriteRows(const SeriesBlock& block,
                                         std::span<const RowId> rows,
                                         std::span<const DataType> types,
                                         MetaWriter* meta, arrow::MemoryPool* pool,
                                         PreparedBody* prepared = nullptr);

/// How many samples of a view are missing.
int64_t CountMissing(const SampleView& view);

/// The body of a payload in one buffer, as a transport would deliver it.
Result<std::shared_ptr<arrow::Buffer>> JoinBody(const arrow::ipc::IpcPayload& payload,
                                                arrow::MemoryPool* pool);

}  // namespace carryall::codec
