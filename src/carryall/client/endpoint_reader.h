#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "carryall/client/stream_plan.h"
#include "carryall/flight/block_sink.h"

namespace carryall::client {

/// Reads one endpoint of a stream on threads of its own: its brokers where the plan names
/// some, otherwise a server.
///
/// The threads never watch themselves: whoever consumes calls Expired() now and then, at
/// the latest at deadline(). Other threads may call everything here. Destruction cancels
/// and waits; whoever takes the blocks must not hold up a reader that was cancelled.
class EndpointReader {
 public:
  /// Where it puts what it reads. All calls come one at a time, none after `end`.
  struct Outlet {
    std::function<Status(flight::Delivery delivery)> put;
    std::function<void(const Status& status)> end;
    /// It broke off and goes on later, where it left off.
    std::function<void()> on_break = {};
  };
  struct Options {
    /// About as many bytes to a message, or block, where data are already there.
    int64_t batch_bytes = 1;
    /// Strides of which nothing is there must be blocks of their own.
    bool single_strides = false;
    /// Channel after channel is as welcome as time after time; then blocks say whether
    /// there are more channels of their span to come.
    bool by_channel = false;
  };

  /// `plan` outlives the reader.
  static std::unique_ptr<EndpointReader> Start(std::shared_ptr<const Session> session,
                                               const StreamPlan& plan, size_t endpoint,
                                               const Options& options, Outlet outlet);
  virtual ~EndpointReader() = default;

  /// When what it waits for is overdue; the end of time if it waits for nothing.
  virtual SteadyTime deadline() const = 0;
  /// A kTimeout naming the endpoint if the deadline has passed; it is cancelled then.
  virtual Status Expired(SteadyTime now) = 0;
  /// Asks it to end.
  virtual void Cancel() = 0;
  /// Whether it reads brokers, which may not be reached before they gave something.
  virtual bool reads_brokers() const = 0;
  /// Where it reads, for messages.
  virtual std::string url() const = 0;
};

/// Whether (a part of) a block of an endpoint stands for nothing at all: brokers do not
/// say that there is nothing, so their reader does, by a block.
bool IsGap(const StreamEndpoint& endpoint, const SeriesBlock& block);

/// The reader of an endpoint that `reader` is reading, for what its sink makes of it.
std::unique_ptr<EndpointReader> ReadWith(std::unique_ptr<flight::MessageReader> reader);

/// Starts to read an endpoint from its Flight locations.
std::unique_ptr<flight::MessageReader> StartFlight(
    const std::shared_ptr<const Session>& session, const StreamPlan& plan,
    size_t endpoint, const EndpointReader::Options& options,
    EndpointReader::Outlet outlet);

}  // namespace carryall::client
