#pragma once

#include <cmath>
#include <limits>

#include "carryall/formula/expression.h"

namespace carryall::formula {

// The operations on single values, with numpy's conventions for zeros and NaN. Constants
// are folded with them and blocks of samples are computed with them.

inline double Sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

/// Floored remainder with the sign of `b`.
inline double Mod(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) rest += b;
  } else {
    rest = std::copysign(0.0, b);
  }
  return rest;
}

/// NaN wins, as in numpy.maximum.
inline double Max(double a, double b) { return a >= b || std::isnan(a) ? a : b; }
inline double Min(double a, double b) { return a <= b || std::isnan(a) ? a : b; }

inline double Heaviside(double x, double at_zero) {
  return x < 0 ? 0 : x == 0 ? at_zero : 1;
}

/// numpy takes a few exponents apart from the rest.
inline double Pow(double x, double exponent) {
  if (exponent == 2) return x * x;
  if (exponent == -1) return 1 / x;
  if (exponent == 0.5) return std::sqrt(x);
  if (exponent == 1) return x;
  return std::pow(x, exponent);
}

inline bool Holds(Comparison comparison, double a, double b) {
  switch (comparison) {
    case Comparison::kLess:
      return a < b;
    case Comparison::kLessEqual:
      return a <= b;
    case Comparison::kGreater:
      return a > b;
    case Comparison::kGreaterEqual:
      return a >= b;
    case Comparison::kEqual:
      return a == b;
    default:
      return a != b;
  }
}

/// A function of one argument, in double or long double.
template <typename Real>
Real Apply(Function f, Real x) {
  switch (f) {
    case Function::kSin:
      return std::sin(x);
    case Function::kCos:
      return std::cos(x);
    case Function::kTan:
      return std::tan(x);
    case Function::kAsin:
      return std::asin(x);
    case Function::kAcos:
      return std::acos(x);
    case Function::kAtan:
      return std::atan(x);
    case Function::kSinh:
      return std::sinh(x);
    case Function::kCosh:
      return std::cosh(x);
    case Function::kTanh:
      return std::tanh(x);
    case Function::kAsinh:
      return std::asinh(x);
    case Function::kAcosh:
      return std::acosh(x);
    case Function::kAtanh:
      return std::atanh(x);
    case Function::kExp:
      return std::exp(x);
    case Function::kLog:
      return std::log(x);
    case Function::kLog2:
      return std::log2(x);
    case Function::kLog10:
      return std::log10(x);
    case Function::kFloor:
      return std::floor(x);
    case Function::kCeiling:
      return std::ceil(x);
    case Function::kAbs:
      return std::fabs(x);
    case Function::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    default:
      return std::numeric_limits<Real>::quiet_NaN();
  }
}

/// A function of two arguments.
inline double Apply(Function f, double a, double b) {
  switch (f) {
    case Function::kAtan2:
      return std::atan2(a, b);
    case Function::kMod:
      return Mod(a, b);
    case Function::kMin:
      return Min(a, b);
    case Function::kMax:
      return Max(a, b);
    case Function::kHeaviside:
      return Heaviside(a, b);
    default:
      return std::nan("");
  }
}

}  // namespace carryall::formula
