#include "carryall/relay/stride_window.h"

#include <algorithm>
#include <cstring>

#include "carryall/kernels/bitmap.h"
#include "carryall/model/sample_grid.h"

namespace carryall::relay {

using codec::MessageRows;

namespace {

constexpr int64_t kBitmapSlack = 8;

/// The first sample at or after `time` of those counted from `origin`.
int64_t SampleAt(SampleRate rate, GpsTime origin, GpsTime time) {
  return FirstSampleAt(rate, GpsTime() + (time - origin));
}

}  // namespace

Result<StrideWindow> StrideWindow::Make(Options options) {
  const Duration stride = options.stride;
  StrideWindow window(std::move(options));
  for (const Channel& channel : window.options_.channels->channels()) {
    if (!channel.sample_rate.Divides(stride)) {
      return Error(ErrorKind::kInvalidArgument,
                   "no whole number of samples in {}: channel {} at {} Hz",
                   ToString(stride), channel.name, channel.sample_rate.hz());
    }
    Column column;
    column.rate = channel.sample_rate;
    column.type = channel.data_type;
    column.width = ByteWidth(channel.data_type);
    column.samples = channel.sample_rate.SamplesIn(stride);
    column.byte = window.stride_bytes_;
    column.bit = window.stride_samples_;
    window.stride_bytes_ += column.samples * column.width;
    window.stride_samples_ += column.samples;
    window.columns_.push_back(column);
    if (window.stride_bytes_ > window.options_.max_bytes / 4) {
      return Error(ErrorKind::kResourceExhausted,
                   "a stride of {} of {} channels needs more than {} bytes",
                   ToString(stride), window.options_.channels->size(),
                   window.options_.max_bytes / 4);
    }
  }
  int64_t* const strides = &window.options_.chunk_strides;
  const int64_t all_bytes = window.stride_bytes_ + window.stride_samples_ / 8 + 1;
  *strides = std::clamp<int64_t>(*strides, 1, window.options_.max_bytes / 8 / all_bytes);
  *strides = std::max<int64_t>(1, *strides);
  const int64_t bytes = window.stride_bytes_ * *strides +
                        window.stride_samples_ * *strides / 8 + kBitmapSlack;
  window.max_chunks_ = static_cast<size_t>(std::max<int64_t>(
      2, window.options_.max_bytes / (bytes + window.options_.extra_bytes * *strides +
                                      static_cast<int64_t>(sizeof(Chunk)))));
  window.memory_ = StrideMemory::Make(bytes, window.options_.pool);
  window.states_.resize(window.columns_.size());
  return window;
}

bool StrideWindow::HasRoomFor(GpsTime begin, GpsTime end) const {
  begin = std::max(begin, floor_);
  if (begin >= end || chunks() < max_chunks_) return true;
  // Those who are behind the others must be able to catch up.
  if (end <= chunks_[head_].begin) return chunks() < 2 * max_chunks_;
  for (GpsTime at = begin; at < end;) {
    const Chunk* const chunk = Find(at);
    if (chunk == nullptr) return false;
    at = chunk->end;
  }
  return true;
}

const StrideWindow::Chunk* StrideWindow::Find(GpsTime time) const {
  // What is looked for is nearly always among the newest.
  for (size_t i = chunks_.size(); i-- > head_;) {
    if (chunks_[i].begin <= time) return time < chunks_[i].end ? &chunks_[i] : nullptr;
  }
  return nullptr;
}

Result<StrideWindow::Chunk*> StrideWindow::FindOrOpen(GpsTime time) {
  if (const Chunk* const found = Find(time)) return const_cast<Chunk*>(found);
  size_t place = chunks_.size();
  while (place > head_ && chunks_[place - 1].begin > time) --place;
  const Duration length = options_.stride * options_.chunk_strides;
  GpsTime begin = time.Floor(length);
  GpsTime end = begin + length;
  if (place > head_) begin = std::max(begin, chunks_[place - 1].end);
  if (place < chunks_.size()) end = std::min(end, chunks_[place].begin);
  if (floor_ > begin) begin = floor_.Floor(options_.stride);
  Chunk chunk;
  if (!spare_.empty()) {
    chunk = std::move(spare_.back());
    spare_.pop_back();
  }
  ARROW_ASSIGN_OR_RAISE(chunk.memory, memory_->Take());
  chunk.begin = begin;
  chunk.end = end;
  chunk.strides = (end - begin) / options_.stride;
  chunk.has_bitmap = false;
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(place), std::move(chunk));
  return &chunks_[place];
}

void StrideWindow::Retire(Chunk* chunk) {
  chunk->memory.reset();
  chunk->exceptions.clear();
  spare_.push_back(std::move(*chunk));
}

