#pragma once

#include <string_view>
#include <vector>

#include "carryall/base/status.h"

namespace carryall::formula {

struct Token {
  enum class Kind : uint8_t { kNumber, kName, kOperator, kEnd };
  Kind kind = Kind::kEnd;
  std::string_view text;  ///< into the formula
  size_t at = 0;          ///< offset of its first byte
};

/// "<what> at column <n> of '<formula>'" as kInvalidArgument.
Status FormulaError(std::string_view formula, size_t at, std::string_view what);

/// The tokens of a formula, closed by one of kind kEnd.
Result<std::vector<Token>> Tokenize(std::string_view formula);

}  // namespace carryall::formula
