#include <map>
#include <utility>

#include "carryall/formula/algebra.h"

namespace carryall::formula {
namespace {

Expr SumOf(std::vector<Expr> terms) {
  if (terms.empty()) return MakeInteger(0);
  if (terms.size() == 1) return terms[0];
  return MakeNode(Kind::kAdd, OrderTerms(std::move(terms)));
}

/// coefficient * rest where rest has none: kept together even if rest is a sum.
Expr Scale(const Number& coefficient, const Expr& rest) {
  if (coefficient.is(1)) return rest;
  if (rest->kind == Kind::kAdd) {
    return MakeNode(Kind::kMul, {MakeNumber(coefficient), rest});
  }
  return MakeMul({MakeNumber(coefficient), rest});
}

}  // namespace

Expr MakeAdd(std::vector<Expr> terms) {
  Number constant = Number::FromInteger(0);
  std::vector<std::pair<Expr, Number>> collected;
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < terms.size(); ++i) {
    const Expr term = terms[i];
    if (term->kind == Kind::kInvalid) return term;
    if (term->is_number()) {
      constant = constant + term->number;
      continue;
    }
    if (term->kind == Kind::kAdd) {
      terms.insert(terms.end(), term->args.begin(), term->args.end());
      continue;
    }
    Split split = SplitCoefficient(term);
    const auto [at, is_new] = index.emplace(split.rest->key, collected.size());
    if (is_new) {
      collected.emplace_back(std::move(split.rest), split.coefficient);
    } else {
      Number& sum = collected[at->second].second;
      sum = sum + split.coefficient;
    }
  }
  std::vector<Expr> out;
  for (const auto& [rest, coefficient] : collected) {
    if (!coefficient.is_zero()) out.push_back(Scale(coefficient, rest));
  }
  if (!(constant.exact() && constant.is_zero())) out.push_back(MakeNumber(constant));
  return SumOf(std::move(out));
}

Expr Negate(const Expr& e) { return MakeMul({MakeInteger(-1), e}); }

bool CouldExtractMinus(const Expr& e) {
  if (e->is_number()) return e->number.is_negative();
  if (e->kind == Kind::kMul) {
    return e->args[0]->is_number() && e->args[0]->number.is_negative();
  }
  if (e->kind != Kind::kAdd) return false;
  size_t negative = 0;
  for (const Expr& term : e->args) negative += CouldExtractMinus(term) ? 1 : 0;
  if (2 * negative != e->args.size()) return 2 * negative > e->args.size();
  return Compare(e, Negate(e)) < 0;
}

}  // namespace carryall::formula
