#pragma once

#include <cstdint>
#include <string_view>

namespace carryall::catalogue {

/// SQLite's application_id of a catalogue ("crry").
inline constexpr int64_t kApplicationId = 0x63727279;

/// How the schema came to be, one step a version; only ever added to. A channel has the
/// stride, latency and replay id of its publisher. `active` is 0 for a publisher that is
/// gone, whose partitions must be remembered.
inline constexpr std::string_view kMigrations[] = {
    R"sql(
PRAGMA application_id = 1668444793;
CREATE TABLE publishers(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  stride INTEGER NOT NULL,
  max_latency INTEGER NOT NULL,
  dynamic INTEGER NOT NULL,
  replay_id TEXT,
  active INTEGER NOT NULL) STRICT;
CREATE TABLE partitions(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  publisher INTEGER NOT NULL REFERENCES publishers(id),
  subsystem TEXT NOT NULL,
  data_type TEXT NOT NULL,
  next_index INTEGER NOT NULL) STRICT;
CREATE TABLE channels(
  name TEXT NOT NULL,
  publisher INTEGER NOT NULL REFERENCES publishers(id),
  data_type TEXT NOT NULL,
  sample_rate INTEGER NOT NULL,
  partition INTEGER NOT NULL REFERENCES partitions(id),
  partition_index INTEGER NOT NULL,
  PRIMARY KEY(name, publisher)) STRICT, WITHOUT ROWID)sql",
};

}  // namespace carryall::catalogue
