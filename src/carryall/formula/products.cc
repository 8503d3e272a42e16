#include <map>
#include <utility>

#include "carryall/formula/algebra.h"

namespace carryall::formula {
namespace {

/// The exponents of one base, summed where they differ only by a number: x**y * x**(2*y).
struct Powers {
  std::vector<std::pair<Expr, std::vector<std::pair<Expr, Number>>>> bases;

  void Add(const Expr& base, const Expr& exponent) {
    const Split split = SplitCoefficient(exponent);
    auto at = bases.begin();
    while (at != bases.end() && !Same(at->first, base)) ++at;
    if (at == bases.end()) at = bases.insert(at, {base, {}});
    for (auto& [rest, coefficient] : at->second) {
      if (Same(rest, split.rest)) {
        coefficient = coefficient + split.coefficient;
        return;
      }
    }
    at->second.emplace_back(split.rest, split.coefficient);
  }

  std::vector<Power> List() const {
    std::vector<Power> out;
    for (const auto& [base, exponents] : bases) {
      for (const auto& [rest, coefficient] : exponents) {
        out.push_back({base, MakeMul({MakeNumber(coefficient), rest})});
      }
    }
    return out;
  }
};

/// Sorts factors into a number, powers of numbers by their exponents, and other powers.
class Collector {
 public:
  /// Nothing, or the invalid expression.
  Expr Take(std::vector<Expr> factors) {
    for (size_t i = 0; i < factors.size(); ++i) {
      const Expr factor = factors[i];
      if (factor->kind == Kind::kInvalid) return factor;
      if (factor->kind == Kind::kMul) {
        factors.insert(factors.end(), factor->args.begin(), factor->args.end());
        continue;
      }
      if (factor->is_number()) {
        coefficient = coefficient * factor->number;
        continue;
      }
      const Power power = SplitPower(factor);
      if (factor->kind == Kind::kPow && power.base->is_number()) {
        TakeNumberPower(power);
      } else {
        powers.Add(power.base, power.exponent);
      }
    }
    return nullptr;
  }

  Number coefficient = Number::FromInteger(1);
  Powers powers;
  Powers number_powers;                                    ///< 2**t
  std::map<std::string, std::pair<Number, Number>> roots;  ///< exponent -> base, exponent

 private:
  void TakeNumberPower(const Power& power) {
    const Expr& exponent = power.exponent;
    if (!exponent->is_number() || !exponent->number.exact()) {
      number_powers.Add(power.base, exponent);
      return;
    }
    const Number base = power.base->number;
    const auto [at, is_new] =
        roots.try_emplace(exponent->number.text(), base, exponent->number);
    if (!is_new) at->second.first = at->second.first * base;
  }
};

/// Joins sqrt(2)*sqrt(3) to sqrt(6) and takes whole powers out, until nothing changes.
void CombineRoots(Collector* parts, std::vector<Expr>* out) {
  for (int round = 0; round < 4; ++round) {
    auto roots = std::exchange(parts->roots, {});
    bool again = false;
    for (auto& [text, root] : roots) {
      const Expr made = MakePow(MakeNumber(root.first), MakeNumber(root.second));
      const size_t before = parts->roots.size();
      parts->Take({made});
      again = again || parts->roots.size() != before + 1;
    }
    if (!again) break;
  }
  for (const auto& [text, root] : parts->roots) {
    out->push_back(
        MakeNode(Kind::kPow, {MakeNumber(root.first), MakeNumber(root.second)}));
  }
}

Expr Distribute(const Number& coefficient, const Expr& sum) {
  std::vector<Expr> terms;
  for (const Expr& term : sum->args) {
    terms.push_back(MakeMul({MakeNumber(coefficient), term}));
  }
  return MakeAdd(std::move(terms));
}

/// A number times a product that holds a sum stays a product; times a bare sum it is
/// multiplied out. Nothing if `a` is no exact number or `b` no such thing.
Expr TimesSum(const Expr& a, const Expr& b) {
  if (!a->is_number() || !a->number.exact() || a->number.is_zero()) return nullptr;
  const Split split = SplitCoefficient(b);
  if (split.rest->kind != Kind::kAdd) return nullptr;
  if (split.coefficient.is(1)) return Distribute(a->number, split.rest);
  const Number product = a->number * split.coefficient;
  if (product.is(1)) return split.rest;
  return MakeNode(Kind::kMul, {MakeNumber(product), split.rest});
}

}  // namespace

Expr MakeMul(std::vector<Expr> factors) {
  if (factors.size() == 2) {
    if (factors[0]->is_number() && factors[0]->number.is(1)) return factors[1];
    if (factors[1]->is_number() && factors[1]->number.is(1)) return factors[0];
    if (Expr product = TimesSum(factors[0], factors[1])) return product;
    if (Expr product = TimesSum(factors[1], factors[0])) return product;
  }
  Collector parts;
  if (Expr invalid = parts.Take(std::move(factors))) return invalid;

  std::vector<Expr> out;
  for (const Power& power : parts.powers.List())
    out.push_back(MakePow(power.base, power.exponent));
  std::vector<std::pair<Expr, Number>> by_exponent;
  for (const Power& power : parts.number_powers.List()) {
    size_t i = 0;
    while (i < by_exponent.size() && !Same(by_exponent[i].first, power.exponent)) ++i;
    if (i == by_exponent.size()) {
      by_exponent.emplace_back(power.exponent, power.base->number);
    } else {
      by_exponent[i].second = by_exponent[i].second * power.base->number;
    }
  }
  for (const auto& [exponent, base] : by_exponent) {
    out.push_back(MakePow(MakeNumber(base), exponent));
  }
  CombineRoots(&parts, &out);

  // What powers turned into may carry numbers: (2*t)**2 is 4*t**2.
  std::vector<Expr> plain;
  for (size_t i = 0; i < out.size(); ++i) {
    const Expr factor = out[i];
    if (factor->kind == Kind::kInvalid) return factor;
    if (factor->is_number()) {
      parts.coefficient = parts.coefficient * factor->number;
    } else if (factor->kind == Kind::kMul) {
      out.insert(out.end(), factor->args.begin(), factor->args.end());
    } else {
      plain.push_back(factor);
    }
  }
  if (parts.coefficient.is_zero()) return MakeInteger(0);
  if (plain.empty()) return MakeNumber(parts.coefficient);
  const bool has_coefficient = !parts.coefficient.is(1);
  if (plain.size() == 1 && !has_coefficient) return plain[0];
  if (plain.size() == 1 && plain[0]->kind == Kind::kAdd) {
    return Distribute(parts.coefficient, plain[0]);
  }
  plain = OrderFactors(std::move(plain));
  if (has_coefficient) plain.insert(plain.begin(), MakeNumber(parts.coefficient));
  return MakeNode(Kind::kMul, std::move(plain));
}

Expr Divide(const Expr& a, const Expr& b) {
  if (a->kind == Kind::kInvalid) return a;
  if (b->kind == Kind::kInvalid) return b;
  if (b->is_number() && b->number.is_zero()) return MakeInvalid("division by zero");
  if (a->is_number() && b->is_number()) return MakeNumber(a->number / b->number);
  return MakeMul({a, MakePow(b, MakeInteger(-1))});
}

}  // namespace carryall::formula
