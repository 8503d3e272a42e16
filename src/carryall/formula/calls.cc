#include <cmath>
#include <utility>

#include "carryall/formula/algebra.h"
#include "carryall/formula/scalar_math.h"

namespace carryall::formula {
namespace {

bool IsFloat(const Expr& e) { return e->is_number() && !e->number.exact(); }

bool IsOdd(Function f) {
  switch (f) {
    case Function::kSin:
    case Function::kTan:
    case Function::kAsin:
    case Function::kAtan:
    case Function::kSinh:
    case Function::kTanh:
    case Function::kAsinh:
    case Function::kAtanh:
      return true;
    default:
      return false;
  }
}

bool IsEven(Function f) { return f == Function::kCos || f == Function::kCosh; }

bool IsConstant(const Expr& e) { return e->constant; }

/// exp(a + log(b) + 0.5): numbers and logarithms come out of the sum.
Expr ExpOfSum(const Expr& sum) {
  std::vector<Expr> out, inside;
  for (const Expr& term : sum->args) {
    if (term->is_number() && term->number.is(1)) {
      inside.push_back(term);
      continue;
    }
    const Expr made = MakeCall(Function::kExp, {term});
    if (made->is_call(Function::kExp)) {
      inside.push_back(made->args[0]);
    } else {
      out.push_back(made);
    }
  }
  if (out.empty()) return MakeCallNode(Function::kExp, {sum});
  out.push_back(MakeCallNode(Function::kExp, {MakeAdd(std::move(inside))}));
  return MakeMul(std::move(out));
}

/// exp(2*log(x)) is x**2. Nothing if the product is not numbers and one logarithm.
Expr ExpOfProduct(const Expr& product) {
  Expr inner;
  std::vector<Expr> exponent;
  for (const Expr& factor : product->args) {
    if (factor->is_call(Function::kLog) && inner == nullptr) {
      inner = factor->args[0];
    } else if (IsConstant(factor)) {
      exponent.push_back(factor);
    } else {
      return nullptr;
    }
  }
  return inner == nullptr ? nullptr : MakePow(inner, MakeMul(std::move(exponent)));
}

Expr MakeExp(const Expr& x) {
  if (x->is_number() && x->number.is(0)) return MakeInteger(1);
  if (x->is_number() && x->number.is(1)) return MakeE();
  if (x->is_call(Function::kLog)) return x->args[0];
  if (x->kind == Kind::kAdd) return ExpOfSum(x);
  if (x->kind == Kind::kMul) {
    if (Expr power = ExpOfProduct(x)) return power;
  }
  return MakeCallNode(Function::kExp, {x});
}

/// log(base**n * rest, base) is n + log(rest)/log(base) for whole numbers.
Expr LogToBase(const Expr& x, const Expr& base) {
  if (base->is_number() && base->number.is(1))
    return MakeInvalid("logarithm to the base 1");
  Number rest = x->number, n = Number::FromInteger(0);
  const auto whole = [](const Expr& e) {
    return e->is_number() && e->number.is_integer() && e->number.numerator() > 0;
  };
  if (whole(x) && whole(base)) {
    for (Number next = rest / base->number; next.is_integer();
         next = rest / base->number) {
      rest = next;
      n = n + Number::FromInteger(1);
    }
    if (!n.is_zero()) {
      const Expr left = MakeCall(Function::kLog, {MakeNumber(rest)});
      return MakeAdd({MakeNumber(n), Divide(left, MakeCall(Function::kLog, {base}))});
    }
  }
  const Expr log = MakeCall(Function::kLog, {x});
  return base->kind == Kind::kE ? log : Divide(log, MakeCall(Function::kLog, {base}));
}

Expr MakeLog(const Expr& x) {
  if (x->is_number()) {
    const Number& n = x->number;
    if (n.is_zero()) return MakeInvalid("logarithm of zero");
    if (n.is_negative())
      return MakeInvalid("the logarithm of a negative number is not real");
    if (n.is(1)) return MakeInteger(0);
    if (n.exact() && n.numerator() == 1) {
      return Negate(MakeLog(MakeNumber(Number::FromInteger(n.denominator()))));
    }
  }
  if (x->kind == Kind::kE) return MakeInteger(1);
  return MakeCallNode(Function::kLog, {x});
}

/// |2*x| is 2*|x|: constants come out of the product.
Expr MakeAbs(const Expr& x) {
  if (x->is_number()) return x->number.is_negative() ? Negate(x) : x;
  if (x->is_call(Function::kAbs) || x->is_call(Function::kExp)) return x;
  if (IsConstant(x) && x->kind != Kind::kAdd) {
    return ConstantValue(x) < 0 ? Negate(x) : x;
  }
  if (CouldExtractMinus(x)) return MakeAbs(Negate(x));
  if (x->kind != Kind::kMul) return MakeCallNode(Function::kAbs, {x});
  std::vector<Expr> known, unknown;
  for (const Expr& factor : x->args) {
    const Expr made = MakeAbs(factor);
    if (made->is_call(Function::kAbs)) {
      unknown.push_back(factor);
    } else {
      known.push_back(made);
    }
  }
  known.push_back(MakeCallNode(Function::kAbs, {MakeMul(std::move(unknown))}));
  return MakeMul(std::move(known));
}

Expr MakeSign(const Expr& x) {
  if (IsConstant(x)) return MakeInteger(static_cast<int64_t>(Sign(ConstantValue(x))));
  if (x->is_call(Function::kSign)) return x;
  if (x->kind != Kind::kMul) return MakeCallNode(Function::kSign, {x});
  int64_t sign = 1;
  std::vector<Expr> unknown;
  for (const Expr& factor : x->args) {
    if (IsConstant(factor)) {
      sign *= ConstantValue(factor) < 0 ? -1 : 1;
    } else {
      unknown.push_back(factor);
    }
  }
  return MakeMul(
      {MakeInteger(sign), MakeCallNode(Function::kSign, {MakeMul(std::move(unknown))})});
}

/// Whole numbers come out of floor and ceiling.
Expr MakeRounded(Function f, const Expr& x) {
  if (IsConstant(x)) {
    const double value = ConstantValue(x);
    if (x->is_number() && f == Function::kFloor) return MakeNumber(x->number.Floor());
    if (x->is_number()) return MakeNumber(-(-x->number).Floor());
    return MakeNumber(
        Number::FromDouble(f == Function::kFloor ? std::floor(value) : std::ceil(value))
            .Floor());
  }
  std::vector<Expr> whole, rest;
  const bool sum = x->kind == Kind::kAdd;
  for (const Expr& term : sum ? x->args : std::vector<Expr>{x}) {
    if (term->is_number() && Number::Compare(term->number, term->number.Floor()) == 0) {
      whole.push_back(MakeNumber(term->number.Floor()));
    } else {
      rest.push_back(term);
    }
  }
  const Expr inside = MakeAdd(std::move(rest));
  whole.push_back(inside->is_call(Function::kFloor) || inside->is_call(Function::kCeiling)
                      ? inside
                      : MakeCallNode(f, {inside}));
  return MakeAdd(std::move(whole));
}

/// Flattens, drops repeats, and keeps only the one constant that counts.
Expr MakeExtreme(Function f, std::vector<Expr> args) {
  std::vector<Expr> out;
  Expr constant;
  for (size_t i = 0; i < args.size(); ++i) {
    const Expr arg = args[i];
    if (arg->kind == Kind::kInvalid) return arg;
    if (arg->is_call(f)) {
      args.insert(args.end(), arg->args.begin(), arg->args.end());
    } else if (IsConstant(arg)) {
      const bool better =
          constant == nullptr ||
          (f == Function::kMax ? ConstantValue(arg) > ConstantValue(constant)
                               : ConstantValue(arg) < ConstantValue(constant));
      if (better) constant = arg;
    } else {
      bool repeated = false;
      for (const Expr& other : out) repeated = repeated || Same(other, arg);
      if (!repeated) out.push_back(arg);
    }
  }
  if (constant != nullptr) out.insert(out.begin(), constant);
  return out.size() == 1 ? out[0] : MakeCallNode(f, std::move(out));
}

Expr MakeHeaviside(const Expr& x, const Expr& at_zero) {
  if (!IsConstant(x)) return MakeCallNode(Function::kHeaviside, {x, at_zero});
  const double value = ConstantValue(x);
  if (value == 0) return at_zero;
  return MakeInteger(value < 0 ? 0 : 1);
}

/// sqrt(1 - x**2) or sqrt(1 + x**2).
Expr Cathetus(const Expr& x, bool plus) {
  const Expr square = MakePow(x, MakeInteger(2));
  return MakePow(MakeAdd({MakeInteger(1), plus ? square : Negate(square)}),
                 MakeNumber(Number::FromRatio(1, 2)));
}

/// What a function of an inverse function is without either: cos(atan(x)),
/// sinh(asinh(x)).
Expr OfInverse(Function f, const Expr& e) {
  if (e->kind != Kind::kCall) return nullptr;
  const Expr& x = e->args[0];
  switch (e->function) {
    case Function::kAsin:
      if (f == Function::kSin) return x;
      if (f == Function::kCos) return Cathetus(x, false);
      if (f == Function::kTan) return Divide(x, Cathetus(x, false));
      return nullptr;
    case Function::kAcos:
      if (f == Function::kCos) return x;
      if (f == Function::kSin) return Cathetus(x, false);
      if (f == Function::kTan) return Divide(Cathetus(x, false), x);
      return nullptr;
    case Function::kAtan:
      if (f == Function::kTan) return x;
      if (f == Function::kSin) return Divide(x, Cathetus(x, true));
      if (f == Function::kCos) return Divide(MakeInteger(1), Cathetus(x, true));
      return nullptr;
    case Function::kAsinh:
      return f == Function::kSinh ? x : nullptr;
    case Function::kAcosh:
      return f == Function::kCosh ? x : nullptr;
    case Function::kAtanh:
      return f == Function::kTanh ? x : nullptr;
    default:
      return nullptr;
  }
}

/// A function of a Float is a Float, at once. SymPy rounds it correctly, the C library
/// nearly so; taken from long double it differs in one case out of thousands.
Expr OfFloat(Function f, const Expr& x) {
  const auto value = static_cast<double>(Apply<long double>(f, x->number.raw()));
  if (std::isnan(value))
    return MakeInvalid("a function has no real value at its argument");
  return MakeNumber(Number::FromDouble(value));
}

}  // namespace

Expr MakeCall(Function f, std::vector<Expr> args) {
  for (const Expr& arg : args) {
    if (arg->kind == Kind::kInvalid) return arg;
  }
  const Expr x = args[0];
  switch (f) {
    case Function::kMod:
      return MakeMod(x, args[1]);
    case Function::kMin:
    case Function::kMax:
      return MakeExtreme(f, std::move(args));
    case Function::kHeaviside:
      return MakeHeaviside(x, args[1]);
    case Function::kAbs:
      return MakeAbs(x);
    case Function::kSign:
      return MakeSign(x);
    case Function::kFloor:
    case Function::kCeiling:
      return MakeRounded(f, x);
    // Unknown to SymPy, thus left alone by it.
    case Function::kLog2:
    case Function::kLog10:
    case Function::kAtan2:
      return MakeCallNode(f, std::move(args));
    default:
      break;
  }
  if (f == Function::kLog && args.size() == 2) return LogToBase(x, args[1]);
  if (IsFloat(x) && !x->number.is_zero() &&
      !(f == Function::kLog && x->number.is_negative())) {
    return OfFloat(f, x);
  }
  if (Expr value = OfInverse(f, x)) return value;
  if (f == Function::kExp) return MakeExp(x);
  if (f == Function::kLog) return MakeLog(x);
  if (IsOdd(f)) {
    if (x->is_number() && x->number.is_zero()) return MakeInteger(0);
    if (CouldExtractMinus(x)) return Negate(MakeCall(f, {Negate(x)}));
  }
  if (IsEven(f)) {
    if (x->is_number() && x->number.is_zero()) return MakeInteger(1);
    if (CouldExtractMinus(x)) return MakeCall(f, {Negate(x)});
  }
  if (f == Function::kSin || f == Function::kCos || f == Function::kTan) {
    return MakeTrigonometric(f, x);
  }
  return MakeCallNode(f, std::move(args));
}

}  // namespace carryall::formula
