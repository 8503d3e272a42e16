#pragma once

#include <vector>

#include "carryall/formula/expression.h"

namespace carryall::formula {

// What SymPy makes of an operation the moment it is written: like terms and powers are
// collected, numbers folded, signs and multiples of pi taken out of functions. Carryall
// does the same, because numpy computes what is left in the order in which it then
// stands, and a reader compares samples. The variable counts as complex, as in SymPy, so
// that sqrt(t**2) stays. What has no real value is kInvalid.

Expr MakeAdd(std::vector<Expr> terms);
Expr MakeMul(std::vector<Expr> factors);
Expr MakePow(const Expr& base, const Expr& exponent);
Expr Negate(const Expr& e);
Expr Divide(const Expr& a, const Expr& b);
/// `a % b`, floored.
Expr MakeMod(const Expr& a, const Expr& b);
/// Any other function, with as many arguments as it takes.
Expr MakeCall(Function function, std::vector<Expr> args);

/// The part of MakeCall for sin, cos and tan.
Expr MakeTrigonometric(Function function, const Expr& x);

Expr MakeCompare(Comparison comparison, const Expr& a, const Expr& b);
Expr MakeNot(const Expr& condition);
/// `kind` is kAnd or kOr.
Expr MakeLogic(Kind kind, std::vector<Expr> conditions);
/// value, condition, value, condition, ...
Expr MakePiecewise(std::vector<Expr> arms);

/// Whether SymPy prefers to write -(-e).
bool CouldExtractMinus(const Expr& e);

}  // namespace carryall::formula
