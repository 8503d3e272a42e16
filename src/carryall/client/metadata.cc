#include "carryall/client/metadata.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "carryall/base/distinct.h"
#include "carryall/client/batch_inbox.h"
#include "carryall/flight/upload.h"
#include "carryall/wire/accept.h"
#include "carryall/wire/description.h"
#include "carryall/wire/schemas.h"

namespace carryall::client {
namespace {

using OnBatch = std::function<Result<bool>(const arrow::RecordBatch&)>;

/// Reads all endpoints at once and calls `on_batch` on this thread as batches arrive,
/// until it says that it has enough. An endpoint that fails does not keep the others'
/// batches back; its error is the result in the end.
Status ReadAll(const Session& session, const std::vector<Endpoint>& endpoints,
               const std::string& what, const flight::Headers& headers, bool can_resume,
               const OnBatch& on_batch, const CallContext& context,
               const std::vector<arrow::flight::FlightPayload>& upload = {}) {
  const auto inbox = std::make_shared<BatchInbox>();
  std::vector<std::unique_ptr<flight::MessageReader>> readers;
  struct Closer {
    BatchInbox& inbox;
    std::vector<std::unique_ptr<flight::MessageReader>>& readers;
    ~Closer() {
      inbox.Close();
      for (const auto& reader : readers) {
        if (reader != nullptr) reader->Cancel();
      }
    }
  } closer{*inbox, readers};  // before the first reader is waited for
  for (const Endpoint& endpoint : endpoints) {
    auto options = session.ReadOptions(endpoint, what, headers);
    options.silence_timeout = session.options().answer_timeout;
    options.upload = upload;
    readers.push_back(flight::MessageReader::Start(
        session.pool(), std::move(options),
        BatchInbox::SinkFor(inbox, readers.size(), endpoint.ticket, can_resume)));
  }
  Status failed;
  for (size_t open = readers.size(); open > 0;) {
    SteadyTime deadline = SteadyTime::max();
    for (const auto& reader : readers) {
      if (reader != nullptr) deadline = std::min(deadline, reader->deadline());
    }
    // A reader's next wait may have a nearer deadline than the one it is in now.
    deadline =
        std::min(deadline, SteadyNow() + ToChrono(session.options().answer_timeout));
    ARROW_ASSIGN_OR_RAISE(auto taken, inbox->Take(deadline, ToInterrupt(context)));
    if (!taken) {
      for (const auto& reader : readers) {
        if (reader != nullptr) ARROW_RETURN_NOT_OK(reader->Expired(SteadyNow()));
      }
    } else if (taken->batch != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const bool more, on_batch(*taken->batch));
      if (!more) return Status::OK();
    } else {
      if (failed.ok()) failed = taken->status;
      readers[taken->reader].reset();
      --open;
    }
  }
  return failed;
}

/// The request, refused here already where its schema refuses it.
Result<wire::Request> RequestOf(wire::RequestType type, const wire::FindArgs& args) {
  return wire::ParseRequest(wire::SerializeRequest({type, args, std::nullopt}));
}

}  // namespace

bool PutInOrder(const std::vector<std::string_view>& names,
                std::vector<Channel>* channels) {
  const auto is_of_name = [](const Channel& channel, std::string_view name) {
    return channel.name == name;
  };
  // Ours answers in the order asked for.
  if (std::equal(channels->begin(), channels->end(), names.begin(), names.end(),
                 is_of_name)) {
    return true;
  }
  std::unordered_map<std::string_view, Channel*> by_name;
  for (Channel& channel : *channels) by_name.emplace(channel.name, &channel);
  std::vector<Channel*> order;
  for (const std::string_view name : names) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) return false;
    order.push_back(found->second);
  }
  std::vector<Channel> ordered;
  for (Channel* channel : order) ordered.push_back(std::move(*channel));
  *channels = std::move(ordered);
  return true;
}

Status Find(const Session& session, const wire::FindArgs& args,
            const std::function<bool(const Channel&)>& visit,
            const CallContext& context) {
  const flight::Headers headers = CallHeaders();
  ARROW_ASSIGN_OR_RAISE(const auto request, RequestOf(wire::RequestType::kFind, args));
  ARROW_ASSIGN_OR_RAISE(const auto endpoints, session.Plan(request, headers, context));
  // A single server's answer that came in one go has no duplicates.
  std::unordered_set<std::string> seen;
  const auto on_batch = [&](const arrow::RecordBatch& batch) -> Result<bool> {
    ARROW_ASSIGN_OR_RAISE(const auto channels, wire::DecodeMetadata(batch));
    for (const Channel& channel : channels) {
      if (!seen.insert(channel.name + '\n' + channel.replay_id.value_or("")).second) {
        continue;
      }
      if (!visit(channel)) return false;
    }
    return true;
  };
  return ReadAll(session, endpoints, "channels matching " + args.pattern, headers,
                 /*can_resume=*/true, on_batch, context);
}

