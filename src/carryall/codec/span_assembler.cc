#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "carryall/codec/assemble.h"
#include "carryall/codec/big_memory.h"
#include "carryall/codec/block_writer.h"
#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"
#include "carryall/codec/sample_intervals.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::codec {
namespace {

constexpr int64_t kOwnMemory = int64_t{2} << 20;  // a channel of this size gets its own

/// One channel of the result.
struct Track {
  SampleRate rate;
  DataType type = DataType::kFloat64;
  int64_t total = 0;              ///< samples
  int64_t slab_at = 0;            ///< where in the slab, without memory of its own
  const uint8_t* kept = nullptr;  ///< all samples, in a block's memory; else:
  std::shared_ptr<uint8_t> data;  ///< null until something is to be written
  bool zeroed = true;             ///< the data, where nothing was written
  SampleIntervals placed;
  std::shared_ptr<uint8_t> validity;  ///< all ones but where a gap was placed

  int64_t bytes() const { return total * ByteWidth(type); }

  /// Missing samples are zeros, as in memory that is new.
  void Clear(int64_t begin, int64_t count) const {
    if (zeroed) return;
    const int width = ByteWidth(type);
    std::memset(data.get() + begin * width, 0, static_cast<size_t>(count * width));
  }

  Status NeedValidity() {
    if (validity != nullptr) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, AllocateBig(BitmapBytes(total)));
    validity = std::move(bitmap.bytes);
    kernels::SetBits(validity.get(), 0, total, true);
    return Status::OK();
  }
};

class Assembler final : public SpanAssembler {
 public:
  Assembler(GpsTime start, GpsTime end, std::shared_ptr<const ChannelSet> channels)
      : start_(start), end_(end), channels_(std::move(channels)) {}

  Status Allocate(int64_t max_bytes) {
    __int128 bytes = 0;
    for (const Channel& channel : channels_->channels()) {
      const __int128 samples = static_cast<__int128>(channel.sample_rate.hz()) *
                               (end_ - start_).ns() / 1'000'000'000;
      bytes += samples * ByteWidth(channel.data_type);
    }
    if (bytes > max_bytes) {
      return Error(ErrorKind::kResourceExhausted,
                   "result over [{}, {}) is too large: {} of {} bytes", ToString(start_),
                   ToString(end_),
                   static_cast<uint64_t>(std::min<__int128>(bytes, UINT64_MAX)),
                   max_bytes);
    }
    for (const Channel& channel : channels_->channels()) {
      Track& track = tracks_.emplace_back();
      track.rate = channel.sample_rate;
      track.type = channel.data_type;
      track.total = track.rate.SamplesIn(end_ - start_);
      if (track.bytes() >= kOwnMemory) continue;
      track.slab_at = slab_bytes_;
      slab_bytes_ += RoundUp64(track.bytes());
    }
    return Status::OK();
  }

  Status Place(const SeriesBlock& block, std::span<const int32_t> positions,
               Placing how) override {
    if (block.end() <= start_ || block.time() >= end_) return Status::OK();
    std::vector<Part> parts;
    parts.reserve(block.size());
    RETURN_NOT_OK(FindParts(block, positions, how, &parts));
    for (const Part& part : parts) {
      if (part.kept == nullptr) Copy(block, part);
    }
    return Commit(block, parts);
  }

  GpsTime complete_until() const override {
    const std::lock_guard lock(mutex_);
    GpsTime until = end_;
    for (const Track& track : tracks_) {
      until = std::min(until, TimeOf(track, track.placed.prefix()));
    }
    return until;
  }

  std::optional<std::pair<GpsTime, GpsTime>> FirstFullGap(
      Duration stride) const override {
    std::vector<std::pair<GpsTime, GpsTime>> covered;
    {
      const std::lock_guard lock(mutex_);
      for (const Track& track : tracks_) {
        for (const SampleIntervals::Run& run : track.placed.runs()) {
          covered.emplace_back(TimeOf(track, run.begin), TimeOf(track, run.end));
        }
      }
    }
    std::sort(covered.begin(), covered.end());
    covered.emplace_back(end_, end_);
    GpsTime known = start_;
    for (const auto& [begin, end] : covered) {
      if (begin > known && begin - known >= stride) return std::make_pair(known, begin);
      known = std::max(known, end);
    }
    return std::nullopt;
  }

