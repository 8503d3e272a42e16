#pragma once

#include <cstdint>
#include <vector>

#include "carryall/formula/expression.h"

namespace carryall::formula {

/// A formula as a list of operations on runs of values: each reads whole runs and writes
/// a whole run, so that the cost of dispatch is shared by kRun samples. Immutable, thread
/// safe.
class Program {
 public:
  static constexpr int64_t kRun = 1024;

  static Program Compile(const Expr& e);

  /// out[i] = formula(t[i]). `scratch` keeps the runs between calls; one a thread.
  void Evaluate(const double* t, int64_t count, double* out,
                std::vector<double>* scratch) const;

  int registers() const { return registers_; }

 private:
  friend class Compiler;
  enum class Op : uint8_t {
    kAdd,
    kMultiply,
    kDivide,
    kPower,
    kRoot,
    kCall1,
    kCall2,
    kCompare,
    kAnd,
    kOr,
    kNot,
    kSelect,
    kCopy
  };
  /// A constant, the variable, or a run.
  struct Operand {
    enum class Kind : uint8_t { kConstant, kVariable, kRun };
    Kind kind = Kind::kConstant;
    double value = 0;
    int run = 0;
  };
  struct Step {
    Op op = Op::kCopy;
    Function function = Function::kSin;
    Comparison comparison = Comparison::kLess;
    Operand a{}, b{}, c{};
    int to = 0;
  };
  struct Run;

  void EvaluateRun(const double* t, int64_t count, double* out, double* scratch) const;
  static void Execute(const Step& step, const Run& run, double* to);

  std::vector<Step> steps_;
  int registers_ = 0;
};

}  // namespace carryall::formula
