#include "carryall/formula/formula.h"

#include <arrow/result.h>
#include <fmt/format.h>

#include <utility>

#include "carryall/formula/algebra.h"
#include "carryall/formula/function_table.h"
#include "carryall/formula/tokens.h"

namespace carryall::formula {
namespace {

/// Recursive descent by Python's precedences, loosest first:
///   comparison < `|` < `&` < sum < product < sign < power < primary.
class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  Result<Expr> ParseAll() {
    ARROW_ASSIGN_OR_RAISE(Expr out, ParseComparison());
    if (Peek().kind != Token::Kind::kEnd) return Unexpected();
    return out;
  }

 private:
  const Token& Peek() const { return tokens_[next_]; }
  bool At(std::string_view op) const {
    return Peek().kind == Token::Kind::kOperator && Peek().text == op;
  }
  Token Take() { return tokens_[next_++]; }

  Status Fail(size_t at, std::string_view what) const {
    return FormulaError(text_, at, what);
  }
  Status Unexpected() const {
    if (Peek().kind == Token::Kind::kEnd) return Fail(Peek().at, "unexpected end");
    return Fail(Peek().at, fmt::format("unexpected '{}'", Peek().text));
  }
  Status Expect(std::string_view op) {
    if (!At(op)) {
      return Fail(Peek().at, fmt::format("expected '{}', found {}", op,
                                         Peek().kind == Token::Kind::kEnd
                                             ? "the end"
                                             : fmt::format("'{}'", Peek().text)));
    }
    Take();
    return Status::OK();
  }

  /// Counts a node and refuses what has no value.
  Result<Expr> Made(size_t at, Expr e) {
    if (++nodes_ > kMaxFormulaNodes) {
      return Fail(at, fmt::format("more than {} operations", kMaxFormulaNodes));
    }
    if (e->kind == Kind::kInvalid) return Fail(at, e->name);
    return e;
  }
  Status WantNumber(size_t at, const Expr& e) const {
    return e->is_condition() ? Fail(at, "a condition where a number is needed")
                             : Status::OK();
  }
  Status WantCondition(size_t at, const Expr& e) const {
    return e->is_condition() ? Status::OK()
                             : Fail(at, "a number where a condition is needed");
  }

  struct DepthGuard {
    explicit DepthGuard(int* depth) : depth_(depth) { ++*depth_; }
    ~DepthGuard() { --*depth_; }
    int* depth_;
  };

  Result<Expr> ParseComparison();
  Result<Expr> ParseLogic(std::string_view op, Kind kind,
                          Result<Expr> (Parser::*operand)());
  Result<Expr> ParseOr() { return ParseLogic("|", Kind::kOr, &Parser::ParseAnd); }
  Result<Expr> ParseAnd() { return ParseLogic("&", Kind::kAnd, &Parser::ParseSum); }
  Result<Expr> ParseSum();
  Result<Expr> ParseProduct();
  Result<Expr> ParseSign();
  Result<Expr> ParsePower();
  Result<Expr> ParsePrimary();
  Result<Expr> ParseName(const Token& name);
  Result<Expr> ParseCall(const Token& name, const FunctionEntry& entry);
  Result<Expr> ParsePiecewise(const Token& name);

