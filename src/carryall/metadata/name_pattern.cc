#include "carryall/metadata/name_pattern.h"

#include <re2/re2.h>

#include <cctype>

namespace carryall::metadata {
namespace {

// Covers the compiled program and the cache of automaton states.
constexpr int64_t kRegexMemory = 8 << 20;
// A program this large is no pattern for names; matching it without the state cache would
// cost milliseconds a name.
constexpr int kMaxProgramSize = 10'000;
constexpr int kBoundBytes = 64;

RE2::Options Options() {
  RE2::Options options;
  options.set_max_mem(kRegexMemory);
  options.set_log_errors(false);
  return options;
}

// The text that the pattern stands for if it is nothing but literal text, optionally with
// "^" before and ".*" after it.
std::optional<std::string> LiteralPrefix(std::string_view pattern) {
  std::string out;
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (pattern.substr(i) == ".*") return out;
    if (c == '\\') {
      // An escaped punctuation character stands for itself.
      if (++i == pattern.size() ||
          !std::ispunct(static_cast<unsigned char>(pattern[i]))) {
        return std::nullopt;
      }
      out += pattern[i];
    } else if (std::string_view(".^$*+?()[]{}|").find(c) != std::string_view::npos ||
               static_cast<unsigned char>(c) >= 0x80) {
      return std::nullopt;
    } else {
      out += c;
    }
  }
  return out;
}

// The text that a name only has to have in it, anywhere: ".*" before and, or not, after.
// Names have no line breaks and are UTF-8, so a dot stops nowhere.
std::optional<std::string> LiteralAnywhere(std::string_view pattern) {
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  if (!pattern.starts_with(".*")) return std::nullopt;
  pattern.remove_prefix(2);
  if (pattern.starts_with('^')) return std::nullopt;
  return LiteralPrefix(pattern);
}

// The longest run of plain characters that a match cannot do without. Only of patterns
// without alternatives, groups, flags and quotations: in those every piece has its turn.
std::string RequiredText(std::string_view pattern) {
  std::string best, run;
  const auto end_run = [&] {
    if (run.size() > best.size()) best = run;
    run.clear();
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    bool plain =
        std::isalnum(static_cast<unsigned char>(c)) ||
        std::string_view("_-:,;/ \"'!%&=<>@~#").find(c) != std::string_view::npos;
    if (c == '\\') {
      if (++i == pattern.size() ||
          !std::ispunct(static_cast<unsigned char>(pattern[i]))) {
        return "";  // a class or an assertion: not worth the trouble
      }
      c = pattern[i];
      plain = true;
    } else if (c == '[') {
      // A "]" that comes first belongs to the class.
      i += pattern.substr(i).starts_with("[^") ? 2 : 1;
      const size_t close = pattern.find(']', i + 1);
      if (close == std::string_view::npos) return "";
      if (pattern.substr(i, close - i).find_first_of("[\\") != std::string_view::npos) {
        return "";
      }
      i = close;
    } else if (!plain && std::string_view(".*+?^$").find(c) == std::string_view::npos) {
      return "";
    }
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : ' ';
    if (next == '{') return "";
    if (plain && next != '*' && next != '?') {
      run += c;
      if (next == '+') end_run();
    } else {
      end_run();
    }
  }
  end_run();
  return best;
}

// The smallest text after every text that begins with `prefix`; nothing if there is none.
std::optional<std::string> Successor(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) {
    prefix.pop_back();
  }
  if (prefix.empty()) return std::nullopt;
  ++prefix.back();
  return prefix;
}

Status Invalid(std::string_view pattern, const RE2& regex) {
  std::string_view hint;
  switch (regex.error_code()) {
    case RE2::ErrorBadPerlOp:
    case RE2::ErrorBadEscape:
    case RE2::ErrorMissingParen:
      hint = "; look-around and back-references are not available";
      break;
    default:
      break;
  }
  return Error(ErrorKind::kInvalidArgument, "invalid pattern (RE2 syntax{}): {}: '{}'",
               hint, regex.error(), pattern);
}

}  // namespace

NamePattern::NamePattern() = default;
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

Result<NamePattern> NamePattern::Make(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return Error(ErrorKind::kInvalidArgument,
                 "pattern is too long: {} bytes, limit {} bytes", pattern.size(),
                 kMaxPatternBytes);
  }
  NamePattern out;
  out.text_ = pattern;
  if (const std::optional<std::string> prefix = LiteralPrefix(pattern)) {
    out.lower_ = *prefix;
    out.upper_ = Successor(*prefix);
    return out;
  }
  if (std::optional<std::string> text = LiteralAnywhere(pattern);
      text && !text->empty()) {
    out.required_ = *std::move(text);
    return out;
  }
  const re2::StringPiece text(pattern.data(), pattern.size());
  out.regex_ = std::make_unique<RE2>(text, Options());
  if (!out.regex_->ok()) return Invalid(pattern, *out.regex_);
  if (out.regex_->ProgramSize() > kMaxProgramSize) {
    return Error(ErrorKind::kInvalidArgument,
                 "pattern is too large once compiled: {} steps, limit {}: '{}'",
                 out.regex_->ProgramSize(), kMaxProgramSize, pattern);
  }
  out.required_ = RequiredText(pattern);
  // Bounds are defined for full matches, hence the tail. A pattern that does not survive
  // the brackets (an open \Q) has none.
  const RE2 whole(fmt::format("^(?:{})(?s:.*)", pattern), Options());
  std::string lower, upper;
  if (whole.ok() && whole.PossibleMatchRange(&lower, &upper, kBoundBytes)) {
    out.lower_ = std::move(lower);
    out.upper_ = Successor(std::move(upper));
  }
  return out;
}

bool NamePattern::Matches(std::string_view name) const {
  if (name < lower_ || (upper_ && name >= *upper_)) return false;
  if (regex_ == nullptr) return name.find(required_) != name.npos;
  const re2::StringPiece text(name.data(), name.size());
  return regex_->Match(text, 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
}

}  // namespace carryall::metadata
