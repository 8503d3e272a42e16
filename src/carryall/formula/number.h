#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::formula {

using Integer = __int128;

/// A literal or what arithmetic on literals gives. Exact fractions stay exact; what has a
/// decimal point is a double that, like SymPy's Float, is worth fifteen decimal digits
/// when it is put to use. A fraction that outgrows 128 bits becomes a Float of full
/// precision.
class Number {
 public:
  Number() = default;
  static Number FromInteger(Integer value) { return Number(value, 1); }
  /// `denominator` must not be zero.
  static Number FromRatio(Integer numerator, Integer denominator);
  static Number FromDouble(double value, int digits = 15);
  /// A decimal literal as Python reads it (underscores allowed); nothing if it is none,
  /// or beyond a double.
  static std::optional<Number> FromLiteral(std::string_view text);

  bool exact() const { return exact_; }
  Integer numerator() const { return numerator_; }
  Integer denominator() const { return denominator_; }
  bool is_integer() const { return exact_ && denominator_ == 1; }
  bool is(int64_t value) const { return is_integer() && numerator_ == value; }
  bool is_zero() const { return exact_ ? numerator_ == 0 : value_ == 0; }
  bool is_negative() const { return exact_ ? numerator_ < 0 : value_ < 0; }
  bool is_finite() const;

  /// What evaluation uses: a fraction divided in double, a Float rounded to its digits.
  double value() const;
  /// The value before that rounding.
  double raw() const;
  /// Equal numbers have equal text, exact and inexact ones never.
  std::string text() const;

  Number operator-() const;
  friend Number operator+(const Number& a, const Number& b);
  friend Number operator*(const Number& a, const Number& b);
  /// `b` must not be zero.
  friend Number operator/(const Number& a, const Number& b);
  /// Floored, with the sign of `b`, as Python's `%`; `b` must not be zero.
  friend Number Modulo(const Number& a, const Number& b);
  Number Floor() const;
  /// An integer power; `*this` must not be zero for a negative one.
  Number Power(int64_t exponent) const;

  /// By value.
  static int Compare(const Number& a, const Number& b);

 private:
  /// A Float's exact value, if 128 bits hold it.
  std::optional<Number> Fraction() const;

  Number(Integer numerator, Integer denominator)
      : numerator_(numerator), denominator_(denominator) {}

  bool exact_ = true;
  Integer numerator_ = 0;
  Integer denominator_ = 1;
  double value_ = 0;
  int digits_ = 15;
};

/// "-12", without a library that knows 128 bits.
std::string ToText(Integer value);
Integer GreatestCommonDivisor(Integer a, Integer b);

}  // namespace carryall::formula
