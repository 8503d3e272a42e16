#pragma once

#include <memory>
#include <string>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/relay/options.h"

namespace carryall::backend::kafka {

struct KafkaOptions {
  std::string brokers;  ///< "host:port[,host:port...]"; publishers are told the same
  std::vector<std::string> publisher_configs;  ///< files, and directories of files
  std::string catalogue;                       ///< SQLite file, made where there is none
  Duration retention = Duration::FromSeconds(900);  ///< of the topics it makes
  int replication = -1;                      ///< of these; -1: as the brokers are set up
  std::vector<std::string> sync_publishers;  ///< of other servers on the same brokers
  relay::OnStall on_stall = relay::OnStall::kGap;
  Duration broker_timeout = Duration::FromSeconds(30);  ///< for what is asked of brokers
};

/// Opens the catalogue, takes over the configurations and makes the topics that are
/// missing. kInvalidArgument ("FILE:LINE: ..." or naming the option), kNotFound or kIo
/// for a file, kUnavailable or kTimeout naming brokers that do not answer, or a catalogue
/// that another process has.
///
/// What these publishers and those of `sync_publishers` register is passed on to other
/// servers, and taken over from them, in the background.
///
/// Reload reads the configurations again: all of them count, or none.
Result<std::shared_ptr<Backend>> MakeKafkaBackend(KafkaOptions options);

}  // namespace carryall::backend::kafka
