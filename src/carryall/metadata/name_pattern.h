#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace re2 {
class RE2;
}

namespace carryall::metadata {

inline constexpr size_t kMaxPatternBytes = 1024;

/// A pattern for channel names: RE2 syntax, anchored at the start only. Bounded in memory
/// whatever the pattern; time is linear in the name. Immutable, thread safe.
class NamePattern {
 public:
  /// kInvalidArgument naming the pattern and what is wrong with it: longer than
  /// kMaxPatternBytes, not RE2 syntax (look-around and back-references are not), or too
  /// large once compiled.
  static Result<NamePattern> Make(std::string_view pattern);
  NamePattern(NamePattern&&) noexcept;
  ~NamePattern();

  /// Names that match are not before `lower()` and, where there is one, before `upper()`
  /// (byte-wise order).
  const std::string& lower() const { return lower_; }
  const std::optional<std::string>& upper() const { return upper_; }
  /// Every name between the bounds matches: no need to ask Matches.
  bool is_range() const { return regex_ == nullptr && required_.empty(); }
  /// Every name with required() in it matches, and no other: no need to ask Matches.
  bool is_text() const { return regex_ == nullptr && !required_.empty(); }
  bool Matches(std::string_view name) const;
  /// A text that every name that matches has in it; empty if none is known.
  const std::string& required() const { return required_; }
  /// As it was given.
  const std::string& text() const { return text_; }

 private:
  NamePattern();
  std::string text_, required_;
  std::string lower_;
  std::optional<std::string> upper_;
  std::unique_ptr<re2::RE2> regex_;
};

}  // namespace carryall::metadata
