#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace carryall::apps {

/// The words of a command line with every long option in full that is abbreviated to what
/// only one option of the command, or of all commands, begins with ("--dur 1"). Words
/// after
/// "--" stay.
std::vector<std::string> ExpandAbbreviations(const CLI::App& app,
                                             std::vector<std::string> words);

}  // namespace carryall::apps
