#pragma once

#include <string>

#include "carryall/model/series_block.h"

namespace carryall::files {

/// The rules that the blocks given to one writer must keep (writer.h), for every format.
class BlockSequence {
 public:
  BlockSequence(std::string path, std::shared_ptr<const ChannelSet> channels)
      : path_(std::move(path)), channels_(std::move(channels)) {}

  /// Accepts the next block; kInvalidArgument naming the path if it breaks a rule.
  Status Accept(const SeriesBlock& block);

  const std::string& path() const { return path_; }
  const ChannelSet& channels() const { return *channels_; }
  int64_t bytes() const { return bytes_; }  ///< of samples, in all blocks

 private:
  std::string path_;
  std::shared_ptr<const ChannelSet> channels_;
  GpsTime end_ = GpsTime::Min();
  int64_t bytes_ = 0;
};

}  // namespace carryall::files
