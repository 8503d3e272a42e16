#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::apps {

/// The object that an action of a server answered with; what is nested deeper than any
/// answer is left out. kCorrupt naming the action if it is no object. `Json`: with the
/// keys sorted (nlohmann::json) or in the server's order (nlohmann::ordered_json).
template <typename Json>
Result<Json> ParseActionJson(const std::string& text, std::string_view action) {
  constexpr int kMaxDepth = 32;
  const auto keep = [](int depth, typename Json::parse_event_t, Json&) {
    return depth < kMaxDepth;
  };
  Json json = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Error(ErrorKind::kCorrupt, "answer to {} is no JSON object: '{}'", action,
                 text.substr(0, 200));
  }
  return json;
}

}  // namespace carryall::apps
