#pragma once

#include <memory>

#include "carryall/client/endpoint_reader.h"
#include "carryall/flight/block_sink.h"

namespace carryall::client {

/// How an endpoint of a plan is read from its Flight locations.
struct FlightRead {
  flight::ReadOptions read;
  flight::BlockSink::Options sink;
};

/// Our own servers are asked for batches of several strides, about `batch_bytes`, in the
/// compact form, in the order of channels if that is welcome, for the latency that is
/// tolerated, and for heartbeats where there may be nothing to send for long; unless the
/// client's options say to ask for nothing.
FlightRead HowToRead(const std::shared_ptr<const Session>& session,
                     const StreamPlan& plan, const StreamEndpoint& endpoint,
                     const EndpointReader::Options& wanted, GpsTime now);

}  // namespace carryall::client
