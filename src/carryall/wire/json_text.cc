#include "carryall/wire/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace carryall::wire {

void AppendJsonText(std::string_view text, std::string* out) {
  // Names are nearly always plain; anything else takes the slow path.
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (plain) {
    out->append("\"").append(text).append("\"");
  } else {
    using Json = nlohmann::json;
    out->append(Json(text).dump(-1, ' ', true, Json::error_handler_t::replace));
  }
}

}  // namespace carryall::wire
