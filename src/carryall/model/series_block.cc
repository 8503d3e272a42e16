#include "carryall/model/series_block.h"

namespace carryall {

SeriesBlock SeriesBlock::Gap(GpsTime time, Duration duration,
                             std::shared_ptr<const ChannelSet> channels) {
  std::vector<SampleView> views;
  views.reserve(channels->size());
  for (const Channel& channel : channels->channels()) {
    views.push_back(
        SampleView::Missing(channel.data_type, channel.sample_rate.SamplesIn(duration)));
  }
  return SeriesBlock(time, duration, std::move(channels), std::move(views), {});
}

Result<SeriesBlock> SeriesBlock::Slice(GpsTime begin, Duration length) const {
  const Duration skip = begin - time_;
  if (skip.ns() < 0 || length.ns() < 0 || skip + length > duration_) {
    return Error(ErrorKind::kInvalidArgument,
                 "slice [{}, {}) is not inside the block [{}, {})", ToString(begin),
                 ToString(begin + length), ToString(time_), ToString(end()));
  }
  std::vector<SampleView> views;
  views.reserve(views_.size());
  for (size_t i = 0; i < views_.size(); ++i) {
    const SampleRate rate = (*channels_)[i].sample_rate;
    if (!rate.Divides(skip) || !rate.Divides(length)) {
      return Error(ErrorKind::kInvalidArgument,
                   "slice [{}, {}) cuts through a sample of channel {} at {} Hz",
                   ToString(begin), ToString(begin + length), (*channels_)[i].name,
                   rate.hz());
    }
    views.push_back(views_[i].Slice(rate.SamplesIn(skip), rate.SamplesIn(length)));
  }
  return SeriesBlock(begin, length, channels_, std::move(views), owners_);
}

Status SeriesBlock::Validate() const {
  if (channels_ == nullptr || channels_->size() != views_.size()) {
    return Error(ErrorKind::kInvalidArgument, "block has {} views for {} channels",
                 views_.size(), channels_ == nullptr ? 0 : channels_->size());
  }
  for (size_t i = 0; i < views_.size(); ++i) {
    const Channel& channel = (*channels_)[i];
    if (views_[i].length != channel.sample_rate.SamplesIn(duration_)) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel {} has {} samples in {} at {} Hz, expected {}", channel.name,
                   views_[i].length, ToString(duration_), channel.sample_rate.hz(),
                   channel.sample_rate.SamplesIn(duration_));
    }
  }
  return Status::OK();
}

}  // namespace carryall
