#include "carryall/formula/program.h"

#include <algorithm>
#include <cmath>

#include "carryall/formula/lowering.h"
#include "carryall/formula/scalar_math.h"

namespace carryall::formula {
namespace {

/// Computes single values, for constants.
struct ScalarMachine {
  using Value = double;
  double Constant(double v) { return v; }
  double Variable() { return std::nan(""); }
  double Add(double a, double b) { return a + b; }
  double Multiply(double a, double b) { return a * b; }
  double Divide(double a, double b) { return a / b; }
  double Power(double a, double b) { return Pow(a, b); }
  double Root(double a) { return std::sqrt(a); }
  double Call(Function f, double a) { return Apply(f, a); }
  double Call(Function f, double a, double b) { return Apply(f, a, b); }
  double Compare(Comparison c, double a, double b) { return Holds(c, a, b) ? 1 : 0; }
  double And(double a, double b) { return a != 0 && b != 0 ? 1 : 0; }
  double Or(double a, double b) { return a != 0 || b != 0 ? 1 : 0; }
  double Not(double a) { return a == 0 ? 1 : 0; }
  double Select(double c, double a, double b) { return c != 0 ? a : b; }
};

}  // namespace

double ConstantValue(const Expr& e) {
  ScalarMachine machine;
  return Lowering<ScalarMachine>(&machine).Lower(e);
}

/// Writes the steps; runs are given out like a stack, so their number is the depth.
class Compiler {
 public:
  using Value = Program::Operand;

  Value Constant(double v) { return Value{Value::Kind::kConstant, v, 0}; }
  Value Variable() { return Value{Value::Kind::kVariable, 0, 0}; }
  Value Add(Value a, Value b) { return Emit({Program::Op::kAdd}, a, b); }
  Value Multiply(Value a, Value b) { return Emit({Program::Op::kMultiply}, a, b); }
  Value Divide(Value a, Value b) { return Emit({Program::Op::kDivide}, a, b); }
  Value Power(Value a, Value b) { return Emit({Program::Op::kPower}, a, b); }
  Value Root(Value a) { return Emit({Program::Op::kRoot}, a); }
  Value Call(Function f, Value a) { return Emit({Program::Op::kCall1, f}, a); }
  Value Call(Function f, Value a, Value b) {
    return Emit({Program::Op::kCall2, f}, a, b);
  }
  Value Compare(Comparison c, Value a, Value b) {
    return Emit({Program::Op::kCompare, Function::kSin, c}, a, b);
  }
  Value And(Value a, Value b) { return Emit({Program::Op::kAnd}, a, b); }
  Value Or(Value a, Value b) { return Emit({Program::Op::kOr}, a, b); }
  Value Not(Value a) { return Emit({Program::Op::kNot}, a); }
  Value Select(Value condition, Value then, Value otherwise) {
    return Emit({Program::Op::kSelect}, condition, then, otherwise);
  }

  Program Finish(Value out) {
    if (out.kind != Value::Kind::kRun) Emit({Program::Op::kCopy}, out);
    return std::move(program_);
  }

 private:
  Value Emit(Program::Step step, Value a, Value b = {}, Value c = {}) {
    step.a = a;
    step.b = b;
    step.c = c;
    const bool constant = a.kind == Value::Kind::kConstant &&
                          b.kind == Value::Kind::kConstant &&
                          c.kind == Value::Kind::kConstant;
    if (constant && step.op != Program::Op::kCopy) return Constant(Compute(step));
    for (const Value& operand : {c, b, a}) {
      if (operand.kind == Value::Kind::kRun) free_.push_back(operand.run);
    }
    if (free_.empty()) free_.push_back(program_.registers_++);
    step.to = free_.back();
    free_.pop_back();
    program_.steps_.push_back(step);
    return Value{Value::Kind::kRun, 0, step.to};
  }

  static double Compute(const Program::Step& step);

  Program program_;
  std::vector<int> free_;
};

Program Program::Compile(const Expr& e) {
  Compiler compiler;
  const Operand out = Lowering<Compiler>(&compiler).Lower(e);
  return compiler.Finish(out);
}

/// Where the operands of a step lie for one run of samples.
struct Program::Run {
  const double* t;
  double* scratch;
  int64_t count;

