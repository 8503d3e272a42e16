#include <cmath>
#include <utility>

#include "carryall/formula/algebra.h"

namespace carryall::formula {

namespace {

/// A Float that is a whole number, or one over a power of two away from one, as a
/// fraction.
Number Recast(const Number& n) {
  if (n.exact()) return n;
  const double fraction = std::fmod(std::fabs(n.raw()), 1.0);
  if (fraction == 0) return n.Floor();
  const int power = -static_cast<int>(std::lround(std::log2(fraction)));
  if (power > 60) return n;
  const double scaled = std::ldexp(n.raw(), power);
  if (scaled != std::trunc(scaled) || std::fabs(scaled) > 1e18) return n;
  return Number::FromRatio(static_cast<Integer>(scaled), static_cast<Integer>(1)
                                                             << power);
}

/// What multiplies pi in a product with pi, between 0 and 2 if it is a number.
Expr CoefficientOfPi(const Expr& x) {
  if (x->kind == Kind::kPi) return MakeInteger(1);
  if (x->kind != Kind::kMul) return nullptr;
  std::vector<Expr> others;
  bool found = false;
  for (const Expr& factor : x->args) {
    if (factor->kind == Kind::kPi) {
      found = true;
    } else {
      others.push_back(factor);
    }
  }
  if (!found) return nullptr;
  const Expr rest = MakeMul(std::move(others));
  const Split split = SplitCoefficient(rest);
  const Number coefficient = Recast(split.coefficient);
  if (rest->is_number()) {
    return MakeNumber(Modulo(coefficient, Number::FromInteger(2)));
  }
  if (coefficient.exact() == split.coefficient.exact()) return rest;
  return MakeMul({MakeNumber(coefficient), split.rest});
}

/// sin(pi * r) for 0 <= r < 2 where that is a simple surd.
Expr SineOfPi(const Number& r) {
  if (r.numerator() >= r.denominator()) {
    const Expr mirrored = SineOfPi(r + Number::FromInteger(-1));
    return mirrored == nullptr ? nullptr : Negate(mirrored);
  }
  const Expr half = MakeNumber(Number::FromRatio(1, 2));
  const auto is = [&](int p, int q) {
    return r.numerator() == p && r.denominator() == q;
  };
  if (r.is_zero()) return MakeInteger(0);
  if (is(1, 2)) return MakeInteger(1);
  if (is(1, 6) || is(5, 6)) return half;
  if (is(1, 4) || is(3, 4)) return MakeMul({half, MakePow(MakeInteger(2), half)});
  if (is(1, 3) || is(2, 3)) return MakeMul({half, MakePow(MakeInteger(3), half)});
  return nullptr;
}

Expr AtMultipleOfPi(Function f, const Number& r) {
  const Number half = Number::FromRatio(1, 2), two = Number::FromInteger(2);
  const Expr sine = SineOfPi(Modulo(r, two));
  const Expr cosine = SineOfPi(Modulo(r + half, two));
  if (f == Function::kSin) return sine;
  if (f == Function::kCos) return cosine;
  return sine == nullptr || cosine == nullptr ? nullptr : Divide(sine, cosine);
}

/// Takes whole multiples of pi/2 out of a sum: sin(x + pi/2) is cos(x).
Expr WithoutQuarterTurns(Function f, const Expr& sum) {
  Number turns = Number::FromInteger(0);
  std::vector<Expr> rest;
  for (const Expr& term : sum->args) {
    const Split split = SplitCoefficient(term);
    if (split.rest->kind == Kind::kPi && split.coefficient.exact()) {
      turns = turns + split.coefficient;
    } else {
      rest.push_back(term);
    }
  }
  const Number left = Modulo(turns, Number::FromRatio(1, 2));
  const Number quarters = (turns + -left) * Number::FromInteger(2);
  if (!turns.exact() || quarters.is_zero()) return nullptr;
  rest.push_back(MakeMul({MakeNumber(left), MakePi()}));
  const Expr x = MakeAdd(std::move(rest));
  const auto quarter =
      static_cast<int>(Modulo(quarters, Number::FromInteger(4)).numerator());
  if (f == Function::kTan) {
    const Expr tangent = MakeCall(Function::kTan, {x});
    return quarter % 2 == 0 ? tangent : Negate(MakePow(tangent, MakeInteger(-1)));
  }
  const int phase = f == Function::kSin ? quarter : quarter + 1;
  const Expr made = MakeCall(phase % 2 == 0 ? Function::kSin : Function::kCos, {x});
  return phase % 4 < 2 ? made : Negate(made);
}

}  // namespace

Expr MakeTrigonometric(Function f, const Expr& x) {
  const Expr coefficient = CoefficientOfPi(x);
  if (coefficient != nullptr) {
    if (coefficient->is_number() && coefficient->number.exact()) {
      if (Expr value = AtMultipleOfPi(f, coefficient->number)) return value;
    } else if (!coefficient->is_number()) {
      const Expr normal = MakeMul({coefficient, MakePi()});
      if (!Same(normal, x)) return MakeCall(f, {normal});
    }
  } else if (x->kind == Kind::kAdd) {
    if (Expr value = WithoutQuarterTurns(f, x)) return value;
  }
  return MakeCallNode(f, {x});
}

}  // namespace carryall::formula
