#include "completion.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "command.h"
#include "output.h"
#include "session.h"

namespace carryall::apps {
namespace {

void CollectFlags(const CLI::App& app, CompletionWords* out) {
  for (const CLI::Option* option : app.get_options()) {
    CompletionWords::Flag flag;
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames())
      flag.names.push_back("--" + name);
    if (flag.names.empty()) continue;  // positional
    flag.description = option->get_description();
    flag.takes_value = option->get_items_expected_max() > 0;
    out->flags.push_back(std::move(flag));
  }
}

void Collect(const CLI::App& app, const std::vector<std::string>& path,
             std::vector<CompletionWords>* out) {
  CompletionWords words;
  words.path = path;
  words.description = app.get_description();
  words.names = app.get_aliases();
  if (!path.empty()) words.names.insert(words.names.begin(), path.back());
  CollectFlags(app, &words);
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) {
    words.commands.push_back(child->get_name());
  }
  out->push_back(std::move(words));
  for (const CLI::App* child : children) {
    std::vector<std::string> below = path;
    below.push_back(child->get_name());
    Collect(*child, below, out);
  }
}

std::string Joined(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::to_string(fmt::join(parts, separator));
}

// Text between single quotes, as all three shells read it.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) out.append(c == '\'' ? "" : std::string(1, c));
  return out + "'";
}

std::string FlagNames(const CompletionWords& words) {
  std::vector<std::string> all;
  for (const CompletionWords::Flag& flag : words.flags) {
    all.insert(all.end(), flag.names.begin(), flag.names.end());
  }
  return Joined(all, " ");
}

// A shell function's loop that finds the command a line is in: bash and zsh read it
// alike.
std::string FindPath(const std::vector<CompletionWords>& words) {
  std::string out =
      "  local path= word\n  for word in \"${before[@]}\"; do\n"
      "    case \"$path $word\" in\n";
  for (const CompletionWords& command : words) {
    if (command.path.empty()) continue;
    std::vector<std::string> outer(command.path.begin(), command.path.end() - 1);
    for (const std::string& name : command.names) {
      out +=
          fmt::format("      {}) path={} ;;\n", Quoted(Joined(outer, "/") + " " + name),
                      Joined(command.path, "/"));
    }
  }
  return out + "    esac\n  done\n";
}

std::string WordsByPath(const std::vector<CompletionWords>& words) {
  std::string out = "  local words=\n  case $path in\n";
  for (const CompletionWords& command : words) {
    out +=
        fmt::format("    {}) words={} ;;\n", Quoted(Joined(command.path, "/")),
                    Quoted(Joined(command.commands, " ") +
                           (command.commands.empty() ? "" : " ") + FlagNames(command)));
  }
  return out + "  esac\n" +
         fmt::format("  [ -z \"$path\" ] || words+={}\n",
                     Quoted(" " + FlagNames(words[0])));
}

std::string Bash(const std::vector<CompletionWords>& words) {
  return "# bash completion of carryall: source <(carryall completion bash)\n"
         "_carryall() {\n"
         "  local before=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n" +
         FindPath(words) + WordsByPath(words) +
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _carryall carryall\n";
}

std::string Zsh(const std::vector<CompletionWords>& words) {
  // compdef's own variable is called words, too; the loop needs another name.
  std::string body = FindPath(words) + WordsByPath(words);
  for (size_t at = 0; (at = body.find("words", at)) != std::string::npos; at += 7) {
    body.replace(at, 5, "choices");
  }
  for (size_t at = 0; (at = body.find("path", at)) != std::string::npos; at += 4) {
    body.replace(at, 4, "verb");  // zsh's path is $PATH
  }
  return "#compdef carryall\n"
         "# zsh completion of carryall: source <(carryall completion zsh)\n"
         "_carryall() {\n"
         "  local -a before=(\"${(@)words[2,CURRENT-1]}\")\n" +
         body +
         "  compadd -- ${=choices}\n"
         "  _files\n"
         "}\n"
         "compdef _carryall carryall\n";
}

std::string Fish(const std::vector<CompletionWords>& words) {
  std::string out = "# fish completion of carryall: carryall completion fish | source\n";
  for (const CompletionWords& command : words) {
    std::string condition;
    if (!command.path.empty()) {
      condition = fmt::format(
          " -n {}", Quoted("__fish_seen_subcommand_from " + Joined(command.names, " ")));
    }
    for (const CompletionWords& child : words) {
      if (child.path.size() != command.path.size() + 1 ||
          !std::equal(command.path.begin(), command.path.end(), child.path.begin())) {
        continue;
      }
      out += fmt::format("complete -c carryall{} -a {} -d {}\n",
                         command.path.empty() ? " -n __fish_use_subcommand" : condition,
                         Quoted(Joined(child.names, " ")), Quoted(child.description));
    }
    for (const CompletionWords::Flag& flag : command.flags) {
      out += "complete -c carryall" + condition;
      for (const std::string& name : flag.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      out += fmt::format("{} -d {}\n", flag.takes_value ? " -r" : "",
                         Quoted(flag.description));
    }
  }
  return out;
}

}  // namespace

std::vector<CompletionWords> CollectWords(const CLI::App& app) {
  std::vector<CompletionWords> out;
  Collect(app, {}, &out);
  return out;
}

Result<std::string> CompletionScript(std::string_view shell,
                                     const std::vector<CompletionWords>& words) {
  if (shell == "bash") return Bash(words);
  if (shell == "zsh") return Zsh(words);
  if (shell == "fish") return Fish(words);
  return Error(ErrorKind::kInvalidArgument,
               "no completion for this shell, only for bash, zsh and fish: '{}'", shell);
}

void AddCompletionCommand(CLI::App& app, GlobalOptions& global) {
  CLI::App* command = app.add_subcommand(
      "completion", "Print a completion script for bash, zsh or fish.");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  command->callback([&app, &global, shell] {
    global.run = [&app, shell] {
      const Result<std::string> script = CompletionScript(*shell, CollectWords(app));
      if (!script.ok()) return ReportError(script.status());
      Output out(STDOUT_FILENO);
      out.Append(*script);
      const Status written = out.Flush();
      return written.ok() || out.reader_gone() ? 0 : ReportError(written);
    };
  });
}

}  // namespace carryall::apps
