#include "carryall/client/client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "carryall/client/block_stream.h"
#include "carryall/client/direct_fetch.h"
#include "carryall/client/fetch.h"
#include "carryall/client/metadata.h"
#include "carryall/codec/assemble.h"
#include "carryall/wire/url.h"

namespace carryall::client {
namespace {

using Json = nlohmann::json;

class ClientImpl final : public Client {
 public:
  explicit ClientImpl(std::shared_ptr<const Session> session)
      : session_(std::move(session)) {}

  const std::string& url() const override { return session_->url(); }

  Status Find(const wire::FindArgs& args,
              const std::function<bool(const Channel&)>& visit,
              const CallContext& context) override {
    return client::Find(*session_, args, visit, context);
  }
  Result<int64_t> Count(const wire::FindArgs& args, const CallContext& context) override {
    return client::Count(*session_, args, context);
  }
  Result<std::vector<Channel>> Describe(const wire::DescribeArgs& args,
                                        const CallContext& context) override {
    return client::Describe(*session_, args, CallHeaders(), context);
  }
  Result<wire::Properties> PublishProperties(const wire::PublisherArgs& args,
                                             const CallContext& context) override {
    return client::PublishProperties(*session_, args, context);
  }
  Result<std::vector<Channel>> Partition(const wire::PublisherArgs& args,
                                         const std::vector<Channel>& channels,
                                         const CallContext& context) override {
    return client::Partition(*session_, args, channels, context);
  }

  Result<SeriesBlock> Fetch(const std::vector<std::string>& channels,
                            const StreamOptions& options,
                            const CallContext& context) override;
  Result<std::unique_ptr<BlockStream>> Stream(const std::vector<std::string>& channels,
                                              const StreamOptions& options,
                                              const CallContext& context) override;

  Result<std::string> ServerInfo(const CallContext& context) override {
    return session_->Act("server-info", context);
  }
  Result<std::string> ScopeMap(const CallContext& context) override {
    return session_->Act("scope-map", context);
  }
  Result<std::string> Replays(const CallContext& context) override {
    return session_->Act("replays", context);
  }
  Result<std::vector<std::string>> Endpoints(const CallContext& context) override;
  Result<std::vector<std::string>> Domains(const CallContext& context) override;

 private:
  Result<SeriesBlock> FetchLive(const std::vector<std::string>& channels,
                                const StreamOptions& options, const CallContext& context);
  Result<Json> ScopedEndpoints(const CallContext& context);

  const std::shared_ptr<const Session> session_;
};

Result<std::unique_ptr<BlockStream>> ClientImpl::Stream(
    const std::vector<std::string>& channels, const StreamOptions& options,
    const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(const TimeSpan span, ResolveSpan(options));
  ARROW_ASSIGN_OR_RAISE(auto plan,
                        PlanStream(*session_, channels, options, span, context));
  if (span.start) {
    ARROW_RETURN_NOT_OK(CheckOnSample(*plan.channels, *span.start, "start"));
  }
  if (span.end) ARROW_RETURN_NOT_OK(CheckOnSample(*plan.channels, *span.end, "end"));
  return OpenStream(session_, std::move(plan), span, options);
}

Result<SeriesBlock> ClientImpl::Fetch(const std::vector<std::string>& channels,
                                      const StreamOptions& options,
                                      const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(TimeSpan span, ResolveSpan(options));
  if (options.on_gap == mux::OnGap::kSkip) {
    return Error(ErrorKind::kInvalidArgument,
                 "a fetch cannot skip gaps: its result is one span");
  }
  if (options.stride) {
    return Error(ErrorKind::kInvalidArgument, "a fetch has no stride: {}",
                 ToString(*options.stride));
  }
  if (!span.start) {
    if (span.end) {
      return Error(ErrorKind::kInvalidArgument,
                   "end requires start: got the end alone, {}", ToString(*span.end));
    }
    return FetchLive(channels, options, context);
  }
  if (span.empty()) {
    return Error(ErrorKind::kInvalidArgument, "span is empty or inverted: [{}, {})",
                 ToString(*span.start), ToString(*span.end));
  }
  ARROW_ASSIGN_OR_RAISE(auto direct,
                        FetchDirect(session_, channels, span, options, context));
  if (direct) return *std::move(direct);
  const bool one_block = !span.end.has_value();
  // The block's length is not known yet; nothing else depends on the end.
  if (one_block) span.end = *span.start + Duration::FromNs(1);
  ARROW_ASSIGN_OR_RAISE(auto plan,
                        PlanStream(*session_, channels, options, span, context));
  if (one_block) {
    span.end = *span.start + plan.native_stride;
    if (!span.start->IsMultipleOf(plan.native_stride)) {
      ARROW_ASSIGN_OR_RAISE(plan,
                            PlanStream(*session_, channels, options, span, context));
    }
  }
  ARROW_RETURN_NOT_OK(CheckOnSample(*plan.channels, *span.start, "start"));
  ARROW_RETURN_NOT_OK(CheckOnSample(*plan.channels, *span.end, "end"));
  return FetchSpan(session_, plan, *span.start, *span.end, options, context);
}

// The newest block, or blocks from the first one on until they are long enough.
Result<SeriesBlock> ClientImpl::FetchLive(const std::vector<std::string>& channels,
                                          const StreamOptions& options,
                                          const CallContext& context) {
  StreamOptions live = options;
  if (!live.duration) live.duration = Duration();
  ARROW_ASSIGN_OR_RAISE(const auto stream, Stream(channels, live, context));
  std::vector<SeriesBlock> blocks;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(auto block, stream->Next(context));
    if (!block) break;
    blocks.push_back(*std::move(block));
  }
  if (blocks.empty() || blocks.back().end() < blocks.front().time() + *live.duration) {
    return Error(ErrorKind::kUnavailable,
                 "{}: the live stream of {} ended before all that was asked for came",
                 session_->url(), NameSome(channels));
  }
  return codec::Concatenate(blocks);
}

Result<Json> ClientImpl::ScopedEndpoints(const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, ScopeMap(context));
  Json map = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!map.is_object() || !map.contains("endpoints") || !map["endpoints"].is_object()) {
    return Error(ErrorKind::kCorrupt, "{}: the scope map has no object 'endpoints'",
                 session_->url());
  }
  return std::move(map["endpoints"]);  // a copy would recurse as deep as the text goes
}

Result<std::vector<std::string>> ClientImpl::Endpoints(const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(const Json endpoints, ScopedEndpoints(context));
  std::set<std::string> urls;
  for (const auto& [url, entry] : endpoints.items()) {
    urls.insert(wire::IsReuseLocation(url) ? session_->url() : url);
  }
  return std::vector<std::string>(urls.begin(), urls.end());
}

Result<std::vector<std::string>> ClientImpl::Domains(const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(const Json endpoints, ScopedEndpoints(context));
  std::set<std::string> domains;
  for (const auto& [url, entry] : endpoints.items()) {
    if (!entry.is_object() || !entry.contains("scopes")) continue;
    if (!entry["scopes"].is_object()) continue;
    for (const auto& [domain, scopes] : entry["scopes"].items()) domains.insert(domain);
  }
  return std::vector<std::string>(domains.begin(), domains.end());
}

}  // namespace

Result<std::shared_ptr<Client>> Client::Make(ClientOptions options) {
  ARROW_ASSIGN_OR_RAISE(auto session, Session::Make(std::move(options)));
  return Of(std::move(session));
}

std::shared_ptr<Client> Client::Of(std::shared_ptr<const Session> session) {
  return std::make_shared<ClientImpl>(std::move(session));
}

}  // namespace carryall::client
