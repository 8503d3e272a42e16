#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace carryall {

/// Each of `names` once, in the order in which they first come. Views into `names`. Names
/// in order cost a comparison each, others a hash table.
std::vector<std::string_view> Distinct(const std::vector<std::string>& names);

}  // namespace carryall
