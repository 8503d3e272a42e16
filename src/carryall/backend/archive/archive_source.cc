#include "carryall/backend/archive/archive_source.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cstring>

#include "carryall/kernels/bitmap.h"
#include "carryall/model/sample_grid.h"

namespace carryall::backend::archive {
namespace {

using carryall::archive::Archive;
using carryall::archive::ByteRange;
using carryall::archive::Extent;
using carryall::archive::SegmentData;

// How far ahead of a stream the kernel is asked to read, in each column.
constexpr int64_t kReadAheadBytes = int64_t{1} << 20;
// Columns so near to each other are asked for at once: a call takes longer than this.
constexpr int64_t kNearBytes = int64_t{64} << 10;

// One channel: the run of samples that the stream is in.
struct Cursor {
  size_t channel = 0;  // its number in the archive
  SampleRate rate;
  DataType type = DataType::kFloat64;
  Extent extent;
  std::shared_ptr<const SegmentData> data;  // null: nothing is stored there
  SampleView run;                           // all of the extent, if something is
  int64_t next = 0;                         // the first sample of the next block
  int64_t ahead = 0;                        // samples before this have been asked for

  SampleView View(int64_t first, int64_t count) const {
    return run.Slice(first - extent.begin, count);
  }
};

// Asks the kernel for parts of files, for neighbours in one call.
class ReadAhead {
 public:
  ~ReadAhead() { Ask(); }
  void Add(const std::shared_ptr<const SegmentData>& data, ByteRange range) {
    if (data == data_ && range.begin >= range_.begin &&
        range.begin <= range_.end + kNearBytes) {
      range_.end = std::max(range_.end, range.end);
      return;
    }
    Ask();
    data_ = data;
    range_ = range;
  }

 private:
  void Ask() {
    if (data_ != nullptr) data_->file().Prefetch(range_);
  }
  std::shared_ptr<const SegmentData> data_;
  ByteRange range_;
};

struct BlockParts {
  std::vector<SampleView> views;
  std::vector<MemoryOwner> owners;

  // Many columns come out of one segment: it is kept alive once.
  void Keep(const MemoryOwner& owner) {
    if (owners.empty() || owners.back() != owner) owners.push_back(owner);
  }
};

class ArchiveSource final : public BlockSource {
 public:
  ArchiveSource(std::shared_ptr<const Archive> archive, StreamRequest request)
      : archive_(std::move(archive)), request_(std::move(request)) {}

  Status Init() {
    if (!request_.start) {
      return Error(ErrorKind::kUnavailable,
                   "an archive holds no live data, give a start time: {}",
                   archive_->directory());
    }
    ARROW_ASSIGN_OR_RAISE(stride_, request_.channels->CommonStride());
    for (const Channel& channel : request_.channels->channels()) {
      const auto found = archive_->Find(channel.name);
      if (!found) {
        return Error(ErrorKind::kUnavailable, "channel is not in the archive: {}",
                     channel.name);
      }
      const Channel& stored = archive_->channels()[*found];
      if (stored.data_type != channel.data_type ||
          stored.sample_rate != channel.sample_rate) {
        return Error(ErrorKind::kUnavailable, "channel {} is {} at {} Hz in the archive",
                     channel.name, Name(stored.data_type), stored.sample_rate.hz());
      }
      Cursor cursor;
      cursor.channel = *found;
      cursor.rate = stored.sample_rate;
      cursor.type = stored.data_type;
      cursors_.push_back(std::move(cursor));
    }
    time_ = *request_.start;
    for (Cursor& cursor : cursors_) cursor.next = FirstSampleAt(cursor.rate, time_);
    end_ = request_.end ? *request_.end : EndOfData();
    return Status::OK();
  }

  Result<SourceStep> Next(const std::stop_token& stop, SteadyTime) override {
    SourceStep step;
    if (stop.stop_requested()) return step;
    if (time_ >= end_) {
      step.kind = SourceStep::Kind::kEnd;
      return step;
    }
    for (Cursor& cursor : cursors_) {
      ARROW_RETURN_NOT_OK(Seek(cursor, cursor.next));
    }
    const GpsTime until = NextCut();
    BlockParts parts;
    parts.views.reserve(cursors_.size());
    ReadAhead ahead;
    for (Cursor& cursor : cursors_) {
      ARROW_RETURN_NOT_OK(AddView(cursor, until - time_, &parts, &ahead));
    }
    step.kind = SourceStep::Kind::kBlock;
    step.block = SeriesBlock(time_, until - time_, request_.channels,
                             std::move(parts.views), std::move(parts.owners));
    time_ = until;
    return step;
  }

 private:
  GpsTime EndOfData() const {
    GpsTime last = *request_.start;
    for (const Cursor& cursor : cursors_) {
      const auto bounds = archive_->Bounds(cursor.channel);
      if (bounds) last = std::max(last, TimeOfSample(cursor.rate, bounds->second));
    }
    return last.Ceil(stride_);
  }

