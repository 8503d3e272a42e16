#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/base/status.h"
#include "carryall/formula/program.h"

namespace carryall::formula {

/// Caps on the text of a formula; beyond one is kInvalidArgument.
inline constexpr size_t kMaxFormulaBytes = 4096;
inline constexpr int kMaxFormulaNodes = 256;
inline constexpr int kMaxFormulaDepth = 64;

/// A function of t, written as SymPy reads it and computed as numpy would compute what
/// SymPy makes of it:
///   numbers, `pi`, `E`, the variable `t`; `+ - * / // % **` with Python's rules (`%` is
///   floored, `**` binds to the right and tighter than a sign); `< <= > >=` once a
///   comparison, `& | ~` between comparisons in parentheses; and the functions of
///   function_table.cc, among them Piecewise((value, condition), ..., (value, True)).
/// Nothing else is known, so text from anywhere is safe. Immutable, thread safe.
class Formula {
 public:
  /// kInvalidArgument saying what is wrong and at which column of the text.
  static Result<Formula> Parse(std::string_view text);

  /// out[i] = formula(t[i]); a condition gives 1 or 0. `scratch` is one a thread.
  void Evaluate(const double* t, int64_t count, double* out,
                std::vector<double>* scratch) const {
    program_.Evaluate(t, count, out, scratch);
  }

  const std::string& text() const { return text_; }

 private:
  Formula(std::string text, Program program)
      : text_(std::move(text)), program_(std::move(program)) {}

  std::string text_;
  Program program_;
};

/// The canonical expression of a text; Formula::Parse without the last step.
Result<Expr> ParseExpression(std::string_view text);

}  // namespace carryall::formula
