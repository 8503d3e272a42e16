#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/model/series_block.h"
#include "carryall/publish/registration.h"

namespace carryall::apps {

/// Where the blocks come from that `carryall publish` publishes. One thread. Waiting ends
/// with kCancelled once a signal came.
class Feed {
 public:
  virtual ~Feed() = default;
  /// What there is to publish: name, type and rate of each.
  virtual const std::vector<Channel>& channels() const = 0;
  /// Once, before Next: what of it is wanted, and how long a block of it lasts.
  virtual Status Begin(const publish::Registration& registration) = 0;
  /// The next block, whole strides long, or nothing at the end.
  virtual Result<std::optional<SeriesBlock>> Next() = 0;
};

/// Files as `carryall import` reads them, all at once: blocks of a stride over the whole
/// span, those without a sample left out. Channels that are not registered are left out
/// with `known_only`, and are an error without.
Result<std::unique_ptr<Feed>> OpenFiles(const std::vector<std::string>& paths,
                                        bool known_only);

/// The Arrow IPC stream on standard input, a block a row.
Result<std::unique_ptr<Feed>> OpenStandardInput();

/// The mock's channels, from `start` on (nothing: now) until `end` (nothing: for ever).
struct MockSpan {
  std::optional<GpsTime> start, end;
};
Result<std::unique_ptr<Feed>> OpenMock(const std::vector<std::string>& files,
                                       const MockSpan& span, bool known_only);

/// Returns when `time` has come.
Status WaitUntil(GpsTime time);

}  // namespace carryall::apps
