#pragma once

#include <mutex>
#include <thread>

#include "carryall/client/endpoint_reader.h"

namespace carryall::client {

/// Reads an endpoint straight from its brokers; from its Flight locations, if it has any,
/// where the brokers do not answer within the connect timeout. What is not there comes as
/// gaps, and a span that is over ends whatever is missing of it.
class BrokerReader final : public EndpointReader {
 public:
  BrokerReader(std::shared_ptr<const Session> session, const StreamPlan& plan,
               size_t endpoint, const Options& options, Outlet outlet);

  SteadyTime deadline() const override;
  Status Expired(SteadyTime now) override;
  void Cancel() override;
  bool reads_brokers() const override;
  std::string url() const override;

 private:
  void Run(const std::stop_token& stop);
  /// `begun`: whether anything was put out.
  Status ReadBrokers(const std::stop_token& stop, bool* begun) const;

  const std::shared_ptr<const Session> session_;
  const StreamPlan& plan_;
  const size_t endpoint_;
  const Options options_;
  const Outlet outlet_;
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  std::unique_ptr<flight::MessageReader> fallback_;
  std::jthread thread_;
};

}  // namespace carryall::client