  int64_t bytes_placed() const override { return bytes_placed_; }

  SeriesBlock Finish() override {
    const std::lock_guard lock(mutex_);
    std::vector<SampleView> views;
    std::vector<MemoryOwner> owners = std::move(kept_owners_);
    for (Track& track : tracks_) views.push_back(FinishTrack(&track, &owners));
    tracks_.clear();
    return SeriesBlock(start_, end_ - start_, channels_, std::move(views),
                       std::move(owners));
  }

 private:
  /// A run of samples on its way from view `view` to a track.
  struct Part {
    size_t view;
    size_t track;
    int64_t from, to, count;  ///< sample positions in the view and in the track
    const uint8_t* kept;      ///< the samples, if they may stay there
  };

  Status FindParts(const SeriesBlock& block, std::span<const int32_t> positions,
                   Placing how, std::vector<Part>* parts) {
    if (positions.size() != block.size()) {
      return Error(ErrorKind::kInvalidArgument,
                   "block has {} channels, {} positions given", block.size(),
                   positions.size());
    }
    std::vector<SampleIntervals::Run> holes;
    SampleRate rate;
    int64_t first = FirstSample(block.time(), rate);
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < positions.size(); ++i) {
      if (positions[i] < 0) continue;
      const auto at = static_cast<size_t>(positions[i]);
      const SampleView view = block.view(i);
      if (at >= tracks_.size() || tracks_[at].type != view.data_type)
        return Misfit(block, i, at);
      Track& track = tracks_[at];
      if (track.rate != rate) {
        rate = track.rate;
        first = FirstSample(block.time(), rate);
      }
      holes.clear();
      track.placed.FindHoles(std::max<int64_t>(first, 0),
                             std::min(first + view.length, track.total), &holes);
      for (const SampleIntervals::Run& hole : holes) {
        Part part{i, at, hole.begin - first, hole.begin, hole.end - hole.begin, nullptr};
        if (how == Placing::kKeep && part.count == track.total) {
          part.kept = Keepable(view, part.from);
        }
        if (part.kept == nullptr) RETURN_NOT_OK(NeedData(&track));
        parts->push_back(part);
      }
    }
    return Status::OK();
  }

  /// The view's samples from `from` on, if they can be a result as they are.
  static const uint8_t* Keepable(const SampleView& view, int64_t from) {
    if (view.may_have_gaps()) return nullptr;
    const auto width = static_cast<uintptr_t>(ByteWidth(view.data_type));
    const uint8_t* const at = view.values + from * static_cast<int64_t>(width);
    return reinterpret_cast<uintptr_t>(at) % width == 0 ? at : nullptr;
  }

  Status NeedData(Track* track) {
    if (track->data != nullptr) return Status::OK();
    if (track->bytes() >= kOwnMemory) {
      ARROW_ASSIGN_OR_RAISE(BigMemory memory, AllocateBig(track->bytes()));
      track->data = std::move(memory.bytes);
      track->zeroed = memory.zeroed;
      return Status::OK();
    }
    if (slab_.bytes == nullptr) {
      ARROW_ASSIGN_OR_RAISE(slab_, AllocateBig(slab_bytes_));
    }
    track->data =
        std::shared_ptr<uint8_t>(slab_.bytes, slab_.bytes.get() + track->slab_at);
    track->zeroed = slab_.zeroed;
    return Status::OK();
  }

  Status Misfit(const SeriesBlock& block, size_t i, size_t at) const {
    const Channel& channel = (*block.channels())[i];
    if (at >= channels_->size()) {
      return Error(ErrorKind::kInvalidArgument, "no channel at position {} for {}", at,
                   channel.name);
    }
    return Error(ErrorKind::kInvalidArgument, "channel {} is {}, its block has {}",
                 (*channels_)[at].name, Name((*channels_)[at].data_type),
                 Name(block.view(i).data_type));
  }

  /// Which sample of the result is the block's first; negative: so many come before it.
  int64_t FirstSample(GpsTime time, SampleRate rate) const {
    if (time >= start_) return rate.SamplesIn(time - start_);
    const Duration before = start_ - time;
    return -(rate.SamplesIn(before) + (rate.Divides(before) ? 0 : 1));
  }

  GpsTime TimeOf(const Track& track, int64_t sample) const {
    return sample >= track.total ? end_ : start_ + track.rate.DurationOf(sample);
  }

  void Copy(const SeriesBlock& block, const Part& part) const {
    const SampleView view = block.view(part.view);
    const Track& track = tracks_[part.track];
    if (view.values == nullptr) return track.Clear(part.to, part.count);
    const int width = ByteWidth(view.data_type);
    const uint8_t* src = view.values + part.from * width;
    uint8_t* dst = track.data.get() + part.to * width;
    if (view.validity == nullptr) {
      std::memcpy(dst, src, static_cast<size_t>(part.count * width));
    } else {
      kernels::CopyPresent(src, width, view.validity, view.validity_offset + part.from,
                           part.count, dst);
    }
    CountCopy(part.count * width);
  }

  Status Commit(const SeriesBlock& block, const std::vector<Part>& parts) {
    int64_t bytes = 0;
    bool keeps = false;
    const std::lock_guard lock(mutex_);
    for (const Part& part : parts) {
      Track& track = tracks_[part.track];
      track.kept = part.kept;
      keeps = keeps || part.kept != nullptr;
      const SampleView view = block.view(part.view).Slice(part.from, part.count);
      if (view.may_have_gaps() && CountMissing(view) > 0) {
        RETURN_NOT_OK(track.NeedValidity());
        if (view.all_missing()) {
          kernels::SetBits(track.validity.get(), part.to, part.count, false);
        } else {
          kernels::CopyBits(view.validity, view.validity_offset, part.count,
                            track.validity.get(), part.to);
        }
      }
      track.placed.Add(part.to, part.to + part.count);
      bytes += part.count * ByteWidth(track.type);
    }
    if (keeps) {
      kept_owners_.insert(kept_owners_.end(), block.owners().begin(),
                          block.owners().end());
    }
    bytes_placed_ += bytes;
    return Status::OK();
  }

  static SampleView FinishTrack(Track* track, std::vector<MemoryOwner>* owners) {
    std::vector<SampleIntervals::Run> holes;
    track->placed.FindHoles(0, track->total, &holes);
    const SampleView missing = SampleView::Missing(track->type, track->total);
    if (track->placed.empty()) return missing;
    if (track->kept != nullptr)
      return SampleView{track->kept, nullptr, 0, track->total, track->type};
    // Where there is no memory for a bitmap, saying that all is missing is the truth
    // left.
    if (!holes.empty() && !track->NeedValidity().ok()) return missing;
    for (const SampleIntervals::Run& hole : holes) {
      kernels::SetBits(track->validity.get(), hole.begin, hole.end - hole.begin, false);
      track->Clear(hole.begin, hole.end - hole.begin);
    }
    if (track->validity != nullptr) {
      if (kernels::CountSetBits(track->validity.get(), 0, track->total) == 0)
        return missing;
      owners->push_back(track->validity);
    }
    if (owners->empty() || owners->back().owner_before(track->data) ||
        track->data.owner_before(owners->back())) {
      owners->push_back(track->data);
    }
    return SampleView{track->data.get(), track->validity.get(), 0, track->total,
                      track->type};
  }

  GpsTime start_, end_;
  std::shared_ptr<const ChannelSet> channels_;
  mutable std::mutex mutex_;  ///< over the intervals and bitmaps, not the samples
  std::vector<Track> tracks_;
  int64_t slab_bytes_ = 0;  ///< of the tracks without memory of their own
  BigMemory slab_{nullptr, true};
  std::vector<MemoryOwner> kept_owners_;
  std::atomic<int64_t> bytes_placed_{0};
};

}  // namespace

Result<std::unique_ptr<SpanAssembler>> SpanAssembler::Make(
    GpsTime start, GpsTime end, std::shared_ptr<const ChannelSet> channels,
    int64_t max_bytes) {
  if (start >= end) {
    return Error(ErrorKind::kInvalidArgument, "span is empty or inverted: [{}, {})",
                 ToString(start), ToString(end));
  }
  auto assembler = std::make_unique<Assembler>(start, end, std::move(channels));
  RETURN_NOT_OK(assembler->Allocate(max_bytes));
  return assembler;
}

}  // namespace carryall::codec
