#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carryall::apps {

/// A Python value as text: what is no dictionary is its repr.
struct PythonValue {
  std::string repr;
  bool is_dict = false;
  std::vector<std::pair<std::string, PythonValue>> items = {};  ///< of a dictionary

  static PythonValue Of(std::string repr) { return {std::move(repr)}; }
  static PythonValue Dict(std::vector<std::pair<std::string, PythonValue>> items) {
    return {"", true, std::move(items)};
  }
};

/// A string as Python's repr.
std::string PythonString(std::string_view text);

/// On one line, the items in their order.
std::string PythonRepr(const PythonValue& value);

/// As Python's pprint lays it out: keys sorted, in 80 columns where that goes.
std::string PythonPretty(const PythonValue& value);

}  // namespace carryall::apps