void StrideWindow::PopFront() {
  Retire(&chunks_[head_]);
  ++head_;
  if (head_ * 2 > chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void StrideWindow::RaiseFloor(GpsTime floor) {
  if (floor <= floor_) return;
  floor_ = floor;
  while (chunks() > 0 && chunks_[head_].end <= floor_) PopFront();
}

void StrideWindow::DropOldest() {
  if (chunks() > 0) RaiseFloor(chunks_[head_].end);
}

void StrideWindow::Clear() {
  if (chunks() > 0) RaiseFloor(chunks_.back().end);
  memory_->Trim();
}

uint8_t* StrideWindow::Bitmap(Chunk* chunk) {
  uint8_t* const bits = chunk->memory.get() + stride_bytes_ * chunk->strides;
  if (!chunk->has_bitmap) {
    std::memset(bits, 0xff,
                static_cast<size_t>(stride_samples_ * chunk->strides / 8 + 1));
    chunk->has_bitmap = true;
  }
  return bits;
}

void StrideWindow::FindRuns(RowPlan* plan) const {
  plan->runs.clear();
  if (plan->duration() != options_.stride) return;
  for (const RowPlan::Row& row : plan->rows()) {
    const Column& column = columns_[static_cast<size_t>(row.channel)];
    const RowPlan::Run run{row.begin * column.width, column.byte,
                           row.length * column.width};
    if (!plan->runs.empty()) {
      RowPlan::Run& last = plan->runs.back();
      if (last.from + last.bytes == run.from && last.to + last.bytes == run.to) {
        last.bytes += run.bytes;
        continue;
      }
    }
    plan->runs.push_back(run);
  }
}

Status StrideWindow::Place(const RowPlan& plan, const MessageRows& rows, GpsTime from,
                           GpsTime until) {
  const GpsTime time = GpsTime::FromNs(rows.time_ns);
  from = std::max({from, time, floor_});
  until = std::min(until, time + plan.duration());
  while (from < until) {
    ARROW_ASSIGN_OR_RAISE(Chunk * chunk, FindOrOpen(from));
    const GpsTime end = std::min(until, chunk->end);
    if (!plan.runs.empty() && rows.list.validity == nullptr && !rows.list.all_null &&
        chunk->strides == 1 && from == time && from == chunk->begin &&
        end == chunk->end) {
      for (const RowPlan::Run& run : plan.runs) {
        uint8_t* const to = chunk->memory.get() + run.to;
        const uint8_t* const src = rows.list.values + run.from;
        if (run.bytes == 4) {
          std::memcpy(to, src, 4);
        } else if (run.bytes == 8) {
          std::memcpy(to, src, 8);
        } else {
          std::memcpy(to, src, static_cast<size_t>(run.bytes));
        }
      }
    } else {
      PlacePart(plan, rows, from, end, chunk);
    }
    for (const int32_t channel : plan.absent()) {
      const Column& column = columns_[static_cast<size_t>(channel)];
      chunk->exceptions.push_back({channel, false,
                                   SampleAt(column.rate, chunk->begin, from),
                                   SampleAt(column.rate, chunk->begin, end)});
    }
    from = end;
  }
  return Status::OK();
}

void StrideWindow::PlacePart(const RowPlan& plan, const MessageRows& rows, GpsTime from,
                             GpsTime until, Chunk* chunk) {
  const GpsTime time = GpsTime::FromNs(rows.time_ns);
  for (const RowPlan::Row& row : plan.rows()) {
    const Column& column = columns_[static_cast<size_t>(row.channel)];
    const int64_t skip = SampleAt(column.rate, time, from);
    const int64_t at = SampleAt(column.rate, chunk->begin, from);
    const int64_t count =
        std::min({SampleAt(column.rate, time, until) - skip, row.length - skip,
                  column.samples * chunk->strides - at});
    if (count > 0) PlaceRow(row, rows, skip, at, count, chunk);
  }
}

void StrideWindow::PlaceRow(const RowPlan::Row& row, const MessageRows& rows,
                            int64_t skip, int64_t at, int64_t count, Chunk* chunk) {
  const Column& column = columns_[static_cast<size_t>(row.channel)];
  const int64_t first = row.begin + skip;
  if (rows.list.all_null) {
    chunk->exceptions.push_back({row.channel, false, at, at + count});
    return;
  }
  std::memcpy(SamplesOf(*chunk, column) + at * column.width,
              rows.list.values + first * column.width,
              static_cast<size_t>(count * column.width));
  if (rows.list.validity == nullptr) return;
  const int64_t bit = rows.list.validity_offset + first;
  const int64_t present = kernels::CountSetBits(rows.list.validity, bit, count);
  if (present == count) return;
  chunk->exceptions.push_back({row.channel, present > 0, at, at + count});
  if (present > 0) {
    kernels::CopyBits(rows.list.validity, bit, count, Bitmap(chunk),
                      BitOf(*chunk, column) + at);
  }
}

void StrideWindow::NoteAbsent(const std::vector<int32_t>& channels, GpsTime from,
                              GpsTime until) {
  from = std::max(from, floor_);
  while (from < until) {
    const Chunk* const found = Find(from);
    if (found == nullptr) return;
    Chunk* const chunk = const_cast<Chunk*>(found);
    const GpsTime end = std::min(until, chunk->end);
    for (const int32_t channel : channels) {
      const Column& column = columns_[static_cast<size_t>(channel)];
      chunk->exceptions.push_back({channel, false,
                                   SampleAt(column.rate, chunk->begin, from),
                                   SampleAt(column.rate, chunk->begin, end)});
    }
    from = end;
  }
}

std::optional<GpsTime> StrideWindow::ChunkEnd(GpsTime time) const {
  const Chunk* const chunk = Find(time);
  return chunk == nullptr ? std::nullopt : std::optional(chunk->end);
}

/// What each channel has in [begin, end) of the chunk, into states_.
void StrideWindow::FindStates(Chunk* chunk, GpsTime begin, GpsTime end) {
  if (!all_present_) std::fill(states_.begin(), states_.end(), State::kPresent);
  all_present_ = true;
  for (const Exception& exception : chunk->exceptions) {
    const auto channel = static_cast<size_t>(exception.channel);
    const Column& column = columns_[channel];
    const int64_t first = SampleAt(column.rate, chunk->begin, begin);
    const int64_t last = first + column.rate.SamplesIn(end - begin);
    const int64_t from = std::max(first, exception.begin);
    const int64_t until = std::min(last, exception.end);
    if (from >= until) continue;
    all_present_ = false;
    if (!exception.nulls && from == first && until == last) {
      states_[channel] = State::kMissing;
      continue;
    }
    if (!exception.nulls) {
      kernels::SetBits(Bitmap(chunk), BitOf(*chunk, column) + from, until - from, false);
    }
    if (states_[channel] == State::kPresent) states_[channel] = State::kPartly;
  }
}

ViewList StrideWindow::Views(Chunk* chunk, GpsTime begin, GpsTime end,
                             const uint8_t* bitmap) {
  Template* const known = all_present_ ? &full_ : &other_;
  const uint8_t* const memory = chunk->memory.get();
  const int64_t first = (begin - chunk->begin).ns();
  const bool shared = bitmap == nullptr;
  if (shared && known->memory != nullptr && known->first == first &&
      known->strides == chunk->strides && known->duration == end - begin &&
      (all_present_ || known->states == states_)) {
    return known->views.Moved(memory - known->memory);
  }
  if (shared) bitmap = memory + stride_bytes_ * chunk->strides;
  std::vector<SampleView> views(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const int64_t at = SampleAt(column.rate, chunk->begin, begin);
    SampleView* const view = &views[i];
    view->length = column.rate.SamplesIn(end - begin);
    view->data_type = column.type;
    if (states_[i] == State::kMissing) continue;
    view->values = SamplesOf(*chunk, column) + at * column.width;
    if (states_[i] == State::kPresent) continue;
    view->validity = bitmap;
    view->validity_offset = BitOf(*chunk, column) + at;
  }
  ViewList list(std::move(views));
  if (shared) {
    *known = {first,       chunk->strides,
              end - begin, all_present_ ? std::vector<State>() : states_,
              memory,      list};
  }
  return list;
}

SeriesBlock StrideWindow::GapBlock(GpsTime begin, GpsTime end) {
  if (gap_.duration != end - begin) {
    gap_.duration = end - begin;
    gap_.views = SeriesBlock::Gap(begin, end - begin, options_.channels).views();
  }
  return SeriesBlock(begin, end - begin, options_.channels, gap_.views, OwnerList());
}

Result<SeriesBlock> StrideWindow::TakeBlock(GpsTime begin, GpsTime end) {
  Chunk* const chunk = const_cast<Chunk*>(Find(begin));
  if (chunk == nullptr) {
    RaiseFloor(end);
    return GapBlock(begin, end);
  }
  FindStates(chunk, begin, end);
  OwnerList owners(MemoryOwner(chunk->memory));
  const uint8_t* bitmap = nullptr;
  if (end < chunk->end && chunk->has_bitmap) {
    // Bits of what is to come share bytes with those of the block.
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<uint8_t> copy, memory_->Take());
    std::memcpy(copy.get(), Bitmap(chunk),
                static_cast<size_t>(stride_samples_ * chunk->strides / 8 + 1));
    bitmap = copy.get();
    owners = OwnerList({MemoryOwner(chunk->memory), MemoryOwner(std::move(copy))});
  }
  SeriesBlock block(begin, end - begin, options_.channels,
                    Views(chunk, begin, end, bitmap), std::move(owners));
  RaiseFloor(end);
  return block;
}

}  // namespace carryall::relay
