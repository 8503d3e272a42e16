#include "abbreviations.h"

#include <CLI/CLI.hpp>
#include <set>

namespace carryall::apps {
namespace {

void AddNames(const CLI::App& app, std::set<std::string>* names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names->insert(name);
  }
}

const CLI::App* CommandNamed(const CLI::App& app, const std::string& word) {
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->check_name(word)) return command;
  }
  return nullptr;
}

// The only name that begins so; nothing if there are several, or it is one itself.
std::string OnlyName(const std::set<std::string>& names, const std::string& beginning) {
  const auto first = names.lower_bound(beginning);
  if (first == names.end() || !first->starts_with(beginning)) return "";
  const auto next = std::next(first);
  const bool several = next != names.end() && next->starts_with(beginning);
  return several || *first == beginning ? "" : *first;
}

}  // namespace

std::vector<std::string> ExpandAbbreviations(const CLI::App& app,
                                             std::vector<std::string> words) {
  std::set<std::string> names;
  AddNames(app, &names);
  const CLI::App* command = &app;
  for (std::string& word : words) {
    if (word == "--") break;
    if (!word.starts_with("-")) {
      if (const CLI::App* inner = CommandNamed(*command, word)) {
        command = inner;
        AddNames(*command, &names);
      }
      continue;
    }
    if (!word.starts_with("--")) continue;
    const size_t end = std::min(word.find('='), word.size());
    const std::string name = OnlyName(names, word.substr(2, end - 2));
    if (!name.empty()) word.replace(2, end - 2, name);
  }
  return words;
}

}  // namespace carryall::apps
