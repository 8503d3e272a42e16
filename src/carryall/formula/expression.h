#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/formula/number.h"

namespace carryall::formula {

enum class Kind : uint8_t {
  kNumber,
  kPi,
  kE,
  kVariable,
  kAdd,      ///< two or more terms, in SymPy's printing order
  kMul,      ///< two or more factors, in that order: a number, if any, is the first
  kPow,      ///< base, exponent
  kCall,     ///< arguments of `function`
  kCompare,  ///< left, right
  kAnd,
  kOr,   ///< conditions
  kNot,  ///< condition
  kTruth,
  kPiecewise,  ///< value, condition, value, condition, ...
  kInvalid,    ///< `name` says why; whatever contains one is one
};

enum class Function : uint8_t {
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kAtan2,
  kSinh,
  kCosh,
  kTanh,
  kAsinh,
  kAcosh,
  kAtanh,
  kExp,
  kLog,
  kLog2,
  kLog10,
  kFloor,
  kCeiling,
  kAbs,
  kSign,
  kMod,
  kMin,
  kMax,
  kHeaviside,  ///< argument, value at zero
};

enum class Comparison : uint8_t {
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual
};

struct Node;
/// A formula in the canonical form that SymPy gives it. Immutable, shared.
using Expr = std::shared_ptr<const Node>;

struct Node {
  Kind kind = Kind::kInvalid;
  Function function = Function::kSin;
  Comparison comparison = Comparison::kLess;
  bool truth = false;
  bool constant = true;  ///< the variable does not occur
  Number number;
  std::vector<Expr> args;
  std::string name;  ///< for kInvalid
  std::string key;   ///< equal expressions have equal keys

  bool is_number() const { return kind == Kind::kNumber; }
  bool is_condition() const;
  bool is_call(Function f) const { return kind == Kind::kCall && function == f; }
};

// The plain nodes. Sums, products, powers and calls are made by algebra.h.
Expr MakeNumber(const Number& value);
Expr MakeInteger(int64_t value);
Expr MakePi();
Expr MakeE();
Expr MakeVariable();
Expr MakeTruth(bool value);
Expr MakeInvalid(std::string why);
/// A node as it is, nothing simplified; kInvalid if an argument is.
Expr MakeNode(Kind kind, std::vector<Expr> args);
Expr MakeCallNode(Function function, std::vector<Expr> args);
Expr MakeCompareNode(Comparison comparison, Expr left, Expr right);

inline bool Same(const Expr& a, const Expr& b) { return a->key == b->key; }

/// The name of a function in SymPy.
std::string_view Name(Function function);

/// coefficient * rest, where rest carries no number (1 for a number itself).
struct Split {
  Number coefficient;
  Expr rest;
};
Split SplitCoefficient(const Expr& e);

/// base ** exponent; exp(x) is E ** x, and (1/n) ** e is n ** -e.
struct Power {
  Expr base;
  Expr exponent;
};
Power SplitPower(const Expr& e);

/// The value of an expression without the variable, as numpy would compute it.
double ConstantValue(const Expr& e);

/// SymPy's order of expressions (`sort_key`): negative, zero or positive.
int Compare(const Expr& a, const Expr& b);
/// The terms of a sum in the order in which they are printed, thus added.
std::vector<Expr> OrderTerms(std::vector<Expr> terms);
/// The factors of a product in the order in which they are printed, thus multiplied.
std::vector<Expr> OrderFactors(std::vector<Expr> factors);

}  // namespace carryall::formula
