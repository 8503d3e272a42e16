#pragma once

#include <arrow/flight/server.h>

#include <memory>
#include <vector>

#include "carryall/metadata/catalogue.h"
#include "carryall/server/call.h"
#include "carryall/server/limits.h"

namespace carryall::server {

/// The answer to Describe: these channels of `catalogue`, which it keeps alive,
/// in batches made when they are sent.
std::unique_ptr<arrow::flight::FlightDataStream> MakeChannelStream(
    std::shared_ptr<const metadata::Catalogue> catalogue,
    std::vector<const Channel*> channels, StreamSlot slot);

/// The answer to Find: matches as they are found. `finding` is of `catalogue`.
std::unique_ptr<arrow::flight::FlightDataStream> MakeFindStream(
    std::shared_ptr<const metadata::Catalogue> catalogue,
    std::unique_ptr<metadata::Finding> finding, StreamSlot slot, const Call& call);

/// An answer of one batch.
std::unique_ptr<arrow::flight::FlightDataStream> MakeBatchStream(
    std::shared_ptr<arrow::RecordBatch> batch, StreamSlot slot);

}  // namespace carryall::server
