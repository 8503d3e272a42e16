#pragma once

#include <arrow/ipc/writer.h>

#include <optional>
#include <vector>

#include "carryall/codec/body_writer.h"

namespace carryall::codec {

/// The payloads of a stream whose blocks are laid out alike, only elsewhere in memory
/// (ViewList::Moved), and have no gaps inside their runs: metadata, lists and ids stay as
/// they are, so a payload is a copy of the last one's small parts, with other times and
/// samples put in. Prepared when the second such block comes. Internal to codec; not
/// thread safe.
class PreparedBody {
 public:
  /// How the times of a payload follow from its block's: `count` of them, each `step`
  /// after the one before.
  struct Times {
    int64_t count = 1;
    Duration step;
  };

  /// The payload of a block like the one that was remembered; nothing if it is not.
  Result<std::optional<arrow::ipc::IpcPayload>> Write(const SeriesBlock& block,
                                                      arrow::MemoryPool* pool) const;

  /// Where to record what is copied of a block that was not like the remembered one;
  /// null: it is not worth it.
  std::vector<BodyWriter::Copied>* Watch(const SeriesBlock& block);
  /// What became of a block that was watched. Its times come first in the arena.
  void Remember(const SeriesBlock& block, const BodyWriter& body, Times times,
                const arrow::ipc::IpcPayload& payload);

 private:
  ViewList seen_;  ///< the last block's
  ViewList views_;
  Duration duration_;
  Times times_;
  std::vector<uint8_t> arena_;
  std::vector<BodyWriter::Copied> copied_;
  std::vector<BodyWriter::Piece> pieces_;
  std::shared_ptr<arrow::Buffer> metadata_;  ///< null: nothing is remembered
  int64_t body_length_ = 0;
};

}  // namespace carryall::codec