  // Puts the cursor on the run that `sample` is in.
  Status Seek(Cursor& cursor, int64_t sample) const {
    if (sample >= cursor.extent.begin && sample < cursor.extent.end) return Status::OK();
    const auto before = cursor.extent.segment;
    cursor.extent = archive_->ExtentAt(cursor.channel, sample);
    if (cursor.extent.segment == nullptr) {
      cursor.data = nullptr;
    } else if (cursor.extent.segment != before) {
      ARROW_ASSIGN_OR_RAISE(cursor.data, cursor.extent.segment->Data());
      cursor.run = cursor.data->View(cursor.extent.column, cursor.extent.begin,
                                     cursor.extent.end - cursor.extent.begin);
      cursor.ahead = sample;
    }
    return Status::OK();
  }

  // Where the block that begins now shall end: at a boundary of strides, as late as the
  // request allows and every channel stays in its run; after one stride at the least, or
  // at the end.
  GpsTime NextCut() const {
    const GpsTime one = time_.Floor(stride_) + stride_;
    if (one >= end_) return end_;
    if (!time_.IsMultipleOf(stride_)) return one;
    GpsTime cut = end_.Floor(stride_);
    const int64_t strides =
        std::max({int64_t{1}, request_.max_strides, request_.max_view_strides});
    if ((cut - time_) / stride_ > strides) cut = time_ + stride_ * strides;
    for (const Cursor& cursor : cursors_) {
      if (cursor.extent.end == INT64_MAX) continue;
      cut = std::min(cut, TimeOfSample(cursor.rate, cursor.extent.end).Floor(stride_));
    }
    return std::max(cut, one);
  }

  Status AddView(Cursor& cursor, Duration duration, BlockParts* parts,
                 ReadAhead* ahead) const {
    const int64_t first = cursor.next, count = cursor.rate.SamplesIn(duration);
    cursor.next += count;
    if (first + count > cursor.extent.end) return AddJoined(cursor, first, count, parts);
    if (cursor.data == nullptr) {
      parts->views.push_back(SampleView::Missing(cursor.type, count));
      return Status::OK();
    }
    AskAhead(cursor, first + count, ahead);
    parts->views.push_back(cursor.View(first, count));
    parts->Keep(cursor.data);
    return Status::OK();
  }

  // Reading a mapping fault by fault is slow where the disk is. What the request does not
  // ask for is left alone.
  void AskAhead(Cursor& cursor, int64_t needed, ReadAhead* ahead) const {
    const int64_t window = std::max<int64_t>(1, kReadAheadBytes / ByteWidth(cursor.type));
    if (needed + window / 2 <= cursor.ahead) return;
    const int64_t last = std::min(cursor.extent.end, FirstSampleAt(cursor.rate, end_));
    const int64_t until = std::min(last, needed + window);
    if (cursor.ahead >= until) return;
    for (const ByteRange& range : cursor.data->RangesOf(
             cursor.extent.column, cursor.ahead, until - cursor.ahead)) {
      if (range.begin < range.end) ahead->Add(cursor.data, range);
    }
    cursor.ahead = until;
  }

  // A view of samples that lie in more than one run, put together in fresh memory.
  Status AddJoined(Cursor& cursor, int64_t first, int64_t count,
                   BlockParts* parts) const {
    const int64_t width = ByteWidth(cursor.type);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                          arrow::AllocateBuffer(count * width, request_.pool));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> validity,
                          arrow::AllocateEmptyBitmap(count, request_.pool));
    std::memset(values->mutable_data(), 0, count * width);
    bool any = false;
    for (int64_t at = first; at < first + count;) {
      ARROW_RETURN_NOT_OK(Seek(cursor, at));
      const int64_t part = std::min(cursor.extent.end, first + count) - at;
      if (cursor.data != nullptr) {
        any = true;
        const SampleView view = cursor.View(at, part);
        std::memcpy(values->mutable_data() + (at - first) * width, view.values,
                    part * width);
        if (view.validity == nullptr) {
          kernels::SetBits(validity->mutable_data(), at - first, part, true);
        } else {
          kernels::CopyBits(view.validity, view.validity_offset, part,
                            validity->mutable_data(), at - first);
        }
      }
      at += part;
    }
    if (!any) {
      parts->views.push_back(SampleView::Missing(cursor.type, count));
      return Status::OK();
    }
    const bool gaps = kernels::CountSetBits(validity->data(), 0, count) < count;
    parts->views.push_back(
        {values->data(), gaps ? validity->data() : nullptr, 0, count, cursor.type});
    parts->Keep(values);
    if (gaps) parts->Keep(validity);
    return Status::OK();
  }

  const std::shared_ptr<const Archive> archive_;
  const StreamRequest request_;
  Duration stride_;
  GpsTime time_, end_;
  std::vector<Cursor> cursors_;
};

}  // namespace

Result<std::unique_ptr<BlockSource>> MakeArchiveSource(
    std::shared_ptr<const Archive> archive, StreamRequest request) {
  auto source = std::make_unique<ArchiveSource>(std::move(archive), std::move(request));
  ARROW_RETURN_NOT_OK(source->Init());
  return source;
}

}  // namespace carryall::backend::archive
