#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall {

/// Sample types that travel: the numpy names int8..int64, uint8..uint64,
/// float16..float64.
enum class DataType : uint8_t {
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
};
inline constexpr int kDataTypeCount = 11;

/// Bytes a sample.
constexpr int ByteWidth(DataType type) {
  switch (type) {
    case DataType::kInt8:
    case DataType::kUint8:
      return 1;
    case DataType::kInt16:
    case DataType::kUint16:
    case DataType::kFloat16:
      return 2;
    case DataType::kInt32:
    case DataType::kUint32:
    case DataType::kFloat32:
      return 4;
    default:
      return 8;
  }
}

/// The numpy name, e.g. "float64".
std::string_view Name(DataType type);

/// From any spelling numpy understands for these types: "float64", "f8", "<f8", "double",
/// "i4", "int", ... kInvalidArgument naming the text otherwise.
Result<DataType> DataTypeFromName(std::string_view name);

const std::shared_ptr<arrow::DataType>& ToArrow(DataType type);
/// kInvalidArgument for any Arrow type that is not one of the eleven.
Result<DataType> DataTypeFromArrow(const arrow::DataType& type);

}  // namespace carryall
