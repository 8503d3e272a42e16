#pragma once

#include <string>
#include <string_view>

namespace carryall::wire {

/// Header in which a client may name its call.
inline constexpr std::string_view kRequestIdHeader = "x-request-id";

/// The id of a call from what its header says (empty: no header): reduced to
/// [A-Za-z0-9._-] and cut to 32 characters; eight random hex digits where nothing
/// remains. Thread safe.
std::string RequestId(std::string_view header);

/// Appended to error texts: " [request: ID]".
std::string RequestIdSuffix(std::string_view id);

}  // namespace carryall::wire
