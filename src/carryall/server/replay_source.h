#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "carryall/backend/backend.h"
#include "carryall/server/block_queue.h"
#include "carryall/server/replay.h"

namespace carryall::server {

/// Plays an archival window over and over on client-facing time: reads the window from a
/// backend, stamps its blocks with the time they are shown at, cuts at the seam where the
/// window begins again, and does not run ahead of the clock. Blocks lie on multiples of
/// the stride in client-facing time wherever the seam falls; one that spans the seam is
/// put together of the window's end and its beginning.
///
/// Spans the archive has nothing for are left out where a whole stride is missing, and
/// are gaps inside a stride.
class ReplaySource final : public backend::BlockSource {
 public:
  /// Reads archival [start, end).
  using Open = std::function<Result<std::unique_ptr<backend::BlockSource>>(GpsTime start,
                                                                           GpsTime end)>;

  struct Options {
    ReplayWindow window;
    std::shared_ptr<const ChannelSet> channels;
    std::optional<GpsTime> start;  ///< client-facing; nothing: from now
    std::optional<GpsTime> end;    ///< client-facing; nothing: for ever
    int64_t max_strides = 1;
    const Clock* clock = &Clock::System();  ///< outlives the source
  };

  /// kInvalidReplay if the window is shorter than a stride or its bounds cut through a
  /// sample, naming the channel.
  static Result<std::unique_ptr<ReplaySource>> Make(Options options, Open open);

  Result<backend::SourceStep> Next(const std::stop_token& stop,
                                   SteadyTime deadline) override;

 private:
  ReplaySource(Options options, Open open, Duration stride, GpsTime start);

  /// Reads one step of the archive; false if it had nothing to say yet.
  Result<bool> Read(const std::stop_token& stop, SteadyTime deadline);

  const Options options_;
  const Open open_;
  const Duration stride_;
  GpsTime cursor_;  ///< where the next block begins
  BlockQueue queue_;
  std::unique_ptr<backend::BlockSource> archive_;
  Duration offset_;      ///< of archive_
  GpsTime segment_end_;  ///< of archive_, client-facing
};

}  // namespace carryall::server
