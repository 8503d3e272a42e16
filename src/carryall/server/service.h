#pragma once

#include <arrow/flight/server.h>

#include <memory>
#include <stop_token>
#include <string>

#include "carryall/backend/backend.h"
#include "carryall/codec/encoder.h"
#include "carryall/server/actions.h"
#include "carryall/server/call.h"
#include "carryall/server/limits.h"
#include "carryall/server/replay.h"
#include "carryall/server/router_store.h"
#include "carryall/wire/accept.h"

namespace carryall::server {

/// The Arrakis requests over Flight. Every method is called by a thread of its own, one a
/// running call; the state they share is the router (swapped as a whole), the backend
/// (thread safe) and the counters.
class FlightService final : public arrow::flight::FlightServerBase {
 public:
  struct Parts {
    std::shared_ptr<backend::Backend> backend;
    std::unique_ptr<RouterStore> routers;
    Identity identity;
    Limits limits;
    const Clock* clock = &Clock::System();
  };
  explicit FlightService(Parts parts) : parts_(std::move(parts)) {}

  /// Running streams end normally at their next look, new ones at once.
  void EndStreams() { stop_.request_stop(); }
  RouterStore& routers() { return *parts_.routers; }
  const Counters& counters() const { return counters_; }

  Status ListFlights(const arrow::flight::ServerCallContext& context,
                     const arrow::flight::Criteria* criteria,
                     std::unique_ptr<arrow::flight::FlightListing>* listings) override;
  Status GetFlightInfo(const arrow::flight::ServerCallContext& context,
                       const arrow::flight::FlightDescriptor& descriptor,
                       std::unique_ptr<arrow::flight::FlightInfo>* info) override;
  Status PollFlightInfo(const arrow::flight::ServerCallContext& context,
                        const arrow::flight::FlightDescriptor& descriptor,
                        std::unique_ptr<arrow::flight::PollInfo>* info) override;
  Status GetSchema(const arrow::flight::ServerCallContext& context,
                   const arrow::flight::FlightDescriptor& descriptor,
                   std::unique_ptr<arrow::flight::SchemaResult>* schema) override;
  Status DoGet(const arrow::flight::ServerCallContext& context,
               const arrow::flight::Ticket& ticket,
               std::unique_ptr<arrow::flight::FlightDataStream>* stream) override;
  Status DoPut(const arrow::flight::ServerCallContext& context,
               std::unique_ptr<arrow::flight::FlightMessageReader> reader,
               std::unique_ptr<arrow::flight::FlightMetadataWriter> writer) override;
  Status DoExchange(const arrow::flight::ServerCallContext& context,
                    std::unique_ptr<arrow::flight::FlightMessageReader> reader,
                    std::unique_ptr<arrow::flight::FlightMessageWriter> writer) override;
  Status DoAction(const arrow::flight::ServerCallContext& context,
                  const arrow::flight::Action& action,
                  std::unique_ptr<arrow::flight::ResultStream>* result) override;
  Status ListActions(const arrow::flight::ServerCallContext& context,
                     std::vector<arrow::flight::ActionType>* actions) override;

 private:
  using Info = std::unique_ptr<arrow::flight::FlightInfo>;
  using Stream = std::unique_ptr<arrow::flight::FlightDataStream>;

  /// Runs the body of a call and finishes its error.
  template <typename Body>
  Status Answer(const Call& call, Body&& body);

  /// Where publishers register; kUnsupported if they cannot.
  Result<backend::Registrar*> Registrar() const;
  Result<Info> Plan(const wire::Request& request, const std::string& command,
                    const wire::Accept& accept) const;
  Result<std::vector<PlannedEndpoint>> EndpointsOf(const wire::Request& request) const;
  /// What a stream carries, by name.
  Result<std::shared_ptr<const ChannelSet>> ChannelsOf(
      const wire::StreamArgs& args) const;
  /// The schema of the data that `request` leads to.
  Result<std::shared_ptr<arrow::Schema>> SchemaOf(const wire::Request& request,
                                                  codec::Form form) const;
  Result<Stream> Get(const wire::Request& request, const Call& call,
                     const arrow::flight::ServerCallContext& context);
  Result<Stream> GetProperties(const wire::Request& request);
  Result<Stream> GetMetadata(const wire::Request& request, StreamSlot slot,
                             const Call& call) const;
  Result<Stream> GetData(const wire::Request& request,
                         const std::optional<ReplayContext>& replay, StreamSlot slot,
                         const Call& call,
                         const arrow::flight::ServerCallContext& context);

  Parts parts_;
  Counters counters_;
  std::stop_source stop_;
};

}  // namespace carryall::server
