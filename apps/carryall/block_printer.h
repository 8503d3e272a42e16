#pragma once

#include <memory>
#include <optional>

#include "carryall/model/series_block.h"
#include "output.h"

namespace CLI {
class App;
}

namespace carryall::apps {

/// How blocks are shown.
enum class BlockFormat { kTable, kText, kPretty, kJson, kJsonPretty, kJsonShort, kCsv };

/// Adds --table, --str, --repr, --pprint, --json, --json-pp, --json-abrv and --csv, of
/// which one may be given.
void AddBlockFormats(CLI::App& command, BlockFormat& format);

/// Prints blocks of one stream. JSON is an object a block; CSV is a line a sample time,
/// with empty cells where a channel has no sample (its rate is lower, or it is missing).
/// A table shows the first and last sample; on a terminal each replaces the one before.
class BlockPrinter {
 public:
  virtual ~BlockPrinter() = default;
  static std::unique_ptr<BlockPrinter> Make(BlockFormat format, Output* out);

  /// `latency`: age of the block, shown where the format has room for it.
  virtual void Print(const SeriesBlock& block, std::optional<Duration> latency) = 0;
};

}  // namespace carryall::apps
