#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/model/series_block.h"
#include "carryall/mux/block_mux.h"
#include "carryall/wire/properties.h"
#include "carryall/wire/request.h"

namespace carryall::client {

struct ClientOptions {
  /// Empty: ARRAKIS_SERVER, else grpc://localhost:31206. Completed by the rules of
  /// protocol 1.9.
  std::string url;
  std::optional<std::string> token;  ///< sent as bearer token
  Duration connect_timeout = Duration::FromSeconds(5);
  Duration answer_timeout = Duration::FromSeconds(30);
  /// Longest silence of a data stream; nothing: 30 s for bounded streams, and
  /// max latency + stride + 30 s for live ones.
  std::optional<Duration> silence_timeout;
  /// What we ask our own servers for (x-carryall-accept); stock servers ignore it.
  bool compact = true;
  std::string codec = "none";  ///< none, lz4 or zstd
};

/// How a caller stops a call from outside. `poll` is called from the calling thread at
/// least every 100 ms of waiting; a status that is not OK ends the call with it.
struct CallContext {
  std::stop_token stop;
  std::function<Status()> poll;
  /// Called now and then by fetch with what has arrived.
  struct Progress {
    int64_t bytes = 0;
    GpsTime complete_until;
    std::string waiting_for;  ///< the endpoint that is furthest behind
  };
  std::function<void(const Progress&)> progress;
};

struct StreamOptions {
  std::optional<GpsTime> start;  ///< nothing: live
  std::optional<GpsTime> end;    ///< not together with duration
  std::optional<Duration> duration;
  std::optional<Duration> stride;  ///< a multiple of the native one
  mux::OnGap on_gap = mux::OnGap::kFill;
  mux::OnDrop on_drop = mux::OnDrop::kIgnore;
  std::optional<GpsTime> replay_start, replay_end;
  std::optional<std::string> replay_id;
  /// Brokers to read all channels from, "host:port[,host:port...]", each as it is or with
  /// kafka:// before it. The server is only asked what the channels are.
  std::optional<std::string> kafka_url;
  /// How long after its end a stride may be late before it is a gap, 10 ms to 1 day, for
  /// data still to come; nothing: what the channels declare, and room for their delivery.
  /// Servers of ours give up a little earlier, so that what they have is there in time.
  std::optional<Duration> latency_tolerance;
  /// An endpoint that breaks off, falls silent or ends while there is more to come is
  /// asked again, where it left off, until nothing has come for so long; nothing: that is
  /// the end, as for stock clients. Without a latency tolerance output waits for it.
  std::optional<Duration> reconnect;
  /// As of the client's options, for this call.
  std::optional<Duration> silence_timeout;
  int64_t max_queued_bytes = int64_t{256} << 20;  ///< per stream; readers pause above it
  int64_t max_result_bytes = int64_t{64} << 30;   ///< fetch only
};

/// The defaults that ARRAKIS_ONGAP and ARRAKIS_ONDROP ask for; kInvalidArgument naming
/// the variable if its value is none of fill, skip, raise / ignore, warn, raise.
Result<mux::OnGap> OnGapFromEnvironment();
Result<mux::OnDrop> OnDropFromEnvironment();

/// Blocks of a running stream. One consumer thread; Cancel may be called from any thread.
/// Destruction cancels and joins.
class BlockStream {
 public:
  virtual ~BlockStream() = default;
  virtual const std::shared_ptr<const ChannelSet>& channels() const = 0;
  /// The next block, or nothing at the end of the stream.
  virtual Result<std::optional<SeriesBlock>> Next(const CallContext& context = {}) = 0;
  virtual void Cancel() = 0;
};

class Session;

/// A connection to the platform. Connections are opened when needed, kept and shared; no
/// network traffic at construction. Thread safe.
///
/// Samples come from the servers that the asked one names, or, where it names brokers,
/// straight from their topics; if those brokers do not answer within the connect timeout,
/// from the servers named after them.
class Client {
 public:
  virtual ~Client() = default;
  static Result<std::shared_ptr<Client>> Make(ClientOptions options = {});
  static std::shared_ptr<Client> Of(std::shared_ptr<const Session> session);

  virtual const std::string& url() const = 0;

  /// Calls `visit` for each channel as batches arrive until it returns false. Duplicates
  /// that overlapping servers report are visited once.
  virtual Status Find(const wire::FindArgs& args,
                      const std::function<bool(const Channel&)>& visit,
                      const CallContext& context = {}) = 0;
  virtual Result<int64_t> Count(const wire::FindArgs& args,
                                const CallContext& context = {}) = 0;
  /// In the order of `args.channels`, each name once.
  virtual Result<std::vector<Channel>> Describe(const wire::DescribeArgs& args,
                                                const CallContext& context = {}) = 0;

  /// What the server tells a publisher to set its Kafka producer up with (protocol 3.3).
  virtual Result<wire::Properties> PublishProperties(const wire::PublisherArgs& args,
                                                     const CallContext& context = {}) = 0;
  /// Registers channels of a publisher (name, type and rate count) and gives what they
  /// were assigned to, in the order given.
  virtual Result<std::vector<Channel>> Partition(const wire::PublisherArgs& args,
                                                 const std::vector<Channel>& channels,
                                                 const CallContext& context = {}) = 0;

  /// The samples of [start, end) in one block, one allocation a channel, channels in the
  /// order asked for. Time forms as stock's (protocol 4.4): start and end or duration;
  /// start alone = one native block; duration alone = live; nothing = the newest block.
  /// An empty or inverted span is kInvalidArgument naming it.
  virtual Result<SeriesBlock> Fetch(const std::vector<std::string>& channels,
                                    const StreamOptions& options,
                                    const CallContext& context = {}) = 0;
  virtual Result<std::unique_ptr<BlockStream>> Stream(
      const std::vector<std::string>& channels, const StreamOptions& options,
      const CallContext& context = {}) = 0;

  /// The JSON of the actions, as the server sent it.
  virtual Result<std::string> ServerInfo(const CallContext& context = {}) = 0;
  virtual Result<std::string> ScopeMap(const CallContext& context = {}) = 0;
  virtual Result<std::string> Replays(const CallContext& context = {}) = 0;
  /// Sorted; the reuse location is replaced by url().
  virtual Result<std::vector<std::string>> Endpoints(const CallContext& context = {}) = 0;
  virtual Result<std::vector<std::string>> Domains(const CallContext& context = {}) = 0;
};

}  // namespace carryall::client