  const double* At(const Operand& operand) const {
    return operand.kind == Operand::Kind::kVariable ? t : scratch + operand.run * kRun;
  }
};

namespace {

/// to[i] = f(a[i]); the result may replace the operand.
template <typename F>
void Each(const double* a, int64_t count, double* to, F f) {
  for (int64_t i = 0; i < count; ++i) to[i] = f(a[i]);
}

template <typename F>
void Each(const double* a, const double* b, int64_t count, double* to, F f) {
  for (int64_t i = 0; i < count; ++i) to[i] = f(a[i], b[i]);
}

}  // namespace

void Program::Execute(const Step& step, const Run& run, double* to) {
  const int64_t n = run.count;
  const auto one = [&](auto f) { Each(run.At(step.a), n, to, f); };
  const auto two = [&](auto f) {
    if (step.a.kind == Operand::Kind::kConstant) {
      const double a = step.a.value;
      Each(run.At(step.b), n, to, [=](double b) { return f(a, b); });
    } else if (step.b.kind == Operand::Kind::kConstant) {
      const double b = step.b.value;
      Each(run.At(step.a), n, to, [=](double a) { return f(a, b); });
    } else {
      Each(run.At(step.a), run.At(step.b), n, to, f);
    }
  };
  const auto call = [&]<Function f>() { one([](double x) { return Apply(f, x); }); };
  switch (step.op) {
    case Op::kAdd:
      return two([](double a, double b) { return a + b; });
    case Op::kMultiply:
      return two([](double a, double b) { return a * b; });
    case Op::kDivide:
      return two([](double a, double b) { return a / b; });
    case Op::kPower:
      if (step.b.kind == Operand::Kind::kConstant && step.b.value == 2) {
        return one([](double a) { return a * a; });
      }
      return two([](double a, double b) { return Pow(a, b); });
    case Op::kRoot:
      return one([](double a) { return std::sqrt(a); });
    case Op::kCall1:
      switch (step.function) {
        case Function::kSin:
          return call.template operator()<Function::kSin>();
        case Function::kCos:
          return call.template operator()<Function::kCos>();
        case Function::kExp:
          return call.template operator()<Function::kExp>();
        default: {
          const Function f = step.function;
          return one([f](double x) { return Apply(f, x); });
        }
      }
    case Op::kCall2: {
      const Function f = step.function;
      return two([f](double a, double b) { return Apply(f, a, b); });
    }
    case Op::kCompare: {
      const Comparison c = step.comparison;
      return two([c](double a, double b) { return Holds(c, a, b) ? 1.0 : 0.0; });
    }
    case Op::kAnd:
      return two([](double a, double b) { return a != 0 && b != 0 ? 1.0 : 0.0; });
    case Op::kOr:
      return two([](double a, double b) { return a != 0 || b != 0 ? 1.0 : 0.0; });
    case Op::kNot:
      return one([](double a) { return a == 0 ? 1.0 : 0.0; });
    case Op::kSelect: {
      const auto value = [&](const Operand& operand, int64_t i) {
        return operand.kind == Operand::Kind::kConstant ? operand.value
                                                        : run.At(operand)[i];
      };
      for (int64_t i = 0; i < n; ++i) {
        to[i] = value(step.a, i) != 0 ? value(step.b, i) : value(step.c, i);
      }
      return;
    }
    case Op::kCopy:
      if (step.a.kind == Operand::Kind::kConstant) {
        std::fill(to, to + n, step.a.value);
      } else {
        one([](double a) { return a; });
      }
      return;
  }
}

double Compiler::Compute(const Program::Step& step) {
  ScalarMachine m;
  const double a = step.a.value, b = step.b.value;
  switch (step.op) {
    case Program::Op::kAdd:
      return m.Add(a, b);
    case Program::Op::kMultiply:
      return m.Multiply(a, b);
    case Program::Op::kDivide:
      return m.Divide(a, b);
    case Program::Op::kPower:
      return m.Power(a, b);
    case Program::Op::kRoot:
      return m.Root(a);
    case Program::Op::kCall1:
      return m.Call(step.function, a);
    case Program::Op::kCall2:
      return m.Call(step.function, a, b);
    case Program::Op::kCompare:
      return m.Compare(step.comparison, a, b);
    case Program::Op::kAnd:
      return m.And(a, b);
    case Program::Op::kOr:
      return m.Or(a, b);
    case Program::Op::kNot:
      return m.Not(a);
    case Program::Op::kSelect:
      return m.Select(a, b, step.c.value);
    case Program::Op::kCopy:
      break;
  }
  return a;
}

void Program::EvaluateRun(const double* t, int64_t count, double* out,
                          double* scratch) const {
  const Run run{t, scratch, count};
  for (size_t i = 0; i < steps_.size(); ++i) {
    const bool last = i + 1 == steps_.size();
    Execute(steps_[i], run, last ? out : scratch + steps_[i].to * kRun);
  }
}

void Program::Evaluate(const double* t, int64_t count, double* out,
                       std::vector<double>* scratch) const {
  const auto needed = static_cast<size_t>(registers_ * kRun);
  if (scratch->size() < needed) scratch->resize(needed);
  for (int64_t done = 0; done < count; done += kRun) {
    EvaluateRun(t + done, std::min(kRun, count - done), out + done, scratch->data());
  }
}

}  // namespace carryall::formula
