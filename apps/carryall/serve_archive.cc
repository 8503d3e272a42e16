#include <CLI/CLI.hpp>

#include "carryall/backend/archive/archive_backend.h"
#include "serve.h"

namespace carryall::apps {

void AddServeArchiveCommand(CLI::App& serve_command, GlobalOptions& global,
                            const ServeOptions& serve) {
  auto options = std::make_shared<backend::archive::ArchiveOptions>();
  CLI::App* command = serve_command.add_subcommand(
      "archive", "What `carryall import` put into an archive.");
  command->ignore_case();
  command->add_option("directory", options->directory, "the archive")
      ->type_name("DIR")
      ->required();
  command->callback([options, &global, &serve] {
    global.run = [options, &global, &serve] {
      return Serve(global, serve,
                   [&] { return backend::archive::MakeArchiveBackend(*options); });
    };
  });
}

}  // namespace carryall::apps