  std::string_view text_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int nodes_ = 0;
  int depth_ = 0;
};

Result<Expr> Parser::ParseComparison() {
  static constexpr std::pair<std::string_view, Comparison> kOperators[] = {
      {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater},
      {">=", Comparison::kGreaterEqual}};
  DepthGuard guard(&depth_);
  if (depth_ > kMaxFormulaDepth) return Fail(Peek().at, "nested too deeply");
  ARROW_ASSIGN_OR_RAISE(Expr left, ParseOr());
  if (At("==") || At("!=")) {
    return Fail(Peek().at, fmt::format("'{}' (write {}(a, b))", Peek().text,
                                       At("==") ? "Eq" : "Ne"));
  }
  for (const auto& [op, comparison] : kOperators) {
    if (!At(op)) continue;
    const size_t at = Take().at;
    ARROW_ASSIGN_OR_RAISE(const Expr right, ParseOr());
    ARROW_RETURN_NOT_OK(WantNumber(at, left));
    ARROW_RETURN_NOT_OK(WantNumber(at, right));
    ARROW_ASSIGN_OR_RAISE(left, Made(at, MakeCompare(comparison, left, right)));
    for (const auto& [again, unused] : kOperators) {
      if (At(again)) {
        return Fail(Peek().at, "a chain of comparisons (write (a < b) & (b < c))");
      }
    }
    return left;
  }
  return left;
}

Result<Expr> Parser::ParseLogic(std::string_view op, Kind kind,
                                Result<Expr> (Parser::*operand)()) {
  ARROW_ASSIGN_OR_RAISE(Expr left, (this->*operand)());
  while (At(op)) {
    const size_t at = Take().at;
    ARROW_ASSIGN_OR_RAISE(const Expr right, (this->*operand)());
    ARROW_RETURN_NOT_OK(WantCondition(at, left));
    ARROW_RETURN_NOT_OK(WantCondition(at, right));
    ARROW_ASSIGN_OR_RAISE(left, Made(at, MakeLogic(kind, {left, right})));
  }
  return left;
}

Result<Expr> Parser::ParseSum() {
  ARROW_ASSIGN_OR_RAISE(Expr left, ParseProduct());
  while (At("+") || At("-")) {
    const Token op = Take();
    ARROW_ASSIGN_OR_RAISE(const Expr right, ParseProduct());
    ARROW_RETURN_NOT_OK(WantNumber(op.at, left));
    ARROW_RETURN_NOT_OK(WantNumber(op.at, right));
    const Expr sum = MakeAdd({left, op.text == "+" ? right : Negate(right)});
    ARROW_ASSIGN_OR_RAISE(left, Made(op.at, sum));
  }
  return left;
}

Result<Expr> Parser::ParseProduct() {
  ARROW_ASSIGN_OR_RAISE(Expr left, ParseSign());
  while (At("*") || At("/") || At("//") || At("%")) {
    const Token op = Take();
    ARROW_ASSIGN_OR_RAISE(const Expr right, ParseSign());
    ARROW_RETURN_NOT_OK(WantNumber(op.at, left));
    ARROW_RETURN_NOT_OK(WantNumber(op.at, right));
    Expr made;
    if (op.text == "*") made = MakeMul({left, right});
    if (op.text == "/") made = Divide(left, right);
    if (op.text == "//") made = MakeCall(Function::kFloor, {Divide(left, right)});
    if (op.text == "%") made = MakeMod(left, right);
    ARROW_ASSIGN_OR_RAISE(left, Made(op.at, made));
  }
  return left;
}

Result<Expr> Parser::ParseSign() {
  if (!At("+") && !At("-") && !At("~")) return ParsePower();
  DepthGuard guard(&depth_);
  if (depth_ > kMaxFormulaDepth) return Fail(Peek().at, "nested too deeply");
  const Token op = Take();
  ARROW_ASSIGN_OR_RAISE(const Expr operand, ParseSign());
  if (op.text == "~") {
    ARROW_RETURN_NOT_OK(WantCondition(op.at, operand));
    return Made(op.at, MakeNot(operand));
  }
  ARROW_RETURN_NOT_OK(WantNumber(op.at, operand));
  return Made(op.at, op.text == "-" ? Negate(operand) : operand);
}

Result<Expr> Parser::ParsePower() {
  ARROW_ASSIGN_OR_RAISE(const Expr base, ParsePrimary());
  if (!At("**")) return base;
  DepthGuard guard(&depth_);
  if (depth_ > kMaxFormulaDepth) return Fail(Peek().at, "nested too deeply");
  const size_t at = Take().at;
  ARROW_ASSIGN_OR_RAISE(const Expr exponent, ParseSign());
  ARROW_RETURN_NOT_OK(WantNumber(at, base));
  ARROW_RETURN_NOT_OK(WantNumber(at, exponent));
  return Made(at, MakePow(base, exponent));
}

Result<Expr> Parser::ParsePrimary() {
  if (At("(")) {
    Take();
    ARROW_ASSIGN_OR_RAISE(Expr inner, ParseComparison());
    ARROW_RETURN_NOT_OK(Expect(")"));
    return inner;
  }
  const Token token = Peek();
  if (token.kind == Token::Kind::kNumber) {
    Take();
    const auto number = Number::FromLiteral(token.text);
    if (!number) {
      return Fail(token.at, fmt::format("a number out of range, '{}'", token.text));
    }
    return Made(token.at, MakeNumber(*number));
  }
  if (token.kind == Token::Kind::kName) {
    Take();
    return ParseName(token);
  }
  return Unexpected();
}

Result<Expr> Parser::ParseName(const Token& name) {
  if (name.text == "t") return Made(name.at, MakeVariable());
  if (name.text == "pi") return Made(name.at, MakePi());
  if (name.text == "E") return Made(name.at, MakeE());
  if (name.text == "True") return Made(name.at, MakeTruth(true));
  if (name.text == "False") return Made(name.at, MakeTruth(false));
  if (name.text == "Piecewise") return ParsePiecewise(name);
  const FunctionEntry* entry = FindFunction(name.text);
  if (entry == nullptr) {
    return Fail(name.at, fmt::format("unknown {} '{}'{}", At("(") ? "function" : "name",
                                     name.text.substr(0, 64),
                                     At("(") ? "" : " (the variable is t)"));
  }
  return ParseCall(name, *entry);
}

Result<Expr> Parser::ParseCall(const Token& name, const FunctionEntry& entry) {
  ARROW_RETURN_NOT_OK(Expect("("));
  std::vector<Expr> args;
  while (!At(")")) {
    if (!args.empty()) ARROW_RETURN_NOT_OK(Expect(","));
    const size_t at = Peek().at;
    ARROW_ASSIGN_OR_RAISE(Expr arg, ParseComparison());
    ARROW_RETURN_NOT_OK(entry.of_conditions ? WantCondition(at, arg)
                                            : WantNumber(at, arg));
    args.push_back(std::move(arg));
  }
  ARROW_RETURN_NOT_OK(Expect(")"));
  if (args.size() < entry.min_args || args.size() > entry.max_args) {
    return Fail(
        name.at,
        fmt::format(
            "{} takes {}{} argument{}, not {}", entry.name, entry.min_args,
            entry.max_args == entry.min_args ? "" : fmt::format(" to {}", entry.max_args),
            entry.max_args == 1 ? "" : "s", args.size()));
  }
  return Made(name.at, entry.make(std::move(args)));
}

Result<Expr> Parser::ParsePiecewise(const Token& name) {
  ARROW_RETURN_NOT_OK(Expect("("));
  std::vector<Expr> arms;
  while (!At(")") || arms.empty()) {
    if (!arms.empty()) ARROW_RETURN_NOT_OK(Expect(","));
    ARROW_RETURN_NOT_OK(Expect("("));
    const size_t at = Peek().at;
    ARROW_ASSIGN_OR_RAISE(Expr value, ParseComparison());
    ARROW_RETURN_NOT_OK(WantNumber(at, value));
    ARROW_RETURN_NOT_OK(Expect(","));
    const size_t condition_at = Peek().at;
    ARROW_ASSIGN_OR_RAISE(Expr condition, ParseComparison());
    ARROW_RETURN_NOT_OK(WantCondition(condition_at, condition));
    ARROW_RETURN_NOT_OK(Expect(")"));
    arms.push_back(std::move(value));
    arms.push_back(std::move(condition));
  }
  ARROW_RETURN_NOT_OK(Expect(")"));
  return Made(name.at, MakePiecewise(std::move(arms)));
}

}  // namespace

Result<Expr> ParseExpression(std::string_view text) {
  if (text.size() > kMaxFormulaBytes) {
    return FormulaError(text, kMaxFormulaBytes,
                        fmt::format("longer than {} bytes", kMaxFormulaBytes));
  }
  ARROW_ASSIGN_OR_RAISE(std::vector<Token> tokens, Tokenize(text));
  return Parser(text, std::move(tokens)).ParseAll();
}

Result<Formula> Formula::Parse(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const Expr expression, ParseExpression(text));
  return Formula(std::string(text), Program::Compile(expression));
}

}  // namespace carryall::formula
