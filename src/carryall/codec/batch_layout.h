#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "carryall/codec/batch_meta.h"
#include "carryall/codec/ipc_message.h"

namespace carryall::codec {

/// Where one list column lies in a message body: positions, all checked. -1: there is
/// none.
struct ListPlace {
  int64_t offsets = 0;         ///< rows + 1 int32
  int64_t list_validity = -1;  ///< a bit a row, where lists are null
  int64_t values = 0;          ///< child_length samples
  int64_t validity = -1;       ///< child_length bits, where samples are null
  int64_t child_length = 0;
  bool all_null = false;  ///< every sample is null

  bool operator==(const ListPlace&) const = default;
};

/// Where everything of a record batch message lies in its body: what stays the same from
/// message to message. Internal to codec.
struct BatchLayout {
  int64_t rows = 0;
  int64_t body_bytes = 0;  ///< the body must have at least these
  int64_t time = 0;        ///< rows int64
  int64_t id = -1;         ///< rows uint32, in row form
  std::vector<ListPlace> lists;
  int64_t generation = 0;  ///< counts the changes of `lists`
};

/// Fills `out` from the tables of a message whose columns are time, id (if `has_id`) and
/// lists of samples of `widths` bytes. Checks in one pass that every place lies in the
/// body, is long enough for what its node says, and that they do not add up to more than
/// the body has (each byte is used once, so work stays bounded by what was received). The
/// offsets themselves have not been looked at. A batch without rows gives rows = 0 and
/// nothing else. kCorrupt, or kResourceExhausted over the limits.
Status ReadLayout(const BatchMeta& meta, bool has_id, std::span<const uint8_t> widths,
                  const DecodeLimits& limits, BatchLayout* out);

}  // namespace carryall::codec
