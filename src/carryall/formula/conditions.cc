#include <cmath>
#include <utility>

#include "carryall/formula/algebra.h"
#include "carryall/formula/scalar_math.h"

namespace carryall::formula {

Expr MakeCompare(Comparison comparison, const Expr& a, const Expr& b) {
  if (a->is_number() && b->is_number()) {
    return MakeTruth(Holds(comparison, Number::Compare(a->number, b->number), 0));
  }
  if (a->constant && b->constant && a->kind != Kind::kInvalid &&
      b->kind != Kind::kInvalid) {
    const double left = ConstantValue(a), right = ConstantValue(b);
    const double distance = std::fabs(left - right);
    if (distance > 1e-12 * std::fabs(right))
      return MakeTruth(Holds(comparison, left, right));
  }
  return MakeCompareNode(comparison, a, b);
}

Expr MakeNot(const Expr& condition) {
  if (condition->kind == Kind::kTruth) return MakeTruth(!condition->truth);
  if (condition->kind == Kind::kNot) return condition->args[0];
  if (condition->kind != Kind::kCompare) return MakeNode(Kind::kNot, {condition});
  static constexpr Comparison kOpposite[] = {
      Comparison::kGreaterEqual, Comparison::kGreater,  Comparison::kLessEqual,
      Comparison::kLess,         Comparison::kNotEqual, Comparison::kEqual};
  return MakeCompareNode(kOpposite[static_cast<int>(condition->comparison)],
                         condition->args[0], condition->args[1]);
}

Expr MakeLogic(Kind kind, std::vector<Expr> conditions) {
  const bool neutral = kind == Kind::kAnd;
  std::vector<Expr> out;
  for (const Expr& condition : conditions) {
    if (condition->kind == Kind::kInvalid) return condition;
    if (condition->kind != Kind::kTruth) {
      out.push_back(condition);
    } else if (condition->truth != neutral) {
      return condition;
    }
  }
  if (out.empty()) return MakeTruth(neutral);
  return out.size() == 1 ? out[0] : MakeNode(kind, std::move(out));
}

Expr MakePiecewise(std::vector<Expr> arms) {
  std::vector<Expr> out;
  for (size_t i = 0; i + 1 < arms.size(); i += 2) {
    const Expr& condition = arms[i + 1];
    if (condition->kind == Kind::kInvalid) return condition;
    if (condition->kind == Kind::kTruth && !condition->truth) continue;
    if (!out.empty() && Same(out[out.size() - 2], arms[i])) {
      out.back() = MakeLogic(Kind::kOr, {out.back(), condition});
      if (condition->kind == Kind::kTruth) break;
      continue;
    }
    out.push_back(arms[i]);
    out.push_back(condition);
    if (condition->kind == Kind::kTruth) break;
  }
  if (out.empty()) return MakeInvalid("no condition of Piecewise can hold");
  if (out[1]->kind == Kind::kTruth) return out[0];
  return MakeNode(Kind::kPiecewise, std::move(out));
}

}  // namespace carryall::formula
