#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "carryall/base/status.h"

namespace CLI {
class App;
}

namespace carryall::apps {

/// What can be completed after one command.
struct CompletionWords {
  std::vector<std::string> path;   ///< "serve", "mock"; empty: the program itself
  std::vector<std::string> names;  ///< of the last command: name and aliases
  std::string description;
  struct Flag {
    std::vector<std::string> names;  ///< "-u", "--url"
    std::string description;
    bool takes_value = false;
  };
  std::vector<Flag> flags;
  std::vector<std::string> commands;  ///< names of the commands below
};

/// The commands of a program, outermost first.
std::vector<CompletionWords> CollectWords(const CLI::App& app);

/// A completion script for "bash", "zsh" or "fish"; kInvalidArgument for another shell.
Result<std::string> CompletionScript(std::string_view shell,
                                     const std::vector<CompletionWords>& words);

}  // namespace carryall::apps
