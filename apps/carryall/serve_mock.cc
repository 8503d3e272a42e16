#include <CLI/CLI.hpp>

#include "carryall/backend/mock/mock_backend.h"
#include "serve.h"

namespace carryall::apps {
namespace {

using backend::mock::Faults;
using backend::mock::MockOptions;

struct Options {
  MockOptions mock;
  std::string fault_mode;
  int64_t fault_interval = 10;
  std::optional<double> fault_value;
};

}  // namespace

void AddServeMockCommand(CLI::App& serve_command, GlobalOptions& global,
                         const ServeOptions& serve) {
  auto options = std::make_shared<Options>();
  CLI::App* command = serve_command.add_subcommand(
      "mock", "Channels that are functions of time, or noise.");
  command->ignore_case();
  command
      ->add_option("files", options->mock.files,
                   "channel files; without any, a default set of channels")
      ->type_name("FILE.toml");
  command
      ->add_option("--with-faults", options->fault_mode,
                   "partial-gaps, full-gaps, latency, stall or duplicates")
      ->type_name("MODE");
  command
      ->add_option("--fault-interval", options->fault_interval,
                   "every how many strides, by default 10")
      ->check(CLI::PositiveNumber);
  command->add_option("--fault-value", options->fault_value,
                      "probability of a missing sample, or seconds to wait");
  command->callback([options, &global, &serve] {
    global.run = [options, &global, &serve] {
      if (!options->fault_mode.empty()) {
        const auto faults = Faults::Make(options->fault_mode, options->fault_interval,
                                         options->fault_value);
        if (!faults.ok()) return FailUsage(faults.status());
        options->mock.faults = *faults;
      }
      return Serve(global, serve, [&] { return MakeMockBackend(options->mock); });
    };
  });
}

}  // namespace carryall::apps
