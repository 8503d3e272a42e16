#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

#include "carryall/backend/kafka/kafka_backend.h"
#include "serve.h"

namespace carryall::apps {
namespace {

using backend::kafka::KafkaOptions;

struct Options {
  KafkaOptions kafka;
  int64_t retention_s = 900;
  std::string on_stall = "gap";
};

// Where the user's programs keep what must outlive them (XDG base directories).
std::string DefaultCatalogue() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/')
    return std::string(state) + "/carryall/catalogue.db";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.local/state/carryall/catalogue.db";
}

}  // namespace

void AddServeKafkaCommand(CLI::App& serve_command, GlobalOptions& global,
                          const ServeOptions& serve) {
  auto options = std::make_shared<Options>();
  CLI::App* command = serve_command.add_subcommand(
      "kafka", "Live data that publishers write to Apache Kafka.");
  command->ignore_case();
  KafkaOptions& kafka = options->kafka;
  command
      ->add_option("--kafka-url", kafka.brokers,
                   "the brokers; publishers are told the same")
      ->type_name("HOST:PORT[,...]")
      ->required();
  command
      ->add_option("--publisher-config", kafka.publisher_configs,
                   "TOML files of publishers, or directories of such files")
      ->type_name("PATH");
  command
      ->add_option("--retention-time", options->retention_s,
                   "seconds for which the topics keep data, by default 900")
      ->type_name("S")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}));
  command
      ->add_option("--replication-factor", kafka.replication,
                   "copies of the topics, by default as the brokers are set up")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--sync-publishers", kafka.sync_publishers,
                   "publishers of other servers on these brokers, to be served here too")
      ->type_name("ID");
  command
      ->add_option("--catalogue", kafka.catalogue,
                   "what was registered, made where there is none; by default "
                   "~/.local/state/carryall/catalogue.db")
      ->type_name("FILE");
  command
      ->add_option(
          "--on-stall", options->on_stall,
          "what a subscriber who stopped reading finds when he reads again: gap, "
          "the default: what he missed is missing; fail: his stream ends with an "
          "error")
      ->check(CLI::IsMember({"gap", "fail"}));
  command->callback([options, &global, &serve] {
    global.run = [options, &global, &serve] {
      KafkaOptions& made = options->kafka;
      made.retention = Duration::FromSeconds(options->retention_s);
      if (options->on_stall == "fail") made.on_stall = relay::OnStall::kFail;
      if (made.catalogue.empty()) made.catalogue = DefaultCatalogue();
      return Serve(global, serve,
                   [&] { return backend::kafka::MakeKafkaBackend(std::move(made)); });
    };
  });
}

}  // namespace carryall::apps
