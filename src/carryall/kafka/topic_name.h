#pragma once

#include <algorithm>
#include <string_view>

namespace carryall::kafka {

/// Whether brokers take this for the name of a topic.
inline bool IsTopicName(std::string_view name) {
  constexpr size_t kLongest = 249;
  const auto allowed = [](char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
           c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace carryall::kafka
