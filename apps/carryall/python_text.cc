#include "python_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "text.h"

namespace carryall::apps {
namespace {

constexpr size_t kColumns = 80;

PythonValue Sorted(PythonValue value) {
  std::sort(value.items.begin(), value.items.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [key, item] : value.items) item = Sorted(std::move(item));
  return value;
}

// `allowance`: what stands behind it on its last line.
void AppendPretty(const PythonValue& value, size_t indent, size_t allowance,
                  std::string* out) {
  const std::string line = PythonRepr(value);
  if (!value.is_dict || indent + allowance + DisplayWidth(line) <= kColumns) {
    out->append(line);
    return;
  }
  out->push_back('{');
  for (size_t i = 0; i < value.items.size(); ++i) {
    const auto& [key, item] = value.items[i];
    const bool last = i + 1 == value.items.size();
    if (i > 0) out->append(indent + 1, ' ');
    const std::string name = PythonString(key) + ": ";
    out->append(name);
    AppendPretty(item, indent + 1 + DisplayWidth(name), last ? allowance + 1 : 1, out);
    out->append(last ? "}" : ",\n");
  }
}

}  // namespace

std::string PythonString(std::string_view text) {
  const bool has_quote = text.find('\'') != std::string_view::npos;
  const char quote = has_quote && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += c == '\n'   ? "\\n"
             : c == '\r' ? "\\r"
             : c == '\t' ? "\\t"
                         : fmt::format("\\x{:02x}", c);
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string PythonRepr(const PythonValue& value) {
  if (!value.is_dict) return value.repr;
  std::string out = "{";
  for (const auto& [key, item] : value.items) {
    if (out.size() > 1) out += ", ";
    out += PythonString(key) + ": " + PythonRepr(item);
  }
  return out + "}";
}

std::string PythonPretty(const PythonValue& value) {
  std::string out;
  AppendPretty(Sorted(value), 0, 0, &out);
  return out;
}

}  // namespace carryall::apps
