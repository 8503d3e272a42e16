#pragma once

#include <arrow/array/data.h>

#include "carryall/codec/list_slice.h"

namespace carryall::codec {

/// Looks into arrays that somebody else made, believing none of their lengths. Internal
/// to codec. `what` names the column in errors.

/// A list column of `rows` rows of `type`: kInvalidArgument if it is something else,
/// kCorrupt if its buffers are too short. The offsets have not been looked at.
Status SliceOfList(const arrow::ArrayData& list, DataType type, int64_t rows,
                   std::string_view what, ListSlice* out);

/// The values of a column of fixed width without nulls.
Result<const uint8_t*> ValuesOf(const arrow::ArrayData& column, arrow::Type::type type,
                                int64_t width, int64_t rows, std::string_view what);

}  // namespace carryall::codec
