#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/client/session.h"
#include "carryall/client/time_span.h"

namespace carryall::client {

/// A fetch of a span that is over in one call, without a plan, from a server that was all
/// of an earlier plan and described its channels (docs/wire.md, "A stream without a
/// plan"). Nothing if it has to be planned: by what is asked for, or since the server did
/// not answer so; an error where planning would not help.
Result<std::optional<SeriesBlock>> FetchDirect(
    const std::shared_ptr<const Session>& session, const std::vector<std::string>& names,
    const TimeSpan& span, const StreamOptions& options, const CallContext& context);

}  // namespace carryall::client
