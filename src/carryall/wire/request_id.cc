#include "carryall/wire/request_id.h"

#include <fmt/format.h>

#include <random>

namespace carryall::wire {
namespace {

constexpr size_t kMaxIdCharacters = 32;

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '.' || c == '_' || c == '-';
}

}  // namespace

std::string RequestId(std::string_view header) {
  std::string out;
  for (char c : header) {
    if (out.size() == kMaxIdCharacters) break;
    if (IsIdCharacter(c)) out += c;
  }
  if (!out.empty()) return out;
  thread_local std::mt19937 random{std::random_device{}()};
  return fmt::format("{:08x}", static_cast<uint32_t>(random()));
}

std::string RequestIdSuffix(std::string_view id) {
  return fmt::format(" [request: {}]", id);
}

}  // namespace carryall::wire
