#pragma once

#include <memory>

#include "carryall/client/stream_plan.h"
#include "carryall/flight/block_sink.h"

namespace carryall::client {

/// How an endpoint of a plan is read from its Flight locations.
struct FlightRead {
  flight::ReadOptions read;
  flight::BlockSink::Options sink;
};

/// Our own servers are asked for batches of several strides, about `batch_bytes`, in the
/// compact form, for the latency that is tolerated, and for heartbeats where there may be
/// nothing to send for long; unless the client's options say to ask for nothing.
FlightRead HowToRead(const std::shared_ptr<const Session>& session,
                     const StreamPlan& plan, const StreamEndpoint& endpoint,
                     int64_t batch_bytes, GpsTime now);

}  // namespace carryall::client
