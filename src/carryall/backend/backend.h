#pragma once

#include <arrow/memory_pool.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "carryall/backend/registrar.h"
#include "carryall/base/clock.h"
#include "carryall/metadata/catalogue.h"
#include "carryall/model/series_block.h"

namespace carryall::backend {

/// How far back data are held, in seconds before now (protocol 5.4).
struct Retention {
  double newest = 0;
  std::optional<double> oldest;  ///< nothing: for ever
};

/// A stream as a backend is asked for it: validated, channels known and in wire order.
struct StreamRequest {
  std::shared_ptr<const ChannelSet> channels;
  std::optional<GpsTime> start;  ///< nothing: live from now
  std::optional<GpsTime> end;    ///< nothing: for ever
  std::optional<std::string> replay_id;
  std::optional<std::pair<GpsTime, GpsTime>> replay_window;
  /// How long after its end a stride may be late before it is a gap; nothing: as the
  /// channels declare. For backends whose data may be late.
  std::optional<Duration> latency;
  /// Strides one block may span where data are already there; live data come one stride
  /// at a time, at once.
  int64_t max_strides = 1;
  /// The same for blocks that are only views of what is in memory or in files anyway, if
  /// that is more.
  int64_t max_view_strides = 1;
  /// Where the samples of this stream are to be allocated: capped for the stream,
  /// outlives every buffer that came from it. Being out of it is kResourceExhausted.
  arrow::MemoryPool* pool = arrow::default_memory_pool();
};

/// What a source has to say.
struct SourceStep {
  enum class Kind { kBlock, kHeartbeat, kEnd };
  Kind kind = Kind::kHeartbeat;
  SeriesBlock block;  ///< for kBlock
  bool more = false;  ///< other channels of this span are still to come
};

/// Yields the blocks of one stream in time order. Block times are multiples of the common
/// stride of the channels, but for a first block at an unaligned start, which reaches to
/// the next boundary, and a last one cut at the end. Owned and called by one thread.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  /// Waits at most until `deadline` and then answers kHeartbeat, so that the caller can
  /// see whether its client is still there. Returns early with kHeartbeat when `stop` is
  /// requested.
  virtual Result<SourceStep> Next(const std::stop_token& stop, SteadyTime deadline) = 0;
};

/// A source of data. Thread safe; lives as long as the server.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;  ///< as in `carryall serve <name>`
  virtual Retention retention() const = 0;
  /// The channels there are now. A snapshot: immutable, may be replaced by Reload.
  virtual std::shared_ptr<const metadata::Catalogue> catalogue() const = 0;
  virtual Result<std::unique_ptr<BlockSource>> Stream(StreamRequest request) = 0;
  /// Where publishers register; nullptr if nobody publishes to this backend.
  virtual Registrar* registrar() { return nullptr; }
  /// Re-reads what can change at run time. On error the old state stays.
  virtual Status Reload() { return Status::OK(); }
};

}  // namespace carryall::backend
