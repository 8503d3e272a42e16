#pragma once

#include <string_view>
#include <vector>

#include "carryall/formula/expression.h"

namespace carryall::formula {

/// A function that a formula may call. Piecewise is not among them: its arguments are
/// pairs.
struct FunctionEntry {
  std::string_view name;
  size_t min_args;
  size_t max_args;
  bool of_conditions;  ///< takes conditions, not numbers
  Expr (*make)(std::vector<Expr> args);
};

/// Nothing if there is no such function.
const FunctionEntry* FindFunction(std::string_view name);

}  // namespace carryall::formula
