#pragma once

#include <functional>
#include <memory>
#include <string>

#include "carryall/backend/backend.h"
#include "command.h"

namespace carryall::apps {

/// Options of `serve` that no backend needs to know.
struct ServeOptions {
  std::string scope_map;
};

using MakeBackend = std::function<Result<std::shared_ptr<backend::Backend>>()>;

/// Serves a backend until SIGTERM or SIGINT; gives the exit status.
int Serve(const GlobalOptions& global, const ServeOptions& serve,
          const MakeBackend& make);

/// Says what is wrong with the command line; gives the exit status.
int FailUsage(const Status& status);

// One file a backend: it adds its command to `serve`.
void AddServeMockCommand(CLI::App& serve_command, GlobalOptions& global,
                         const ServeOptions& serve);
void AddServeArchiveCommand(CLI::App& serve_command, GlobalOptions& global,
                            const ServeOptions& serve);
void AddServeKafkaCommand(CLI::App& serve_command, GlobalOptions& global,
                          const ServeOptions& serve);

}  // namespace carryall::apps
