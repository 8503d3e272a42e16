// The order in which SymPy writes the terms of a sum and the factors of a product. Sums
// and products are computed in the order of the text that SymPy gives numpy, and rounding
// depends on it: at t = 1e9 the last bit of a phase is worth 1e-7.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "carryall/formula/algebra.h"
#include "carryall/formula/expression.h"

namespace carryall::formula {
namespace {

/// The parts of an expression's sort key, in order of weight.
struct SortKey {
  std::tuple<int, int, std::string_view> rank;
  std::vector<std::string> names;  ///< for atoms
  std::vector<Expr> args;
  Expr exponent;  ///< null: 1
  Number coefficient;

  size_t size() const { return names.size() + args.size(); }
};

std::tuple<int, int, std::string_view> FunctionRank(const Node& node) {
  switch (node.function) {
    case Function::kExp:
      return {4, 10, "exp"};
    case Function::kLog:
      return {4, 11, "log"};
    case Function::kSin:
      return {4, 20, "sin"};
    case Function::kCos:
      return {4, 21, "cos"};
    case Function::kTan:
      return {4, 22, "tan"};
    case Function::kSinh:
      return {4, 30, "sinh"};
    case Function::kCosh:
      return {4, 31, "cosh"};
    case Function::kTanh:
      return {4, 32, "tanh"};
    case Function::kMin:
    case Function::kMax:
      return {5, 0, Name(node.function)};
    case Function::kLog2:
    case Function::kLog10:
      return {4, 0, Name(node.function)};
    default:
      return {4, 10000, Name(node.function)};
  }
}

std::tuple<int, int, std::string_view> Rank(const Node& node) {
  switch (node.kind) {
    case Kind::kNumber:
      return {1, 0, "Number"};
    case Kind::kE:
      return {2, 0, "Exp1"};
    case Kind::kPi:
      return {2, 0, "Pi"};
    case Kind::kVariable:
      return {2, 0, "Symbol"};
    case Kind::kTruth:
      return {2, 0, node.truth ? "BooleanTrue" : "BooleanFalse"};
    case Kind::kMul:
      return {3, 0, "Mul"};
    case Kind::kAdd:
      return {3, 1, "Add"};
    case Kind::kPow:
      return {3, 2, "Pow"};
    case Kind::kCall:
      return FunctionRank(node);
    case Kind::kPiecewise:
      return {4, 0, "Piecewise"};
    default:
      return {5, 0, "Relational"};
  }
}

SortKey KeyOf(const Expr& e) {
  SortKey out;
  const Split split = SplitCoefficient(e);
  out.coefficient = split.coefficient;
  if (e->is_number()) {
    out.rank = Rank(*e);
    return out;
  }
  Expr base = split.rest;
  if (base->kind == Kind::kPow) {
    const Power power = SplitPower(base);
    base = power.base;
    out.exponent = power.exponent;
  }
  out.rank = Rank(*base);
  switch (base->kind) {
    case Kind::kNumber:
      out.names.push_back(base->number.text());
      break;
    case Kind::kE:
    case Kind::kPi:
    case Kind::kVariable:
    case Kind::kTruth:
      out.names.emplace_back(std::get<2>(out.rank));
      break;
    default:
      out.args = base->args;
  }
  return out;
}

template <typename T>
int ThreeWay(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int CompareExponents(const Expr& a, const Expr& b) {
  if (a == nullptr && b == nullptr) return 0;
  const Expr one = MakeInteger(1);
  return Compare(a == nullptr ? one : a, b == nullptr ? one : b);
}

/// The generator and its whole exponent by which a factor counts in the order of terms:
/// t**(3/2) counts as sqrt(t) three times, exp(-2*t) as exp(t) minus twice.
std::pair<Expr, Integer> Generator(const Expr& factor) {
  const Power power = SplitPower(factor);
  if (power.exponent->is_number()) {
    const Number& exponent = power.exponent->number;
    if (!exponent.exact()) return {factor, 1};
    if (exponent.denominator() == 1) return {power.base, exponent.numerator()};
    return {MakePow(power.base, MakeNumber(Number::FromRatio(1, exponent.denominator()))),
            exponent.numerator()};
  }
  const Split split = SplitCoefficient(power.exponent);
  if (!split.coefficient.exact() || split.coefficient.is(1)) return {factor, 1};
  const Number rest = Number::FromRatio(1, split.coefficient.denominator());
  return {MakePow(power.base, MakeMul({MakeNumber(rest), split.rest})),
          split.coefficient.numerator()};
}

/// "3 - 2*x" is written so, not "-2*x + 3".
bool IsLeadingConstant(const Expr& e, const Expr& other) {
  const bool positive = e->is_number() ? !e->number.is_negative() && !e->number.is_zero()
                                       : e->kind == Kind::kPi || e->kind == Kind::kE;
  return positive && other->kind == Kind::kMul && other->args.size() == 2 &&
         other->args[0]->is_number() && other->args[0]->number.is_negative();
}

struct Term {
  Expr term;
  double coefficient = 1;
  std::map<std::string, Integer> exponents;  ///< by the generator's key
  std::vector<Integer> monomial;
};

}  // namespace

int Compare(const Expr& a, const Expr& b) {
  if (a->key == b->key) return 0;
  const SortKey x = KeyOf(a), y = KeyOf(b);
  if (const int c = ThreeWay(x.rank, y.rank)) return c;
  if (const int c = ThreeWay(x.size(), y.size())) return c;
  for (size_t i = 0; i < x.names.size() && i < y.names.size(); ++i) {
    if (const int c = x.names[i].compare(y.names[i])) return c;
  }
  for (size_t i = 0; i < x.args.size() && i < y.args.size(); ++i) {
    if (const int c = Compare(x.args[i], y.args[i])) return c;
  }
  if (const int c = CompareExponents(x.exponent, y.exponent)) return c;
  return Number::Compare(x.coefficient, y.coefficient);
}

std::vector<Expr> OrderFactors(std::vector<Expr> factors) {
  std::stable_sort(factors.begin(), factors.end(),
                   [](const Expr& a, const Expr& b) { return Compare(a, b) < 0; });
  return factors;
}

std::vector<Expr> OrderTerms(std::vector<Expr> terms) {
  if (terms.size() == 2) {
    if (IsLeadingConstant(terms[0], terms[1])) return terms;
    if (IsLeadingConstant(terms[1], terms[0])) return {terms[1], terms[0]};
  }
  std::vector<Term> parts;
  std::map<std::string, Expr> by_key;
  for (Expr& term : terms) {
    Term part;
    const Split split = SplitCoefficient(term);
    part.coefficient = split.coefficient.raw();
    const bool product = split.rest->kind == Kind::kMul;
    for (const Expr& factor :
         product ? split.rest->args : std::vector<Expr>{split.rest}) {
      if (factor->constant) {
        const double value = ConstantValue(factor);
        if (std::isfinite(value)) part.coefficient *= value;
        continue;
      }
      auto [generator, exponent] = Generator(factor);
      part.exponents[generator->key] = exponent;
      by_key.emplace(generator->key, std::move(generator));
    }
    part.term = std::move(term);
    parts.push_back(std::move(part));
  }

  std::vector<Expr> generators;
  for (auto& [key, generator] : by_key) generators.push_back(std::move(generator));
  generators = OrderFactors(std::move(generators));
  for (Term& part : parts) {
    for (const Expr& generator : generators) {
      const auto found = part.exponents.find(generator->key);
      part.monomial.push_back(found == part.exponents.end() ? 0 : found->second);
    }
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Term& a, const Term& b) {
    if (a.monomial != b.monomial) return a.monomial > b.monomial;
    return a.coefficient < b.coefficient;
  });
  for (size_t i = 0; i < parts.size(); ++i) terms[i] = std::move(parts[i].term);
  return terms;
}

}  // namespace carryall::formula
