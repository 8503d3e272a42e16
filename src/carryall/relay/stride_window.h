#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "carryall/model/series_block.h"
#include "carryall/relay/row_plan.h"
#include "carryall/relay/stride_memory.h"

namespace carryall::relay {

/// The strides of one stream between the arrival of their first samples and their being
/// read: samples are copied once, from the message to where the block has them. What
/// nobody placed must be said to be absent before a block is made of it.
///
/// Strides lie in chunks of one or several, in which every channel's samples are
/// contiguous. Not thread safe; its blocks outlive it.
class StrideWindow {
 public:
  struct Options {
    std::shared_ptr<const ChannelSet> channels;
    Duration stride;  ///< common to the channels
    /// Strides a chunk may have.
    int64_t chunk_strides = 1;
    int64_t max_bytes = int64_t{64} << 20;
    /// What a stride costs besides, elsewhere.
    int64_t extra_bytes = 0;
    arrow::MemoryPool* pool = arrow::default_memory_pool();
  };
  /// kInvalidArgument naming a channel that has no whole number of samples in a stride;
  /// kResourceExhausted if a stride is too large for the window.
  static Result<StrideWindow> Make(Options options);

  /// Whether [begin, end) can be placed without giving up anything. What lies before
  /// floor() needs no room.
  bool HasRoomFor(GpsTime begin, GpsTime end) const;
  /// Gives up the oldest chunk.
  void DropOldest();
  /// Gives up everything; what is in it will be missing.
  void Clear();

  /// Where the rows of a plan lie in a stride.
  void FindRuns(RowPlan* plan) const;
  /// Copies the samples of a message in [from, until), which its plan was made for; parts
  /// before floor() are left out. Rows that are absent are noted. kResourceExhausted if
  /// there is no memory.
  Status Place(const RowPlan& plan, const codec::MessageRows& rows, GpsTime from,
               GpsTime until);
  /// Nothing came for these channels.
  void NoteAbsent(const std::vector<int32_t>& channels, GpsTime from, GpsTime until);

  /// Where the chunk that holds `time` ends; nothing if there is none.
  std::optional<GpsTime> ChunkEnd(GpsTime time) const;
  /// The block [begin, end) inside one chunk, or a block of gaps if there is none;
  /// floor() becomes `end`. Allocates nothing as long as blocks are alike.
  Result<SeriesBlock> TakeBlock(GpsTime begin, GpsTime end);

  /// Everything before is out of the window.
  GpsTime floor() const { return floor_; }
  void RaiseFloor(GpsTime floor);
  /// Strides that fit in at most.
  int64_t max_strides() const {
    return static_cast<int64_t>(max_chunks_) * options_.chunk_strides;
  }
  int64_t max_chunks() const { return static_cast<int64_t>(max_chunks_); }
  size_t chunks() const { return chunks_.size() - head_; }
  int64_t stride_bytes() const { return stride_bytes_; }
  int64_t held_bytes() const { return static_cast<int64_t>(chunks()) * memory_->bytes(); }

 private:
  /// Samples of a channel in a chunk that are not simply there.
  struct Exception {
    int32_t channel;
    bool nulls;  ///< see the bitmap; otherwise all are absent
    int64_t begin, end;
  };
  struct Chunk {
    GpsTime begin, end;
    int64_t strides = 1;
    std::shared_ptr<uint8_t> memory;
    bool has_bitmap = false;
    std::vector<Exception> exceptions;
  };
  /// What never changes of a channel.
  struct Column {
    SampleRate rate;
    DataType type;
    int64_t width;
    int64_t samples;  ///< a stride
    int64_t byte;     ///< before it in a stride
    int64_t bit;      ///< the same in samples
  };
  enum class State : uint8_t { kPresent, kPartly, kMissing };
  /// The views of the last block, for those that are like it.
  struct Template {
    int64_t first = -1, strides = 0;
    Duration duration;
    std::vector<State> states;
    const uint8_t* memory = nullptr;
    ViewList views;
  };

  explicit StrideWindow(Options options) : options_(std::move(options)) {}
  const Chunk* Find(GpsTime time) const;
  Result<Chunk*> FindOrOpen(GpsTime time);
  void Retire(Chunk* chunk);
  void PopFront();
  uint8_t* Bitmap(Chunk* chunk);
  uint8_t* SamplesOf(const Chunk& chunk, const Column& column) const {
    return chunk.memory.get() + column.byte * chunk.strides;
  }
  int64_t BitOf(const Chunk& chunk, const Column& column) const {
    return column.bit * chunk.strides;
  }
  void PlacePart(const RowPlan& plan, const codec::MessageRows& rows, GpsTime from,
                 GpsTime until, Chunk* chunk);
  void PlaceRow(const RowPlan::Row& row, const codec::MessageRows& rows, int64_t skip,
                int64_t at, int64_t count, Chunk* chunk);
  void FindStates(Chunk* chunk, GpsTime begin, GpsTime end);
  ViewList Views(Chunk* chunk, GpsTime begin, GpsTime end, const uint8_t* bitmap);
  SeriesBlock GapBlock(GpsTime begin, GpsTime end);

  Options options_;
  std::vector<Column> columns_;
  int64_t stride_bytes_ = 0, stride_samples_ = 0;
  size_t max_chunks_ = 1;
  std::shared_ptr<StrideMemory> memory_;
  GpsTime floor_ = GpsTime::Min();
  std::vector<Chunk> chunks_;  ///< from head_ on, in the order of time
  size_t head_ = 0;
  std::vector<Chunk> spare_;
  std::vector<State> states_;
  bool all_present_ = true;
  Template full_, other_, gap_;
};

}  // namespace carryall::relay
