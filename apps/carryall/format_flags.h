#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <vector>

namespace carryall::apps {

/// A flag that chooses an output format.
template <typename Format>
struct FormatFlag {
  const char* name;
  Format format;
  const char* description;
};

/// Adds the flags, of which one may be given; `format` is what it chooses.
template <typename Format>
void AddFormatFlags(CLI::App& command, std::initializer_list<FormatFlag<Format>> flags,
                    Format& format) {
  std::vector<CLI::Option*> added;
  for (const FormatFlag<Format>& flag : flags) {
    CLI::Option* option = command.add_flag_callback(
        flag.name, [&format, chosen = flag.format] { format = chosen; },
        flag.description);
    option->group("Formats");
    for (CLI::Option* other : added) option->excludes(other);
    added.push_back(option);
  }
}

}  // namespace carryall::apps
