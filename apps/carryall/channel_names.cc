#include "channel_names.h"

#include <CLI/CLI.hpp>
#include <istream>
#include <unordered_set>

#include "carryall/wire/request.h"

namespace carryall::apps {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

}  // namespace

void AddChannelNames(CLI::App& command, std::vector<std::string>& names) {
  command.add_option("CHANNEL", names, "channel names; - reads them from standard input")
      ->required();
}

Result<std::vector<std::string>> ExpandNames(const std::vector<std::string>& given,
                                             std::istream& input) {
  std::vector<std::string> out;
  std::unordered_set<std::string> seen;
  const auto add = [&](std::string_view name) {
    if (seen.emplace(name).second) out.emplace_back(name);
  };
  for (const std::string& name : given) {
    if (name != "-") {
      add(name);
      continue;
    }
    for (std::string line; std::getline(input, line);) {
      const std::string_view text = Trimmed(line);
      if (text.empty() || text.front() == '#') continue;
      add(text);
      if (out.size() > wire::kMaxRequestChannels) {
        return Error(ErrorKind::kInvalidArgument, "more than {} channels",
                     wire::kMaxRequestChannels);
      }
    }
  }
  if (out.empty()) {
    return Error(ErrorKind::kInvalidArgument, "no channel names on standard input");
  }
  return out;
}

}  // namespace carryall::apps
