#pragma once

#include <limits>
#include <vector>

#include "carryall/formula/expression.h"

namespace carryall::formula {

/// Walks a canonical expression in the order in which numpy would compute the text that
/// SymPy prints for it, and calls one operation of `Machine` for each step:
///   Value Constant(double); Value Variable();
///   Value Add|Multiply|Divide|Power(Value, Value); Value Root(Value);
///   Value Call(Function, Value); Value Call(Function, Value, Value);
///   Value Compare(Comparison, Value, Value); Value And|Or(Value, Value); Value
///   Not(Value); Value Select(Value condition, Value then, Value otherwise).
/// Conditions are values too: 1 and 0.
template <typename Machine>
class Lowering {
 public:
  using Value = typename Machine::Value;
  explicit Lowering(Machine* machine) : machine_(*machine) {}

  Value Lower(const Expr& e) {
    switch (e->kind) {
      case Kind::kNumber:
        return machine_.Constant(e->number.value());
      case Kind::kPi:
        return machine_.Constant(3.141592653589793);
      case Kind::kE:
        return machine_.Constant(2.718281828459045);
      case Kind::kVariable:
        return machine_.Variable();
      case Kind::kTruth:
        return machine_.Constant(e->truth ? 1 : 0);
      case Kind::kAdd:
        return Fold(e, &Machine::Add);
      case Kind::kMul:
        return LowerProduct(e);
      case Kind::kPow:
        return LowerPower(e->args[0], e->args[1]);
      case Kind::kCall:
        return LowerCall(e);
      case Kind::kCompare: {
        const Value left = Lower(e->args[0]);
        return machine_.Compare(e->comparison, left, Lower(e->args[1]));
      }
      case Kind::kAnd:
        return Fold(e, &Machine::And);
      case Kind::kOr:
        return Fold(e, &Machine::Or);
      case Kind::kNot:
        return machine_.Not(Lower(e->args[0]));
      case Kind::kPiecewise:
        return LowerPiecewise(e, 0);
      default:
        return machine_.Constant(0);
    }
  }

 private:
  Value Fold(const Expr& e, Value (Machine::*operation)(Value, Value)) {
    Value out = Lower(e->args[0]);
    for (size_t i = 1; i < e->args.size(); ++i) {
      out = (machine_.*operation)(out, Lower(e->args[i]));
    }
    return out;
  }

  static bool IsDenominator(const Expr& factor) {
    return factor->kind == Kind::kPow && factor->args[1]->is_number() &&
           factor->args[1]->number.exact() && factor->args[1]->number.is_negative();
  }

  /// Numerator from left to right, divided by the product of the denominators.
  Value LowerProduct(const Expr& e) {
    std::vector<Expr> above, below;
    bool negative = false;
    for (const Expr& factor : e->args) {
      if (factor->is_number() && factor->number.is(-1)) {
        negative = true;
      } else if (IsDenominator(factor)) {
        below.push_back(factor);
      } else {
        above.push_back(factor);
      }
    }
    Value out = above.empty() ? machine_.Constant(1) : Lower(above[0]);
    for (size_t i = 1; i < above.size(); ++i)
      out = machine_.Multiply(out, Lower(above[i]));
    if (!below.empty()) {
      Value divisor = LowerDenominator(below[0]);
      for (size_t i = 1; i < below.size(); ++i) {
        divisor = machine_.Multiply(divisor, LowerDenominator(below[i]));
      }
      out = machine_.Divide(out, divisor);
    }
    return negative ? machine_.Multiply(out, machine_.Constant(-1)) : out;
  }

  Value LowerDenominator(const Expr& factor) {
    const Number exponent = -factor->args[1]->number;
    if (exponent.is(1)) return Lower(factor->args[0]);
    return LowerPower(factor->args[0], MakeNumber(exponent));
  }

  Value LowerPower(const Expr& base, const Expr& exponent) {
    if (exponent->is_number() && exponent->number.exact() &&
        exponent->number.denominator() == 2) {
      if (exponent->number.numerator() == 1) return machine_.Root(Lower(base));
      if (exponent->number.numerator() == -1) {
        const Value one = machine_.Constant(1);
        return machine_.Divide(one, machine_.Root(Lower(base)));
      }
    }
    const Value b = Lower(base);
    return machine_.Power(b, Lower(exponent));
  }

  Value LowerCall(const Expr& e) {
    Value out = Lower(e->args[0]);
    if (e->args.size() == 1) return machine_.Call(e->function, out);
    for (size_t i = 1; i < e->args.size(); ++i) {
      out = machine_.Call(e->function, out, Lower(e->args[i]));
    }
    return out;
  }

  Value LowerPiecewise(const Expr& e, size_t arm) {
    if (arm >= e->args.size()) {
      return machine_.Constant(std::numeric_limits<double>::quiet_NaN());
    }
    if (e->args[arm + 1]->kind == Kind::kTruth) return Lower(e->args[arm]);
    const Value condition = Lower(e->args[arm + 1]);
    const Value then = Lower(e->args[arm]);
    return machine_.Select(condition, then, LowerPiecewise(e, arm + 2));
  }

  Machine& machine_;
};

}  // namespace carryall::formula
