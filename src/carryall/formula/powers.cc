#include <cmath>
#include <utility>

#include "carryall/formula/algebra.h"

namespace carryall::formula {
namespace {

constexpr int64_t kMaxPower = 4096;
constexpr int64_t kMaxPrime = 1 << 15;

Expr RawPower(const Expr& base, const Expr& exponent) {
  return MakeNode(Kind::kPow, {base, exponent});
}

Expr RawRoot(Integer base, Integer p, Integer q) {
  return RawPower(MakeNumber(Number::FromInteger(base)),
                  MakeNumber(Number::FromRatio(p, q)));
}

/// Multiplies `*out` by base**exponent; false if that leaves 128 bits.
bool Raise(Integer base, int64_t exponent, Integer* out) {
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(*out, base, out)) return false;
  }
  return true;
}

double Raised(const Number& base, const Number& exponent) {
  return static_cast<double>(
      std::pow(static_cast<long double>(base.raw()), exponent.raw()));
}

/// base ** (p/q) for 0 < p < q: whole roots come out, 12**(1/2) is 2*3**(1/2).
Expr ProperRoot(int64_t base, int64_t p, int64_t q) {
  if (base == 1) return MakeInteger(1);
  int64_t rest = base;
  Integer outside = 1;
  bool fits = true;
  std::vector<std::pair<int64_t, int64_t>> inside;
  std::vector<Expr> factors;
  const auto take = [&](int64_t prime, int64_t multiplicity) {
    const int64_t power = multiplicity * p;
    fits = fits && Raise(prime, power / q, &outside);
    const int64_t left = power % q;
    if (left == 0) return;
    const auto common = static_cast<int64_t>(GreatestCommonDivisor(left, q));
    if (common != 1) {
      factors.push_back(RawRoot(prime, left / common, q / common));
    } else {
      inside.emplace_back(prime, left);
    }
  };
  for (int64_t prime = 2; prime < kMaxPrime && prime * prime <= rest; ++prime) {
    int64_t multiplicity = 0;
    for (; rest % prime == 0; rest /= prime) ++multiplicity;
    if (multiplicity != 0) take(prime, multiplicity);
  }
  if (rest != 1) take(rest, 1);

  Integer shared = 0, radicand = 1;
  for (const auto& [prime, power] : inside) shared = GreatestCommonDivisor(shared, power);
  for (const auto& [prime, power] : inside) {
    fits = fits && Raise(prime, static_cast<int64_t>(power / shared), &radicand);
  }
  if (!fits || (radicand == base && outside == 1 && factors.empty()))
    return RawRoot(base, p, q);
  factors.push_back(MakeNumber(Number::FromInteger(outside)));
  if (radicand != 1) factors.push_back(RawRoot(radicand, shared, q));
  return MakeMul(std::move(factors));
}

/// base ** (p/q) for a positive fraction: no root stays in a denominator.
Expr ExactRoot(const Number& base, const Number& exponent) {
  constexpr Integer kLimit = 1'000'000;
  const Integer p = exponent.numerator(), q = exponent.denominator();
  if (p > kLimit || p < -kLimit || q > kLimit || base.numerator() > INT64_MAX ||
      base.denominator() > INT64_MAX) {
    return MakeNumber(Number::FromDouble(Raised(base, exponent), 17));
  }
  const Number whole = exponent.Floor();
  const auto shift = static_cast<int64_t>(whole.numerator());
  const auto rest = static_cast<int64_t>(p - whole.numerator() * q);
  std::vector<Expr> factors{MakeNumber(base.Power(shift))};
  factors.push_back(
      ProperRoot(static_cast<int64_t>(base.numerator()), rest, static_cast<int64_t>(q)));
  if (base.denominator() != 1) {
    factors.push_back(ProperRoot(static_cast<int64_t>(base.denominator()),
                                 static_cast<int64_t>(q) - rest,
                                 static_cast<int64_t>(q)));
    factors.push_back(MakeNumber(Number::FromRatio(1, base.denominator())));
  }
  if (shift == 0 && base.denominator() == 1) return factors[1];
  return MakeMul(std::move(factors));
}

