#include "carryall/codec/assemble.h"

#include <arrow/buffer.h>

#include <cstring>

#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::codec {
namespace {

bool SameChannels(const ChannelSet& a, const ChannelSet& b) {
  if (&a == &b) return true;
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].data_type != b[i].data_type ||
        a[i].sample_rate != b[i].sample_rate) {
      return false;
    }
  }
  return true;
}

Status CheckChain(std::span<const SeriesBlock> blocks) {
  if (blocks.empty()) return Error(ErrorKind::kInvalidArgument, "no blocks to join");
  for (size_t i = 1; i < blocks.size(); ++i) {
    if (!SameChannels(*blocks[i].channels(), *blocks[0].channels())) {
      return Error(ErrorKind::kInvalidArgument, "blocks to join have different channels");
    }
    if (blocks[i].time() != blocks[i - 1].end()) {
      return Error(
          ErrorKind::kInvalidArgument,
          "blocks to join do not follow each other: one ends at {}, the next begins "
          "at {}",
          ToString(blocks[i - 1].end()), ToString(blocks[i].time()));
    }
  }
  return Status::OK();
}

/// One channel of the blocks that are joined.
class Joint {
 public:
  Joint(std::span<const SeriesBlock> blocks, size_t channel, int64_t length)
      : blocks_(blocks),
        channel_(channel),
        length_(length),
        first_(blocks[0].view(channel)) {
    int64_t have = 0;
    for (const SeriesBlock& block : blocks) {
      const SampleView view = block.view(channel);
      adjacent_ = adjacent_ && Continues(view, have);
      gaps_ = gaps_ || view.may_have_gaps();
      have += view.length;
    }
    // Where neither end of a span is on the grid of the samples, one is lost between
    // them.
    adjacent_ = adjacent_ && have == length;
    gaps_ = gaps_ || have < length;
  }

  int64_t bytes() const {
    if (adjacent_) return 0;
    return RoundUp64(length_ * ByteWidth(first_.data_type)) +
           (gaps_ ? RoundUp64(BitmapBytes(length_)) : 0);
  }

  SampleView Join(uint8_t* memory) const {
    SampleView out = first_;
    out.length = length_;
    if (adjacent_) return out;
    const int64_t width = ByteWidth(first_.data_type);
    uint8_t* bits = gaps_ ? memory + RoundUp64(length_ * width) : nullptr;
    int64_t at = 0;
    for (const SeriesBlock& block : blocks_) {
      SampleView view = block.view(channel_);
      if (view.length > length_ - at) view = view.Slice(0, length_ - at);
      Put(view, memory + at * width, bits, at);
      at += view.length;
    }
    std::memset(memory + at * width, 0, static_cast<size_t>((length_ - at) * width));
    if (bits != nullptr) kernels::SetBits(bits, at, length_ - at, false);
    out.values = memory;
    out.validity = bits;
    out.validity_offset = 0;
    return out;
  }

 private:
  bool Continues(const SampleView& view, int64_t have) const {
    if (first_.values == nullptr || view.values == nullptr) {
      return view.values == first_.values;
    }
    return view.values == first_.values + have * ByteWidth(view.data_type) &&
           view.validity == first_.validity &&
           (view.validity == nullptr ||
            view.validity_offset == first_.validity_offset + have);
  }

  static void Put(const SampleView& view, uint8_t* dst, uint8_t* bits, int64_t at) {
    const int width = ByteWidth(view.data_type);
    const auto bytes = static_cast<size_t>(view.length * width);
    if (view.all_missing()) {
      std::memset(dst, 0, bytes);
      kernels::SetBits(bits, at, view.length, false);
      return;
    }
    if (bytes > 0) std::memcpy(dst, view.values, bytes);
    CountCopy(static_cast<int64_t>(bytes));
    if (view.validity != nullptr) {
      kernels::CopyBits(view.validity, view.validity_offset, view.length, bits, at);
    } else if (bits != nullptr) {
      kernels::SetBits(bits, at, view.length, true);
    }
  }

  std::span<const SeriesBlock> blocks_;
  size_t channel_;
  int64_t length_;
  SampleView first_;
  bool adjacent_ = true;
  bool gaps_ = false;
};

}  // namespace

Result<SeriesBlock> Concatenate(std::span<const SeriesBlock> blocks) {
  RETURN_NOT_OK(CheckChain(blocks));
  if (blocks.size() == 1) return blocks[0];
  const auto& channels = blocks[0].channels();
  const Duration duration = blocks.back().end() - blocks[0].time();
  std::vector<Joint> joints;
  int64_t bytes = 0;
  for (size_t i = 0; i < channels->size(); ++i) {
    joints.emplace_back(blocks, i, (*channels)[i].sample_rate.SamplesIn(duration));
    bytes += joints.back().bytes();
  }
  std::vector<MemoryOwner> owners;
  for (const SeriesBlock& block : blocks) {
    for (const MemoryOwner& owner : block.owners()) {
      if (owners.empty() || owners.back() != owner) owners.push_back(owner);
    }
  }
  uint8_t* at = nullptr;
  if (bytes > 0) {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> memory,
                          arrow::AllocateBuffer(bytes));
    at = memory->mutable_data();
    owners.push_back(std::move(memory));
  }
  std::vector<SampleView> views;
  views.reserve(joints.size());
  for (const Joint& joint : joints) {
    views.push_back(joint.Join(at));
    at += joint.bytes();
  }
  return SeriesBlock(blocks[0].time(), duration, channels, std::move(views),
                     std::move(owners));
}

Result<SeriesBlock> Combine(std::span<const SeriesBlock> blocks,
                            std::shared_ptr<const ChannelSet> channels) {
  if (blocks.empty()) return Error(ErrorKind::kInvalidArgument, "no blocks to combine");
  const GpsTime time = blocks[0].time();
  const Duration duration = blocks[0].duration();
  std::vector<SampleView> views = SeriesBlock::Gap(time, duration, channels).views();
  std::vector<bool> seen(channels->size());
  std::vector<MemoryOwner> owners;
  for (const SeriesBlock& block : blocks) {
    if (block.time() != time || block.duration() != duration) {
      return Error(ErrorKind::kInvalidArgument,
                   "blocks to combine have different spans: [{}, {}) and [{}, {})",
                   ToString(time), ToString(time + duration), ToString(block.time()),
                   ToString(block.end()));
    }
    for (size_t i = 0; i < block.size(); ++i) {
      const std::string& name = (*block.channels())[i].name;
      const auto position = channels->Find(name);
      if (!position || seen[*position]) {
        return Error(ErrorKind::kInvalidArgument, "channel {} of blocks to combine: {}",
                     position ? "comes twice" : "is not wanted", name);
      }
      const SampleView view = block.view(i);
      if (view.length != views[*position].length ||
          view.data_type != views[*position].data_type) {
        return Error(
            ErrorKind::kInvalidArgument,
            "channel of blocks to combine has {} samples of {}, expected {} of {}: "
            "{}",
            view.length, Name(view.data_type), views[*position].length,
            Name(views[*position].data_type), name);
      }
      seen[*position] = true;
      views[*position] = view;
    }
    owners.insert(owners.end(), block.owners().begin(), block.owners().end());
  }
  return SeriesBlock(time, duration, std::move(channels), std::move(views),
                     std::move(owners));
}

}  // namespace carryall::codec
