#include "carryall/formula/expression.h"

#include <fmt/format.h>

#include <utility>

namespace carryall::formula {
namespace {

Expr Finish(Node node) {
  for (const Expr& arg : node.args) {
    if (arg->kind == Kind::kInvalid) return arg;
    node.constant = node.constant && arg->constant;
  }
  node.key = fmt::format("({}", static_cast<int>(node.kind));
  if (node.kind == Kind::kCall) node.key += Name(node.function);
  if (node.kind == Kind::kCompare) {
    node.key += fmt::format("c{}", static_cast<int>(node.comparison));
  }
  if (node.kind == Kind::kTruth) node.key += node.truth ? "T" : "F";
  if (node.kind == Kind::kNumber) node.key += " " + node.number.text();
  for (const Expr& arg : node.args) node.key += " " + arg->key;
  node.key += ")";
  return std::make_shared<const Node>(std::move(node));
}

}  // namespace

bool Node::is_condition() const {
  return kind == Kind::kCompare || kind == Kind::kAnd || kind == Kind::kOr ||
         kind == Kind::kNot || kind == Kind::kTruth;
}

Expr MakeNumber(const Number& value) {
  if (!value.is_finite()) return MakeInvalid("a number is out of range");
  Node node;
  node.kind = Kind::kNumber;
  node.number = value;
  return Finish(std::move(node));
}

Expr MakeInteger(int64_t value) { return MakeNumber(Number::FromInteger(value)); }

Expr MakePi() {
  Node node;
  node.kind = Kind::kPi;
  return Finish(std::move(node));
}

Expr MakeE() {
  Node node;
  node.kind = Kind::kE;
  return Finish(std::move(node));
}

Expr MakeVariable() {
  Node node;
  node.kind = Kind::kVariable;
  node.constant = false;
  return Finish(std::move(node));
}

Expr MakeTruth(bool value) {
  Node node;
  node.kind = Kind::kTruth;
  node.truth = value;
  return Finish(std::move(node));
}

Expr MakeInvalid(std::string why) {
  Node node;
  node.kind = Kind::kInvalid;
  node.name = std::move(why);
  return std::make_shared<const Node>(std::move(node));
}

Expr MakeNode(Kind kind, std::vector<Expr> args) {
  Node node;
  node.kind = kind;
  node.args = std::move(args);
  return Finish(std::move(node));
}

Expr MakeCallNode(Function function, std::vector<Expr> args) {
  Node node;
  node.kind = Kind::kCall;
  node.function = function;
  node.args = std::move(args);
  return Finish(std::move(node));
}

Expr MakeCompareNode(Comparison comparison, Expr left, Expr right) {
  Node node;
  node.kind = Kind::kCompare;
  node.comparison = comparison;
  node.args = {std::move(left), std::move(right)};
  return Finish(std::move(node));
}

std::string_view Name(Function function) {
  static constexpr std::string_view kNames[] = {
      "sin",     "cos",   "tan",   "asin",  "acos", "atan", "atan2",    "sinh",  "cosh",
      "tanh",    "asinh", "acosh", "atanh", "exp",  "log",  "log2",     "log10", "floor",
      "ceiling", "Abs",   "sign",  "Mod",   "Min",  "Max",  "Heaviside"};
  return kNames[static_cast<int>(function)];
}

Split SplitCoefficient(const Expr& e) {
  if (e->is_number()) return {e->number, MakeInteger(1)};
  if (e->kind == Kind::kMul && e->args[0]->is_number()) {
    if (e->args.size() == 2) return {e->args[0]->number, e->args[1]};
    return {e->args[0]->number,
            MakeNode(Kind::kMul, {e->args.begin() + 1, e->args.end()})};
  }
  return {Number::FromInteger(1), e};
}

Power SplitPower(const Expr& e) {
  if (e->is_call(Function::kExp)) return {MakeE(), e->args[0]};
  if (e->kind != Kind::kPow) return {e, MakeInteger(1)};
  const Expr& base = e->args[0];
  if (base->is_number() && base->number.exact() && base->number.numerator() == 1 &&
      base->number.denominator() != 1) {
    const Split exponent = SplitCoefficient(e->args[1]);
    const Number negated = -exponent.coefficient;
    Expr out = exponent.rest;
    if (e->args[1]->is_number()) {
      out = MakeNumber(negated);
    } else if (!negated.is(1)) {
      std::vector<Expr> factors{MakeNumber(negated)};
      if (out->kind == Kind::kMul) {
        factors.insert(factors.end(), out->args.begin(), out->args.end());
      } else {
        factors.push_back(out);
      }
      out = MakeNode(Kind::kMul, std::move(factors));
    }
    return {MakeNumber(Number::FromInteger(base->number.denominator())), out};
  }
  return {base, e->args[1]};
}

}  // namespace carryall::formula
