#pragma once

#include <arrow/flight/types.h>
#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "carryall/base/status.h"

namespace carryall::flight {

/// What a client sends in a DoExchange: the descriptor of a command with the schema, then
/// the batches.
Result<std::vector<arrow::flight::FlightPayload>> MakeUpload(
    const std::string& command, const std::shared_ptr<arrow::Schema>& schema,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches);

}  // namespace carryall::flight
