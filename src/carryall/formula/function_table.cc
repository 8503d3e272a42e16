#include "carryall/formula/function_table.h"

#include <utility>

#include "carryall/formula/algebra.h"

namespace carryall::formula {
namespace {

using Args = std::vector<Expr>;

template <Function f>
Expr Call(Args args) {
  return MakeCall(f, std::move(args));
}

template <Function f>
Expr Reciprocal(Args args) {
  return MakePow(MakeCall(f, std::move(args)), MakeInteger(-1));
}

template <Comparison c>
Expr Relation(Args args) {
  return MakeCompare(c, args[0], args[1]);
}

Expr Ratio(int64_t p, int64_t q) { return MakeNumber(Number::FromRatio(p, q)); }

Expr Root(Args args) { return MakePow(args[0], Divide(MakeInteger(1), args[1])); }

Expr HeavisideOf(Args args) {
  if (args.size() == 1) args.push_back(Ratio(1, 2));
  return MakeCall(Function::kHeaviside, std::move(args));
}

Expr ToFloat(Args args) {
  if (!args[0]->is_number()) return MakeInvalid("Float takes a number");
  return MakeNumber(Number::FromDouble(args[0]->number.raw()));
}

Expr ToInteger(Args args) {
  if (!args[0]->is_number()) return MakeInvalid("Integer takes a number");
  const Number& n = args[0]->number;
  return MakeNumber(n.is_negative() ? -(-n).Floor() : n.Floor());
}

constexpr size_t kMany = 64;

const FunctionEntry kFunctions[] = {
    {"sin", 1, 1, false, Call<Function::kSin>},
    {"cos", 1, 1, false, Call<Function::kCos>},
    {"tan", 1, 1, false, Call<Function::kTan>},
    {"sec", 1, 1, false, Reciprocal<Function::kCos>},
    {"csc", 1, 1, false, Reciprocal<Function::kSin>},
    {"cot", 1, 1, false, Reciprocal<Function::kTan>},
    {"asin", 1, 1, false, Call<Function::kAsin>},
    {"acos", 1, 1, false, Call<Function::kAcos>},
    {"atan", 1, 1, false, Call<Function::kAtan>},
    {"atan2", 2, 2, false, Call<Function::kAtan2>},
    {"sinh", 1, 1, false, Call<Function::kSinh>},
    {"cosh", 1, 1, false, Call<Function::kCosh>},
    {"tanh", 1, 1, false, Call<Function::kTanh>},
    {"asinh", 1, 1, false, Call<Function::kAsinh>},
    {"acosh", 1, 1, false, Call<Function::kAcosh>},
    {"atanh", 1, 1, false, Call<Function::kAtanh>},
    {"exp", 1, 1, false, Call<Function::kExp>},
    {"log", 1, 2, false, Call<Function::kLog>},
    {"ln", 1, 1, false, Call<Function::kLog>},
    {"log2", 1, 1, false, Call<Function::kLog2>},
    {"log10", 1, 1, false, Call<Function::kLog10>},
    {"sqrt", 1, 1, false, [](Args a) { return MakePow(a[0], Ratio(1, 2)); }},
    {"cbrt", 1, 1, false, [](Args a) { return MakePow(a[0], Ratio(1, 3)); }},
    {"root", 2, 2, false, Root},
    {"pow", 2, 2, false, [](Args a) { return MakePow(a[0], a[1]); }},
    {"Pow", 2, 2, false, [](Args a) { return MakePow(a[0], a[1]); }},
    {"floor", 1, 1, false, Call<Function::kFloor>},
    {"ceiling", 1, 1, false, Call<Function::kCeiling>},
    {"frac", 1, 1, false, [](Args a) { return MakeMod(a[0], MakeInteger(1)); }},
    {"Mod", 2, 2, false, Call<Function::kMod>},
    {"Abs", 1, 1, false, Call<Function::kAbs>},
    {"abs", 1, 1, false, Call<Function::kAbs>},
    {"sign", 1, 1, false, Call<Function::kSign>},
    {"Min", 1, kMany, false, Call<Function::kMin>},
    {"min", 2, kMany, false, Call<Function::kMin>},
    {"Max", 1, kMany, false, Call<Function::kMax>},
    {"max", 2, kMany, false, Call<Function::kMax>},
    {"Heaviside", 1, 2, false, HeavisideOf},
    {"Rational", 2, 2, false, [](Args a) { return Divide(a[0], a[1]); }},
    {"Integer", 1, 1, false, ToInteger},
    {"Float", 1, 1, false, ToFloat},
    {"Lt", 2, 2, false, Relation<Comparison::kLess>},
    {"Le", 2, 2, false, Relation<Comparison::kLessEqual>},
    {"Gt", 2, 2, false, Relation<Comparison::kGreater>},
    {"Ge", 2, 2, false, Relation<Comparison::kGreaterEqual>},
    {"Eq", 2, 2, false, Relation<Comparison::kEqual>},
    {"Ne", 2, 2, false, Relation<Comparison::kNotEqual>},
    {"And", 1, kMany, true, [](Args a) { return MakeLogic(Kind::kAnd, std::move(a)); }},
    {"Or", 1, kMany, true, [](Args a) { return MakeLogic(Kind::kOr, std::move(a)); }},
    {"Not", 1, 1, true, [](Args a) { return MakeNot(a[0]); }},
};

}  // namespace

const FunctionEntry* FindFunction(std::string_view name) {
  for (const FunctionEntry& entry : kFunctions) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace carryall::formula
