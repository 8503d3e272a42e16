#include "carryall/formula/tokens.h"

#include <fmt/format.h>

namespace carryall::formula {
namespace {

constexpr size_t kMaxQuotedBytes = 200;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t SkipDigits(std::string_view text, size_t i) {
  while (i < text.size() && (IsDigit(text[i]) || text[i] == '_')) ++i;
  return i;
}

/// The end of the number that begins at `i`.
size_t NumberEnd(std::string_view text, size_t i) {
  i = SkipDigits(text, i);
  if (i < text.size() && text[i] == '.') i = SkipDigits(text, i + 1);
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    size_t j = i + 1;
    if (j < text.size() && (text[j] == '+' || text[j] == '-')) ++j;
    if (j < text.size() && IsDigit(text[j])) i = SkipDigits(text, j);
  }
  return i;
}

size_t OperatorLength(std::string_view rest) {
  for (const std::string_view two : {"**", "//", "<=", ">=", "==", "!="}) {
    if (rest.substr(0, 2) == two) return 2;
  }
  return std::string_view("+-*/%()<>,&|~").find(rest[0]) != std::string_view::npos ? 1
                                                                                   : 0;
}

}  // namespace

Status FormulaError(std::string_view formula, size_t at, std::string_view what) {
  const bool cut = formula.size() > kMaxQuotedBytes;
  return Error(ErrorKind::kInvalidArgument, "invalid formula: {} at column {} of '{}{}'",
               what, at + 1, formula.substr(0, kMaxQuotedBytes), cut ? "..." : "");
}

Result<std::vector<Token>> Tokenize(std::string_view formula) {
  std::vector<Token> out;
  size_t i = 0;
  while (i < formula.size()) {
    const char c = formula[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
      continue;
    }
    Token token;
    token.at = i;
    size_t end = i;
    if (IsDigit(c) || (c == '.' && i + 1 < formula.size() && IsDigit(formula[i + 1]))) {
      token.kind = Token::Kind::kNumber;
      end = NumberEnd(formula, i);
    } else if (IsLetter(c)) {
      token.kind = Token::Kind::kName;
      while (end < formula.size() && (IsLetter(formula[end]) || IsDigit(formula[end])))
        ++end;
    } else {
      token.kind = Token::Kind::kOperator;
      const size_t length = OperatorLength(formula.substr(i));
      if (length == 0) {
        const bool printable = c > ' ' && c < 127;
        return FormulaError(formula, i,
                            printable ? fmt::format("unexpected '{}'", c)
                                      : "a character that no formula has");
      }
      end = i + length;
    }
    token.text = formula.substr(i, end - i);
    out.push_back(token);
    i = end;
  }
  Token last;
  last.at = formula.size();
  out.push_back(last);
  return out;
}

}  // namespace carryall::formula
