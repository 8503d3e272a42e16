#pragma once

#include <arrow/record_batch.h>

#include "carryall/model/series_block.h"

namespace carryall::python {

/// Samples as an Arrow array over the memory that `owners` keep, and then the array:
/// values are copied only where they lie at an address that their type forbids, bitmaps
/// only where they do not begin with a byte.
Result<std::shared_ptr<arrow::Array>> SamplesAsArrow(const SampleView& view,
                                                     std::vector<MemoryOwner> owners);

/// A block as one row: `time` and a list of samples a channel, whose fields have the
/// channel's rate as metadata; otherwise as the wire's column form. Samples as above.
Result<std::shared_ptr<arrow::RecordBatch>> BlockAsArrow(const SeriesBlock& block);

/// A block in row form: `time`, `id` as given and `data`, a row a channel, as stock's
/// `to_row_batches` gives it. Samples are copied into one run; zeros lie under gaps.
/// kInvalidArgument naming a channel of another type than the first.
Result<std::shared_ptr<arrow::RecordBatch>> RowsAsArrow(const SeriesBlock& block,
                                                        const std::vector<uint32_t>& ids);

}  // namespace carryall::python
