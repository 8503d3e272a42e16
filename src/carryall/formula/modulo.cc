#include <cmath>
#include <utility>

#include "carryall/formula/algebra.h"

namespace carryall::formula {
namespace {

bool IsMod(const Expr& e) { return e->is_call(Function::kMod); }

size_t CountMods(const Expr& e) {
  size_t out = IsMod(e) ? 1 : 0;
  for (const Expr& arg : e->args) out += CountMods(arg);
  return out;
}

Expr MinusOf(const Expr& e) { return Negate(e); }

/// What is known without looking inside: numbers, a % a, and constants smaller than q.
Expr OfNumbers(const Expr& p, const Expr& q) {
  if (q->is_number() && q->number.is_zero()) return MakeInvalid("modulo by zero");
  if (p->is_number() && p->number.is_zero()) return MakeInteger(0);
  if (Same(p, q) || Same(p, MinusOf(q))) return MakeInteger(0);
  if (p->is_number() && q->is_number()) return MakeNumber(Modulo(p->number, q->number));
  const Expr ratio = Divide(p, q);
  if (ratio->is_number() && ratio->number.is_integer()) return MakeInteger(0);
  if (p->constant && q->constant) {
    const double whole = std::floor(ConstantValue(ratio));
    if (std::fabs(whole) < 1e15) {
      return MakeAdd({p, Negate(MakeMul({MakeInteger(static_cast<int64_t>(whole)), q}))});
    }
  }
  return nullptr;
}

bool HasFloat(const Expr& e) {
  const bool sum = e->kind == Kind::kAdd;
  for (const Expr& term : sum ? e->args : std::vector<Expr>{e}) {
    if (!SplitCoefficient(term).coefficient.exact()) return true;
  }
  return false;
}

/// The greatest whole number that divides every coefficient of `e`; 1 if one is no whole
/// number.
Integer Content(const Expr& e) {
  Integer out = 0;
  const bool sum = e->kind == Kind::kAdd;
  for (const Expr& term : sum ? e->args : std::vector<Expr>{e}) {
    const Number coefficient = SplitCoefficient(term).coefficient;
    if (!coefficient.is_integer()) return 1;
    out = GreatestCommonDivisor(out, coefficient.numerator());
  }
  return out;
}

/// Factors that every term of `p` shares with `q`, apart from numbers.
Expr SharedFactors(const Expr& p, const Expr& q) {
  const Expr rest = SplitCoefficient(q).rest;
  std::vector<Expr> shared;
  for (const Expr& factor :
       rest->kind == Kind::kMul ? rest->args : std::vector<Expr>{rest}) {
    if (factor->is_number()) continue;
    const bool sum = p->kind == Kind::kAdd;
    bool everywhere = true;
    for (const Expr& term : sum ? p->args : std::vector<Expr>{p}) {
      const Expr product = SplitCoefficient(term).rest;
      bool here = false;
      for (const Expr& f :
           product->kind == Kind::kMul ? product->args : std::vector<Expr>{product}) {
        here = here || Same(f, factor);
      }
      everywhere = everywhere && here;
    }
    if (everywhere) shared.push_back(factor);
  }
  return MakeMul(std::move(shared));
}

Expr DivideTerms(const Expr& e, const Expr& by) {
  const bool sum = e->kind == Kind::kAdd;
  std::vector<Expr> out;
  for (const Expr& term : sum ? e->args : std::vector<Expr>{e}) {
    out.push_back(Divide(term, by));
  }
  return MakeAdd(std::move(out));
}

/// (a % q + b) % q is (a + b) % q; (a % n) % q is a % q if q divides n.
Expr WithoutNesting(const Expr& p, const Expr& q) {
  const bool negative = !IsMod(p) && IsMod(MinusOf(p));
  const Expr inner = negative ? MinusOf(p) : p;
  if (IsMod(inner)) {
    const Expr rest = OfNumbers(inner->args[1], q);
    if (rest != nullptr && rest->is_number() && rest->number.is_zero()) {
      return MakeMod(negative ? Negate(inner->args[0]) : inner->args[0], q);
    }
    if (!negative && inner->args[1]->is_number() && q->is_number() &&
        inner->args[1]->number.is_negative() == q->number.is_negative() &&
        std::fabs(inner->args[1]->number.raw()) <= std::fabs(q->number.raw())) {
      return p;
    }
    return nullptr;
  }
  if (p->kind != Kind::kAdd) return nullptr;
  std::vector<Expr> terms;
  bool nested = false;
  for (const Expr& term : p->args) {
    if (!IsMod(term)) {
      terms.push_back(term);
      continue;
    }
    if (!Same(term->args[1], q)) return nullptr;
    nested = true;
    terms.push_back(term->args[0]);
  }
  return nested ? MakeMod(MakeAdd(std::move(terms)), q) : nullptr;
}

/// Terms that q divides disappear, numbers are reduced: (t + 5) % 2 is (t + 1) % 2.
Expr ReduceTerms(const Expr& p, const Expr& q) {
  std::vector<Expr> terms;
  for (const Expr& term : p->args) {
    const Expr made = MakeMod(term, q);
    if (made->kind == Kind::kInvalid) return made;
    terms.push_back(CountMods(made) > CountMods(term) ? term : made);
  }
  return MakeAdd(std::move(terms));
}

}  // namespace

Expr MakeMod(const Expr& a, const Expr& b) {
  if (a->kind == Kind::kInvalid) return a;
  if (b->kind == Kind::kInvalid) return b;
  if (Expr known = OfNumbers(a, b)) return known;
  if (Expr flat = WithoutNesting(a, b)) return flat;

  const Integer content = GreatestCommonDivisor(Content(a), Content(b));
  Expr outside = MakeMul({MakeNumber(Number::FromInteger(content)), SharedFactors(a, b)});
  Expr p = DivideTerms(a, outside), q = DivideTerms(b, outside);
  const Expr divided_p = p, divided_q = q;
  const bool inexact = HasFloat(p) || HasFloat(q);
  if (p->kind == Kind::kAdd) {
    p = ReduceTerms(p, q);
  } else {
    const Split sp = SplitCoefficient(p), sq = SplitCoefficient(q);
    if (inexact && Modulo(sp.coefficient, sq.coefficient).is_zero()) {
      outside = MakeMul({outside, MakeNumber(sq.coefficient)});
      const Number times = (sp.coefficient / sq.coefficient).Floor();
      p = MakeMul({MakeNumber(times), sp.rest});
      q = sq.rest;
    }
  }
  if (CouldExtractMinus(p) && CouldExtractMinus(q)) {
    outside = Negate(outside);
    p = Negate(p);
    q = Negate(q);
  }
  Expr inner = OfNumbers(p, q);
  if (inner == nullptr) {
    const bool changed = !Same(p, divided_p) || !Same(q, divided_q);
    // Over inexact numbers the common divisor is 1.0, and stays inside.
    const bool plain = inexact && outside->is_number() && outside->number.is(1);
    if (plain) {
      p = MakeMul({MakeNumber(Number::FromDouble(1)), p});
    } else if (changed) {
      return MakeMul({outside, MakeMod(p, q)});
    }
    inner = MakeCallNode(Function::kMod, {p, q});
  }
  return MakeMul({outside, inner});
}

}  // namespace carryall::formula
