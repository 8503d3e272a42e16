#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace carryall::archive {

/// XXH3 (64 bits) over a sequence of values: tells damage, not malice.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;

  Digest& Add(const void* data, size_t bytes);
  Digest& Add(int64_t value) { return Add(&value, sizeof(value)); }
  /// Length and bytes, so that "ab", "c" differs from "a", "bc".
  Digest& Add(std::string_view text);
  uint64_t Value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carryall::archive
