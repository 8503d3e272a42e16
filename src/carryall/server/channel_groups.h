#pragma once

#include <cstdint>
#include <memory>

#include "carryall/backend/backend.h"

namespace carryall::server {

/// How many strides a block of views may span for a client that takes channel after
/// channel, in batches of the size of `batch_strides` strides of all: so many that a
/// channel fills a batch, but no block more than 32.
int64_t ViewStrides(const ChannelSet& channels, Duration stride, int64_t batch_strides);

/// The blocks of `source`, those larger than a batch of `batch_strides` strides of all
/// channels in parts: each has some of the channels, in their order, over the whole span,
/// and the others as missing. All parts but the last say that there are more. A channel
/// that misses the whole span is in none, unless all do.
std::unique_ptr<backend::BlockSource> SplitByChannels(
    std::unique_ptr<backend::BlockSource> source, const ChannelSet& channels,
    Duration stride, int64_t batch_strides);

}  // namespace carryall::server
