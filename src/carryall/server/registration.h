#pragma once

#include <arrow/flight/server.h>

#include <vector>

#include "carryall/model/channel.h"

namespace carryall::server {

/// The channels that a client uploads to have them registered (protocol 3.2), read until
/// it has said all: name, data type and rate, whatever else is there. kResourceExhausted
/// beyond wire::kMaxRequestChannels; kCorrupt for what wire::DecodeMetadata refuses.
Result<std::vector<Channel>> ReadChannels(arrow::flight::FlightMessageReader* reader);

/// The answer: the channels and where they are to be published.
Status WritePartitions(const std::vector<Channel>& channels,
                       arrow::flight::FlightMessageWriter* writer);

}  // namespace carryall::server
