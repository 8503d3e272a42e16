#include "carryall/codec/array_slice.h"

#include <arrow/type.h>

namespace carryall::codec {
namespace {

Status TooShort(std::string_view what) {
  return Error(ErrorKind::kCorrupt,
               "buffers of a column are too short for its length: {}", what);
}

/// Whether the buffer has `count` elements of `bits` bits behind `offset`.
bool Holds(const std::shared_ptr<arrow::Buffer>& buffer, int64_t offset, int64_t count,
           int64_t bits) {
  if (buffer == nullptr) return count == 0;
  int64_t needed = 0;
  return !__builtin_add_overflow(offset, count, &needed) &&
         !__builtin_mul_overflow(needed, bits, &needed) &&
         buffer->size() >= needed / 8 + (needed % 8 != 0) && buffer->is_cpu();
}

bool Plausible(const arrow::ArrayData& data) {
  return data.length >= 0 && data.offset >= 0 && data.buffers.size() == 2;
}

/// The bitmap of an array that may have nulls; null if it has none.
const uint8_t* ValidityOf(const arrow::ArrayData& data) {
  return data.buffers[0] == nullptr || data.null_count.load() == 0
             ? nullptr
             : data.buffers[0]->data();
}

}  // namespace

Status SliceOfList(const arrow::ArrayData& list, DataType type, int64_t rows,
                   std::string_view what, ListSlice* out) {
  if (list.type->id() != arrow::Type::LIST || list.child_data.size() != 1 ||
      list.child_data[0]->type->id() != ToArrow(type)->id()) {
    return Error(ErrorKind::kInvalidArgument, "column {} is not a list of {}: {}", what,
                 Name(type), list.type->ToString());
  }
  const arrow::ArrayData& child = *list.child_data[0];
  const int64_t width = ByteWidth(type);
  out->list_validity = ValidityOf(list);
  out->validity = ValidityOf(child);
  if (!Plausible(list) || !Plausible(child) || list.length != rows ||
      !Holds(list.buffers[1], list.offset, rows + 1, 32) ||
      !Holds(child.buffers[1], child.offset, child.length, 8 * width) ||
      (out->list_validity != nullptr && !Holds(list.buffers[0], list.offset, rows, 1)) ||
      (out->validity != nullptr &&
       !Holds(child.buffers[0], child.offset, child.length, 1))) {
    return TooShort(what);
  }
  out->offsets = list.buffers[1]->data() + 4 * list.offset;
  out->list_validity_offset = list.offset;
  out->child_length = child.length;
  out->values = child.buffers[1] == nullptr
                    ? nullptr
                    : child.buffers[1]->data() + width * child.offset;
  out->validity_offset = child.offset;
  out->all_null = child.length > 0 && child.null_count.load() == child.length;
  return Status::OK();
}

Result<const uint8_t*> ValuesOf(const arrow::ArrayData& column, arrow::Type::type type,
                                int64_t width, int64_t rows, std::string_view what) {
  if (column.type->id() != type) {
    return Error(ErrorKind::kInvalidArgument, "column {} has another type: {}", what,
                 column.type->ToString());
  }
  const bool may_have_nulls = Plausible(column) && ValidityOf(column) != nullptr;
  if (!Plausible(column) || column.length != rows ||
      !Holds(column.buffers[1], column.offset, rows, 8 * width) ||
      (may_have_nulls && !Holds(column.buffers[0], column.offset, rows, 1))) {
    return TooShort(what);
  }
  if (may_have_nulls && column.GetNullCount() != 0) {
    return Error(ErrorKind::kCorrupt, "column {} has nulls", what);
  }
  return column.buffers[1] == nullptr ? nullptr
                                      : column.buffers[1]->data() + width * column.offset;
}

}  // namespace carryall::codec
