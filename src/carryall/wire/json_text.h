#pragma once

#include <string>
#include <string_view>

namespace carryall::wire {

/// Appends `text` as a JSON string: quoted, escaped, ASCII only; what is not UTF-8
/// becomes the replacement character.
void AppendJsonText(std::string_view text, std::string* out);

}  // namespace carryall::wire