Expr NumberPower(const Number& base, const Number& exponent) {
  if (base.is_zero()) {
    return exponent.is_negative() ? MakeInvalid("division by zero") : MakeInteger(0);
  }
  if (exponent.is_integer()) {
    const Integer power = exponent.numerator();
    if (power <= kMaxPower && power >= -kMaxPower) {
      return MakeNumber(base.Power(static_cast<int64_t>(power)));
    }
    if (base.is(1)) return MakeInteger(1);
    return MakeNumber(Number::FromDouble(Raised(base, exponent)));
  }
  if (base.is_negative() &&
      (exponent.exact() || exponent.raw() != exponent.Floor().raw())) {
    return MakeInvalid("a fractional power of a negative number is not real");
  }
  if (base.exact() && exponent.exact()) return ExactRoot(base, exponent);
  return MakeNumber(Number::FromDouble(Raised(base, exponent)));
}

bool IsNonNegative(const Expr& e) {
  return e->is_call(Function::kAbs) || (e->constant && ConstantValue(e) >= 0);
}

/// (a*b)**n: whole powers go to every factor, others only to those that cannot be
/// negative.
Expr ProductPower(const Expr& base, const Expr& exponent) {
  if (!exponent->is_number()) return RawPower(base, exponent);
  std::vector<Expr> out, inside;
  if (exponent->number.is_integer()) {
    for (const Expr& factor : base->args) out.push_back(MakePow(factor, exponent));
    return MakeMul(std::move(out));
  }
  for (const Expr& factor : base->args) {
    if (IsNonNegative(factor)) {
      out.push_back(MakePow(factor, exponent));
    } else if (factor->is_number() && !factor->number.is(-1)) {
      out.push_back(MakePow(Negate(factor), exponent));
      inside.push_back(MakeInteger(-1));
    } else {
      inside.push_back(factor);
    }
  }
  if (out.empty()) return RawPower(base, exponent);
  if (!inside.empty()) out.push_back(RawPower(MakeMul(std::move(inside)), exponent));
  return MakeMul(std::move(out));
}

/// (b**e)**exponent; nothing where that is not b**(e*exponent) for every complex b.
Expr PowerPower(const Expr& base, const Expr& exponent) {
  const Power inner = SplitPower(base);
  bool joins = exponent->is_number() && exponent->number.is_integer();
  if (inner.exponent->is_number() && base->kind == Kind::kPow) {
    joins =
        joins || std::fabs(inner.exponent->number.raw()) < 1 || IsNonNegative(inner.base);
  }
  return joins ? MakePow(inner.base, MakeMul({inner.exponent, exponent})) : nullptr;
}

}  // namespace

Expr MakePow(const Expr& base, const Expr& exponent) {
  if (base->kind == Kind::kInvalid) return base;
  if (exponent->kind == Kind::kInvalid) return exponent;
  if (exponent->is_number() && exponent->number.is(0)) return MakeInteger(1);
  if (exponent->is_number() && exponent->number.is(1)) return base;
  if (base->is_number() && base->number.is(1)) return base;
  if (base->kind == Kind::kE) return MakeCall(Function::kExp, {exponent});
  if (base->is_number() && exponent->is_number()) {
    return NumberPower(base->number, exponent->number);
  }
  if (base->kind == Kind::kMul) return ProductPower(base, exponent);
  if (base->kind == Kind::kPiecewise) {
    std::vector<Expr> arms = base->args;
    for (size_t i = 0; i < arms.size(); i += 2) arms[i] = MakePow(arms[i], exponent);
    return MakePiecewise(std::move(arms));
  }
  if (base->kind == Kind::kPow || base->is_call(Function::kExp)) {
    if (Expr joined = PowerPower(base, exponent)) return joined;
  }
  return RawPower(base, exponent);
}

}  // namespace carryall::formula
