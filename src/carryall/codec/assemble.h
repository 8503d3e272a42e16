#pragma once

#include <functional>
#include <memory>
#include <span>

#include "carryall/model/series_block.h"

namespace carryall::codec {

/// Joins blocks of the same channels that follow each other in time without hole or
/// overlap (kInvalidArgument otherwise). Views that lie side by side in memory are not
/// copied.
Result<SeriesBlock> Concatenate(std::span<const SeriesBlock> blocks);

/// Joins blocks of one span across channels, in the order of `channels`; a channel that
/// no block carries becomes a gap. Copies nothing. kInvalidArgument if spans differ or a
/// channel comes twice.
Result<SeriesBlock> Combine(std::span<const SeriesBlock> blocks,
                            std::shared_ptr<const ChannelSet> channels);

/// What becomes of the samples of a block that is placed.
enum class Placing {
  kCopy,
  kKeep,  ///< a channel's, if they are its whole result, stay where they are
};

/// The result of a fetch while it fills: one run of samples a channel over [start, end).
/// A run that comes whole, without gaps and aligned, may be kept, with the owners of its
/// block; everything else is copied straight to its place, which is allocated once.
/// Memory for 4 MiB and more is 2 MiB-aligned and advised as huge pages. Whatever nobody
/// wrote is a gap at the end; a validity bitmap exists only for channels that got one.
///
/// Thread rules: Place may run concurrently for blocks of disjoint channels or spans
/// only.
class SpanAssembler {
 public:
  /// kResourceExhausted if the result would exceed `max_bytes`.
  static Result<std::unique_ptr<SpanAssembler>> Make(
      GpsTime start, GpsTime end, std::shared_ptr<const ChannelSet> channels,
      int64_t max_bytes);
  virtual ~SpanAssembler() = default;

  /// Takes the part of `block` inside the span; channels are matched by position through
  /// `positions` (position in the block -> position in the set, -1 = ignore). What was
  /// already placed is not overwritten (late and duplicate blocks lose).
  /// kResourceExhausted if there is no memory for it.
  virtual Status Place(const SeriesBlock& block, std::span<const int32_t> positions,
                       Placing how = Placing::kCopy) = 0;

  /// The part of the span at its start over which every channel has been placed.
  virtual GpsTime complete_until() const = 0;
  /// The first span of at least one `stride` for which no channel was placed, if any.
  virtual std::optional<std::pair<GpsTime, GpsTime>> FirstFullGap(
      Duration stride) const = 0;
  virtual int64_t bytes_placed() const = 0;

  /// The block; the assembler is spent.
  virtual SeriesBlock Finish() = 0;
};

}  // namespace carryall::codec
