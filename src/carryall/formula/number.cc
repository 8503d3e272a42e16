#include "carryall/formula/number.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace carryall::formula {
namespace {

constexpr int kExactDigits = 17;
constexpr Integer kIntegerMin =
    static_cast<Integer>(static_cast<unsigned __int128>(1) << 127);

Integer FloorDivide(Integer a, Integer b) {
  const Integer quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

}  // namespace

std::string ToText(Integer value) {
  if (value == 0) return "0";
  const bool negative = value < 0;
  auto rest = negative ? -static_cast<unsigned __int128>(value)
                       : static_cast<unsigned __int128>(value);
  std::string out;
  for (; rest != 0; rest /= 10) out.push_back(static_cast<char>('0' + rest % 10));
  if (negative) out.push_back('-');
  std::reverse(out.begin(), out.end());
  return out;
}

Integer GreatestCommonDivisor(Integer a, Integer b) {
  a = a < 0 ? -a : a;
  b = b < 0 ? -b : b;
  while (b != 0) {
    const Integer rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

Number Number::FromRatio(Integer numerator, Integer denominator) {
  if (numerator == kIntegerMin || denominator == kIntegerMin) {
    return FromDouble(static_cast<double>(numerator) / static_cast<double>(denominator),
                      kExactDigits);
  }
  const Integer divisor = GreatestCommonDivisor(numerator, denominator);
  const Integer sign = denominator < 0 ? -1 : 1;
  return Number(sign * (numerator / divisor), sign * (denominator / divisor));
}

Number Number::FromDouble(double value, int digits) {
  Number out;
  out.exact_ = false;
  out.value_ = value;
  out.digits_ = digits;
  return out;
}

std::optional<Number> Number::FromLiteral(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits.push_back(c);
  }
  const bool fraction = digits.find_first_of(".eE") != std::string::npos;
  if (!fraction) {
    Integer value = 0;
    bool fits = true;
    for (const char c : digits) {
      if (c < '0' || c > '9') return std::nullopt;
      fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
             !__builtin_add_overflow(value, c - '0', &value);
    }
    if (fits) return digits.empty() ? std::nullopt : std::optional(FromInteger(value));
  }
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  const size_t mantissa = std::min(digits.find_first_of("eE"), digits.size());
  const auto count = std::count_if(digits.begin(), digits.begin() + mantissa,
                                   [](char c) { return c >= '0' && c <= '9'; });
  return FromDouble(value, fraction && count <= 15 ? 15 : kExactDigits);
}

bool Number::is_finite() const { return exact_ || std::isfinite(value_); }

double Number::raw() const {
  return exact_ ? static_cast<double>(numerator_) / static_cast<double>(denominator_)
                : value_;
}

double Number::value() const {
  if (exact_ || digits_ > 15 || !std::isfinite(value_)) return raw();
  return std::strtod(fmt::format("{:.14e}", value_).c_str(), nullptr);
}

std::string Number::text() const {
  if (!exact_) return fmt::format("{:.15g}f", value());
  if (denominator_ == 1) return ToText(numerator_);
  return ToText(numerator_) + "/" + ToText(denominator_);
}

Number Number::operator-() const {
  Number out = *this;
  out.numerator_ = -numerator_;
  out.value_ = -value_;
  return out;
}

Number operator+(const Number& a, const Number& b) {
  if (a.exact_ && b.exact_) {
    Integer left = 0, right = 0, sum = 0, denominator = 0;
    if (!__builtin_mul_overflow(a.numerator_, b.denominator_, &left) &&
        !__builtin_mul_overflow(b.numerator_, a.denominator_, &right) &&
        !__builtin_add_overflow(left, right, &sum) &&
        !__builtin_mul_overflow(a.denominator_, b.denominator_, &denominator)) {
      return Number::FromRatio(sum, denominator);
    }
    return Number::FromDouble(a.raw() + b.raw(), kExactDigits);
  }
  return Number::FromDouble(a.raw() + b.raw(), std::max(a.digits_, b.digits_));
}

Number operator*(const Number& a, const Number& b) {
  if (a.exact_ && b.exact_) {
    // Cross-reduced first, so that only results that are too big overflow.
    const Integer first =
        std::max<Integer>(GreatestCommonDivisor(a.numerator_, b.denominator_), 1);
    const Integer second =
        std::max<Integer>(GreatestCommonDivisor(b.numerator_, a.denominator_), 1);
    Integer numerator = 0, denominator = 0;
    if (!__builtin_mul_overflow(a.numerator_ / first, b.numerator_ / second,
                                &numerator) &&
        !__builtin_mul_overflow(a.denominator_ / second, b.denominator_ / first,
                                &denominator)) {
      return Number::FromRatio(numerator, denominator);
    }
    return Number::FromDouble(a.raw() * b.raw(), kExactDigits);
  }
  // SymPy: an exact zero swallows everything.
  if (a.exact_ && a.is_zero()) return a;
  if (b.exact_ && b.is_zero()) return b;
  return Number::FromDouble(a.raw() * b.raw(), std::max(a.digits_, b.digits_));
}

Number operator/(const Number& a, const Number& b) {
  if (b.exact_) {
    const Number inverse = Number::FromRatio(b.denominator_, b.numerator_);
    if (a.exact_) return a * inverse;
  } else if (a.exact_) {
    // SymPy divides so, with one rounding more.
    return a * Number::FromDouble(1 / b.raw(), b.digits_);
  }
  return Number::FromDouble(a.raw() / b.raw(), std::max(a.digits_, b.digits_));
}

Number Number::Floor() const {
  if (exact_) return FromInteger(FloorDivide(numerator_, denominator_));
  const double floor = std::floor(value_);
  if (std::fabs(floor) < 1e37) return FromInteger(static_cast<Integer>(floor));
  return *this;
}

Number Modulo(const Number& a, const Number& b) {
  if (a.exact_ && b.exact_) return a + -(b * (a / b).Floor());
  const double ratio = a.raw() / b.raw();
  if (!a.exact_ && !b.exact_ && ratio == std::floor(ratio)) return Number::FromDouble(0);
  const int digits = std::max(a.digits_, b.digits_);
  const auto p = a.Fraction(), q = b.Fraction();
  if (p && q) {
    const Number rest = Modulo(*p, *q);
    if (rest.exact_) return Number::FromDouble(rest.raw(), digits);
  }
  double rest = std::fmod(a.raw(), b.raw());
  if (rest != 0 && (rest < 0) != (b.raw() < 0)) rest += b.raw();
  return Number::FromDouble(rest, digits);
}

std::optional<Number> Number::Fraction() const {
  if (exact_) return *this;
  int exponent = 0;
  const double mantissa = std::frexp(value_, &exponent) * 0x1p53;
  const int shift = exponent - 53;
  const auto whole = static_cast<Integer>(mantissa);
  if (shift < -120 || shift > 60) return std::nullopt;
  return shift < 0 ? FromRatio(whole, static_cast<Integer>(1) << -shift)
                   : FromInteger(whole << shift);
}

Number Number::Power(int64_t exponent) const {
  if (!exact_)
    return FromDouble(
        static_cast<double>(std::pow(static_cast<long double>(value_), exponent)),
        digits_);
  Number base = exponent < 0 ? FromRatio(denominator_, numerator_) : *this;
  Number out = FromInteger(1);
  for (uint64_t rest = exponent < 0 ? -static_cast<uint64_t>(exponent) : exponent;
       rest != 0; rest >>= 1) {
    if (rest & 1) out = out * base;
    if (rest > 1) base = base * base;
  }
  return out;
}

int Number::Compare(const Number& a, const Number& b) {
  if (a.exact_ && b.exact_) {
    const Number difference = a + -b;
    return difference.is_zero() ? 0 : difference.is_negative() ? -1 : 1;
  }
  return a.raw() < b.raw() ? -1 : a.raw() > b.raw() ? 1 : 0;
}

}  // namespace carryall::formula