Result<int64_t> Count(const Session& session, const wire::FindArgs& args,
                      const CallContext& context) {
  const flight::Headers headers = CallHeaders();
  ARROW_ASSIGN_OR_RAISE(const auto request, RequestOf(wire::RequestType::kCount, args));
  ARROW_ASSIGN_OR_RAISE(const auto endpoints, session.Plan(request, headers, context));
  int64_t total = 0;
  const auto on_batch = [&](const arrow::RecordBatch& batch) -> Result<bool> {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, wire::DecodeCount(batch));
    if (__builtin_add_overflow(total, count, &total)) {
      return Error(ErrorKind::kCorrupt, "{}: counts beyond all measure", session.url());
    }
    return true;
  };
  ARROW_RETURN_NOT_OK(ReadAll(session, endpoints, "count of " + args.pattern, headers,
                              /*can_resume=*/false, on_batch, context));
  return total;
}

Result<std::vector<Channel>> Describe(const Session& session,
                                      const wire::DescribeArgs& args,
                                      const flight::Headers& headers,
                                      const CallContext& context) {
  if (args.channels.empty()) {
    return Error(ErrorKind::kInvalidArgument, "no channels were asked for");
  }
  const std::vector<std::string_view> names = Distinct(args.channels);
  flight::Headers plan_headers = headers;
  if (session.describes()) {
    plan_headers.emplace_back(wire::kAcceptHeader,
                              wire::FormatAccept({.describe = true}));
  }
  wire::DescribeArgs unique{{names.begin(), names.end()}, args.time, args.replay_id};
  ARROW_ASSIGN_OR_RAISE(auto pending, session.StartPlan({wire::RequestType::kDescribe,
                                                         std::move(unique), std::nullopt},
                                                        plan_headers));
  ARROW_ASSIGN_OR_RAISE(const auto endpoints, pending.Wait(context));
  auto came = wire::ReadDescription(pending.metadata());
  if (came.ok() && PutInOrder(names, &*came)) return came;
  if (!came.ok() && endpoints.empty() && !pending.metadata().empty()) return came;
  std::vector<Channel> channels;
  std::unordered_set<std::string_view> missing(names.begin(), names.end());
  const auto take = [&](std::vector<Channel> some) {
    for (Channel& channel : some) {
      if (missing.erase(channel.name) > 0) channels.push_back(std::move(channel));
    }
  };
  if (came.ok()) take(*std::move(came));
  const auto on_batch = [&](const arrow::RecordBatch& batch) -> Result<bool> {
    ARROW_ASSIGN_OR_RAISE(auto some, wire::DecodeMetadata(batch));
    take(std::move(some));
    return true;
  };
  ARROW_RETURN_NOT_OK(ReadAll(session, endpoints, "description of " + NameSome(names),
                              headers, /*can_resume=*/true, on_batch, context));
  if (missing.empty() && PutInOrder(names, &channels)) return channels;
  std::vector<std::string_view> unknown = names;
  std::erase_if(unknown, [&](std::string_view name) { return !missing.contains(name); });
  return Error(ErrorKind::kUnavailable, "{}: no server describes {}", session.url(),
               NameSome(unknown));
}

Result<wire::Properties> PublishProperties(const Session& session,
                                           const wire::PublisherArgs& args,
                                           const CallContext& context) {
  const flight::Headers headers = CallHeaders();
  const wire::Request request{wire::RequestType::kPublish, args, std::nullopt};
  ARROW_ASSIGN_OR_RAISE(const auto endpoints, session.Plan(request, headers, context));
  wire::Properties all;
  const auto on_batch = [&](const arrow::RecordBatch& batch) -> Result<bool> {
    ARROW_ASSIGN_OR_RAISE(auto some, wire::DecodeProperties(batch));
    some.merge(all);
    all = std::move(some);
    return true;
  };
  ARROW_RETURN_NOT_OK(ReadAll(session, endpoints,
                              "properties of publisher " + args.publisher_id, headers,
                              /*can_resume=*/true, on_batch, context));
  return all;
}

Result<std::vector<Channel>> Partition(const Session& session,
                                       const wire::PublisherArgs& args,
                                       const std::vector<Channel>& channels,
                                       const CallContext& context) {
  const flight::Headers headers = CallHeaders();
  // Who answers for the publisher answers for its channels.
  ARROW_ASSIGN_OR_RAISE(
      auto endpoints,
      session.Plan({wire::RequestType::kPublish, args, std::nullopt}, headers, context));
  if (endpoints.empty()) {
    return Error(ErrorKind::kNoEndpoint, "{}: no server for publisher {}", session.url(),
                 args.publisher_id);
  }
  endpoints.resize(1);
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        wire::EncodeMetadata(channels, wire::PartitionSchema()));
  ARROW_ASSIGN_OR_RAISE(
      const auto upload,
      flight::MakeUpload(
          wire::SerializeRequest({wire::RequestType::kPartition, args, std::nullopt}),
          wire::PartitionSchema(), rows));
  std::vector<Channel> assigned;
  const auto on_batch = [&](const arrow::RecordBatch& batch) -> Result<bool> {
    ARROW_ASSIGN_OR_RAISE(auto some, wire::DecodeMetadata(batch));
    assigned.insert(assigned.end(), std::make_move_iterator(some.begin()),
                    std::make_move_iterator(some.end()));
    return true;
  };
  ARROW_RETURN_NOT_OK(ReadAll(session, endpoints,
                              "registration of publisher " + args.publisher_id, headers,
                              /*can_resume=*/false, on_batch, context, upload));
  return assigned;
}

}  // namespace carryall::client
