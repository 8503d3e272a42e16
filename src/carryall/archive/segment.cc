#include "carryall/archive/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "carryall/archive/digest.h"
#include "carryall/archive/segment_writer.h"
#include "carryall/model/sample_grid.h"

namespace carryall::archive {
namespace {

constexpr char kArrowMagic[] = "ARROW1";
constexpr int64_t kMagicBytes = 6;
// Magic and padding, end of stream, footer length, magic: less is no Arrow file.
constexpr int64_t kLeastBytes = 8 + 8 + 4 + kMagicBytes;

// Linux lets a process have 65530 mappings; most of them are for others.
constexpr int kMaxKeptMappings = 16384;
std::atomic<int> g_kept_mappings{0};

int64_t SamplesOf(const SegmentInfo& info, SampleRate rate) {
  return FirstSampleAt(rate, info.end) - FirstSampleAt(rate, info.start);
}

int64_t BitmapBytes(int64_t samples) { return PaddedTo64((samples + 7) / 8); }

// The number of boundaries at or before a column is odd inside a range.
bool IsGappy(const SegmentInfo& info, int32_t column) {
  const auto at = std::upper_bound(info.gappy.begin(), info.gappy.end(), column);
  return (at - info.gappy.begin()) % 2 == 1;
}

}  // namespace

Result<SegmentLayout> SegmentLayout::Make(const SegmentInfo& info,
                                          const ChannelTable& table) {
  const auto impossible = [&](std::string_view why) {
    return Error(ErrorKind::kCorrupt, "segment {} {}", info.file, why);
  };
  const auto columns = static_cast<int32_t>(table.size());
  if (!info.gappy.empty() && info.gappy.back() > columns) {
    return impossible("has a bitmap for a column that is not there");
  }
  SegmentLayout layout;
  layout.values_.reserve(table.size() + 1);
  // The body: time (one value), then for each channel its bitmap, if any, and its
  // samples.
  int64_t at = info.body_offset + 64;
  size_t boundary = 0;
  for (int32_t i = 0; i < columns; ++i) {
    while (boundary < info.gappy.size() && info.gappy[boundary] <= i) ++boundary;
    const Channel& channel = table.channel(i);
    const int64_t samples = SamplesOf(info, channel.sample_rate);
    if (samples < 1 || samples > INT32_MAX) {
      return impossible("has an impossible span for channel " + channel.name);
    }
    at += boundary % 2 == 1 ? BitmapBytes(samples) : 0;
    layout.values_.push_back(at);
    at += PaddedTo64(samples * ByteWidth(channel.data_type));
    if (at > info.bytes) return impossible("is too short for channel " + channel.name);
  }
  layout.values_.push_back(at);
  return layout;
}

ColumnPlace SegmentLayout::Place(const SegmentInfo& info, const ChannelTable& table,
                                 int32_t column) const {
  const SampleRate rate = table.channel(column).sample_rate;
  ColumnPlace place;
  place.first_sample = FirstSampleAt(rate, info.start);
  place.samples = FirstSampleAt(rate, info.end) - place.first_sample;
  place.values = values_[column];
  if (IsGappy(info, column)) place.validity = place.values - BitmapBytes(place.samples);
  return place;
}

SampleView SegmentData::View(int32_t column, int64_t first, int64_t count) const {
  const ColumnPlace place = Place(column);
  const DataType type = table_->channel(column).data_type;
  const int64_t skip = first - place.first_sample;
  SampleView view;
  view.data_type = type;
  view.length = count;
  view.values = file_->data() + place.values + skip * ByteWidth(type);
  if (place.validity >= 0) {
    view.validity = file_->data() + place.validity;
    view.validity_offset = skip;
  }
  return view;
}

std::array<ByteRange, 2> SegmentData::RangesOf(int32_t column, int64_t first,
                                               int64_t count) const {
  const ColumnPlace place = Place(column);
  const int64_t width = ByteWidth(table_->channel(column).data_type);
  const int64_t skip = first - place.first_sample;
  const int64_t values = place.values + skip * width;
  ByteRange bitmap;
  if (place.validity >= 0) {
    bitmap.begin = place.validity + skip / 8;
    bitmap.end = bitmap.begin + count / 8 + 1;
  }
  return {bitmap, {values, values + count * width}};
}

uint64_t MetadataDigest(const MappedFile& file, int64_t body_offset, int64_t body_end) {
  Digest digest;
  digest.Add(file.data(), body_offset);
  digest.Add(file.data() + body_end, file.size() - body_end);
  return digest.Value();
}

int64_t Segment::metadata_bytes() const {
  const auto layout = SegmentLayout::Make(info_, *table_);
  if (!layout.ok()) return 0;
  return info_.body_offset + info_.bytes - layout->body_end();
}

Status Segment::CheckFile() const {
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno != ENOENT) return files::SystemError(errno, "open", path_);
    return Error(ErrorKind::kCorrupt, "archive misses a file: {}", path_);
  }
  struct stat info = {};
  char head[kMagicBytes] = {}, tail[kMagicBytes] = {};
  const bool read =
      fstat(fd, &info) == 0 && info.st_size == info_.bytes &&
      info_.bytes >= kLeastBytes && pread(fd, head, kMagicBytes, 0) == kMagicBytes &&
      pread(fd, tail, kMagicBytes, info_.bytes - kMagicBytes) == kMagicBytes;
  close(fd);
  if (info.st_size != info_.bytes) {
    return Error(ErrorKind::kCorrupt, "archive file has {} bytes, not {}: {}",
                 info.st_size, info_.bytes, path_);
  }
  if (!read || std::memcmp(head, kArrowMagic, kMagicBytes) != 0 ||
      std::memcmp(tail, kArrowMagic, kMagicBytes) != 0) {
    return Error(ErrorKind::kCorrupt, "archive file is not an Arrow file: {}", path_);
  }
  return Status::OK();
}

Status Segment::CheckMetadata() const {
  ARROW_ASSIGN_OR_RAISE(const auto layout, SegmentLayout::Make(info_, *table_));
  ARROW_ASSIGN_OR_RAISE(const auto file, MappedFile::Open(path_, info_.bytes));
  if (MetadataDigest(*file, info_.body_offset, layout.body_end()) !=
      info_.metadata_digest) {
    return Error(ErrorKind::kCorrupt,
                 "archive file is damaged: {}: schema or footer are not what was written",
                 path_);
  }
  return Status::OK();
}

Segment::~Segment() {
  if (kept_ != nullptr) --g_kept_mappings;
}

Result<std::shared_ptr<const SegmentData>> Segment::Data() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (auto data = data_.lock()) return data;
  ARROW_ASSIGN_OR_RAISE(auto layout, SegmentLayout::Make(info_, *table_));
  ARROW_ASSIGN_OR_RAISE(auto file, MappedFile::Open(path_, info_.bytes));
  auto data = std::make_shared<const SegmentData>(info_, table_, std::move(file),
                                                  std::move(layout));
  data_ = data;
  if (++g_kept_mappings <= kMaxKeptMappings) {
    kept_ = data;
  } else {
    --g_kept_mappings;
  }
  return data;
}

}  // namespace carryall::archive
