#pragma once

#include <functional>

#include "carryall/client/session.h"

namespace carryall::client {

/// The calls of Client of the same names.
Status Find(const Session& session, const wire::FindArgs& args,
            const std::function<bool(const Channel&)>& visit, const CallContext& context);
Result<int64_t> Count(const Session& session, const wire::FindArgs& args,
                      const CallContext& context);
Result<std::vector<Channel>> Describe(const Session& session,
                                      const wire::DescribeArgs& args,
                                      const flight::Headers& headers,
                                      const CallContext& context);

/// Puts channels into the order of `names`, each once, others left out. False, and all as
/// it was, if there is none of some name.
bool PutInOrder(const std::vector<std::string_view>& names,
                std::vector<Channel>* channels);

Result<wire::Properties> PublishProperties(const Session& session,
                                           const wire::PublisherArgs& args,
                                           const CallContext& context);
Result<std::vector<Channel>> Partition(const Session& session,
                                       const wire::PublisherArgs& args,
                                       const std::vector<Channel>& channels,
                                       const CallContext& context);

}  // namespace carryall::client
