#include "carryall/client/endpoint_reader.h"

#include "carryall/base/clock.h"
#include "carryall/client/broker_reader.h"
#include "carryall/client/flight_read.h"

namespace carryall::client {
namespace {

class FlightReader final : public EndpointReader {
 public:
  explicit FlightReader(std::unique_ptr<flight::MessageReader> reader)
      : reader_(std::move(reader)) {}
  SteadyTime deadline() const override { return reader_->deadline(); }
  Status Expired(SteadyTime now) override { return reader_->Expired(now); }
  void Cancel() override { reader_->Cancel(); }
  bool reads_brokers() const override { return false; }
  std::string url() const override { return reader_->url(); }

 private:
  const std::unique_ptr<flight::MessageReader> reader_;
};

}  // namespace

std::unique_ptr<EndpointReader> EndpointReader::Start(
    std::shared_ptr<const Session> session, const StreamPlan& plan, size_t endpoint,
    const Options& options, Outlet outlet) {
  if (!plan.endpoints[endpoint].endpoint.brokers.empty()) {
    return std::make_unique<BrokerReader>(std::move(session), plan, endpoint, options,
                                          std::move(outlet));
  }
  return ReadWith(StartFlight(session, plan, endpoint, options, std::move(outlet)));
}

std::unique_ptr<EndpointReader> ReadWith(std::unique_ptr<flight::MessageReader> reader) {
  return std::make_unique<FlightReader>(std::move(reader));
}

bool IsGap(const StreamEndpoint& endpoint, const SeriesBlock& block) {
  if (endpoint.endpoint.brokers.empty()) return false;
  for (size_t i = 0; i < block.size(); ++i) {
    if (!block.view(i).all_missing()) return false;
  }
  return true;
}

std::unique_ptr<flight::MessageReader> StartFlight(
    const std::shared_ptr<const Session>& session, const StreamPlan& plan,
    size_t endpoint, const EndpointReader::Options& options,
    EndpointReader::Outlet outlet) {
  FlightRead how =
      HowToRead(session, plan, plan.endpoints[endpoint], options, Clock::System().Now());
  how.sink.on_break = std::move(outlet.on_break);
  return flight::MessageReader::Start(
      session->pool(), std::move(how.read),
      std::make_shared<flight::BlockSink>(std::move(how.sink), std::move(outlet.put),
                                          std::move(outlet.end)));
}

}  // namespace carryall::client
