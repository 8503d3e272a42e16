#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "carryall/client/client.h"
#include "carryall/flight/flight_testing.h"
#include "carryall/flight/series_testing.h"
#include "carryall/wire/description.h"
#include "carryall/wire/request.h"
#include "carryall/wire/schemas.h"

namespace carryall::client {

using flight::FakeServer;
using flight::Gate;
using flight::PayloadOf;
using flight::Samples;
using flight::ScriptedStream;
using flight::SetOf;
using flight::StreamOf;
using flight::StreamPtr;
using flight::TestBatch;
using flight::TestBatches;
using flight::TestChannel;
using flight::TestSchema;
using flight::Text;

constexpr Duration kSecond = Duration::FromSeconds(1);
inline const std::string kReuse = "arrow-flight-reuse-connection://?";

inline GpsTime At(double s) { return GpsTime::FromNs(static_cast<int64_t>(s * 1e9)); }

/// A server with some channels that speaks the protocol as far as a client needs. By
/// default it serves every span in full, a stride a batch; a test replaces what it wants
/// to be different.
class FakePlatform {
 public:
  explicit FakePlatform(std::vector<Channel> channels) : channels_(std::move(channels)) {
    server_->on_info = [this](const std::string& command) { return Info(command); };
    server_->on_get = [this](const std::string& ticket) { return Get(ticket); };
  }
  ~FakePlatform() {
    gate.Open();
    server_->Stop();
  }

  FakeServer& server() { return *server_; }
  std::string url() const { return server_->url(); }

  /// Endpoints of a metadata request and of a stream.
  std::function<Result<std::vector<FakeServer::Endpoint>>(const wire::Request&)> plan =
      [](const wire::Request& request) { return Here(request); };
  std::function<Result<StreamPtr>(const wire::StreamArgs&)> stream =
      [this](const wire::StreamArgs& args) { return Serve(args); };
  std::function<Result<StreamPtr>(const wire::Request&)> metadata =
      [this](const wire::Request& request) { return Metadata(request); };
  Gate gate;  ///< opened when the server goes away

  static std::vector<FakeServer::Endpoint> Here(const wire::Request& request) {
    return {{wire::SerializeRequest(request), {kReuse}}};
  }
  static std::string Ticket(std::vector<std::string> channels,
                            std::optional<GpsTime> start, std::optional<GpsTime> end) {
    wire::StreamArgs args;
    args.channels = std::move(channels);
    args.start = start;
    args.end = end;
    return wire::SerializeRequest({wire::RequestType::kStream, args, std::nullopt});
  }

  /// The channels of a stream, as a set.
  std::shared_ptr<const ChannelSet> Set(const wire::StreamArgs& args) const {
    std::vector<Channel> wanted;
    for (const Channel& channel : channels_) {
      const auto& names = args.channels;
      if (std::find(names.begin(), names.end(), channel.name) != names.end()) {
        wanted.push_back(channel);
      }
    }
    return SetOf(std::move(wanted));
  }
  /// The span in full; then `last`.
  Result<StreamPtr> Serve(
      const wire::StreamArgs& args,
      std::function<Status()> last = [] { return Status::OK(); }) const {
    const auto set = Set(args);
    return StreamOf(TestSchema(*set),
                    TestBatches(*set, *args.start, *args.end, *set->CommonStride()),
                    std::move(last));
  }
  /// Ends a script: nothing more comes until the server goes away.
  std::function<Status()> Stall() {
    return [this] {
      gate.Wait();
      return Status::OK();
    };
  }

  Result<StreamPtr> Metadata(const wire::Request& request) const {
    if (request.type == wire::RequestType::kCount) {
      ARROW_ASSIGN_OR_RAISE(auto count,
                            wire::EncodeCount(static_cast<int64_t>(channels_.size())));
      return StreamOf(wire::CountSchema(), {std::move(count)});
    }
    std::vector<Channel> rows = channels_;
    if (request.type == wire::RequestType::kDescribe) {
      const auto& names = request.describe().channels;
      std::erase_if(rows, [&](const Channel& channel) {
        return std::find(names.begin(), names.end(), channel.name) == names.end();
      });
    }
    ARROW_ASSIGN_OR_RAISE(auto batches, wire::EncodeMetadata(rows));
    return StreamOf(wire::MetadataSchema(), std::move(batches));
  }

 private:
  Result<std::vector<FakeServer::Endpoint>> Info(const std::string& command) {
    ARROW_ASSIGN_OR_RAISE(const auto request, wire::ParseRequest(command));
    return plan(request);
  }
  Result<StreamPtr> Get(const std::string& ticket) {
    ARROW_ASSIGN_OR_RAISE(const auto request, wire::ParseRequest(ticket));
    if (request.type == wire::RequestType::kStream) return stream(request.stream());
    return metadata(request);
  }

  const std::vector<Channel> channels_;
  std::unique_ptr<FakeServer> server_ = FakeServer::Start();
};

/// Channels of the tests: A and B with strides of 1 s, SLOW with 2 s.
inline std::vector<Channel> SomeChannels() {
  return {TestChannel("X1:A", 4, kSecond),
          TestChannel("X1:B", 2, kSecond, DataType::kInt32),
          TestChannel("X1:SLOW", 1, kSecond * 2)};
}

class ClientTest : public testing::Test {
 protected:
  std::shared_ptr<Client> MakeClient(ClientOptions options = {}) {
    options.url = platform_.url();
    auto made = Client::Make(std::move(options));
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return std::move(made).ValueOrDie();
  }
  static StreamOptions Span(double start, double end) {
    StreamOptions options;
    options.start = At(start);
    options.end = At(end);
    return options;
  }
  Result<SeriesBlock> Fetch(const std::vector<std::string>& channels,
                            const StreamOptions& options) {
    return client_->Fetch(channels, options);
  }
  /// All blocks of a stream as text; the error's message as the last one if it fails.
  std::vector<std::string> Stream(const std::vector<std::string>& channels,
                                  const StreamOptions& options) {
    std::vector<std::string> texts;
    auto stream = client_->Stream(channels, options);
    if (!stream.ok()) return {stream.status().message()};
    for (;;) {
      auto block = (*stream)->Next();
      if (!block.ok()) {
        texts.push_back(block.status().message());
        return texts;
      }
      if (!*block) return texts;
      texts.push_back(Text(**block));
    }
  }

  FakePlatform platform_{SomeChannels()};
  std::shared_ptr<Client> client_ = MakeClient();
};

}  // namespace carryall::client
