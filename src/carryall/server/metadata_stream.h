#pragma once

#include <arrow/flight/server.h>

#include <memory>
#include <vector>

#include "carryall/metadata/catalogue.h"
#include "carryall/server/limits.h"

namespace carryall::server {

/// The answer to Find and Describe: these channels of `catalogue`, which it keeps alive,
/// in batches made when they are sent.
std::unique_ptr<arrow::flight::FlightDataStream> MakeChannelStream(
    std::shared_ptr<const metadata::Catalogue> catalogue,
    std::vector<const Channel*> channels, StreamSlot slot);

/// The answer to Count.
Result<std::unique_ptr<arrow::flight::FlightDataStream>> MakeCountStream(int64_t count,
                                                                         StreamSlot slot);

}  // namespace carryall::server
