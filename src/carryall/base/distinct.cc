#include "carryall/base/distinct.h"

#include <algorithm>
#include <functional>
#include <unordered_set>

namespace carryall {

std::vector<std::string_view> Distinct(const std::vector<std::string>& names) {
  std::vector<std::string_view> out(names.begin(), names.end());
  const bool ascend =
      std::adjacent_find(out.begin(), out.end(), std::greater_equal<>()) == out.end();
  if (ascend) return out;
  std::unordered_set<std::string_view> seen(out.size());
  std::erase_if(out, [&](std::string_view name) { return !seen.insert(name).second; });
  return out;
}

}  // namespace carryall
