#include "carryall/files/block_sequence.h"

namespace carryall::files {

Status BlockSequence::Accept(const SeriesBlock& block) {
  ARROW_RETURN_NOT_OK(WithContext(block.Validate(), path_));
  bool same = block.size() == channels_->size();
  for (size_t i = 0; same && block.channels() != channels_ && i < block.size(); ++i) {
    const Channel& given = (*block.channels())[i];
    const Channel& expected = (*channels_)[i];
    same = given.name == expected.name && given.sample_rate == expected.sample_rate &&
           given.data_type == expected.data_type;
  }
  if (!same) {
    return Error(ErrorKind::kInvalidArgument,
                 "block at {} has other channels than the file: {}",
                 ToString(block.time()), path_);
  }
  if (block.time() < end_) {
    return Error(ErrorKind::kInvalidArgument,
                 "block at {} begins before the end of the one before it, {}: {}",
                 ToString(block.time()), ToString(end_), path_);
  }
  end_ = block.end();
  for (size_t i = 0; i < block.size(); ++i) {
    const DataType type = (*channels_)[i].data_type;
    if (block.view(i).data_type != type) {
      return Error(ErrorKind::kInvalidArgument,
                   "samples of channel {} are {}, not {}: {}", (*channels_)[i].name,
                   Name(block.view(i).data_type), Name(type), path_);
    }
    bytes_ += block.view(i).length * ByteWidth(type);
  }
  return Status::OK();
}

}  // namespace carryall::files
