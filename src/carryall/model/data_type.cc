#include "carryall/model/data_type.h"

#include <arrow/type.h>

#include <array>

namespace carryall {
namespace {

struct Row {
  DataType type;
  std::string_view name;
  std::array<std::string_view, 4> spellings;
};

// numpy's other spellings on a little-endian 64-bit machine (numpy.dtype documentation).
constexpr std::array<Row, kDataTypeCount> kRows = {{
    {DataType::kInt8, "int8", {"i1", "b", "byte", ""}},
    {DataType::kInt16, "int16", {"i2", "h", "short", ""}},
    {DataType::kInt32, "int32", {"i4", "i", "intc", ""}},
    {DataType::kInt64, "int64", {"i8", "l", "int", "long"}},
    {DataType::kUint8, "uint8", {"u1", "B", "ubyte", ""}},
    {DataType::kUint16, "uint16", {"u2", "H", "ushort", ""}},
    {DataType::kUint32, "uint32", {"u4", "I", "uintc", ""}},
    {DataType::kUint64, "uint64", {"u8", "L", "uint", "ulong"}},
    {DataType::kFloat16, "float16", {"f2", "e", "half", ""}},
    {DataType::kFloat32, "float32", {"f4", "f", "single", ""}},
    {DataType::kFloat64, "float64", {"f8", "d", "double", "float"}},
}};

}  // namespace

std::string_view Name(DataType type) { return kRows[static_cast<size_t>(type)].name; }

Result<DataType> DataTypeFromName(std::string_view name) {
  std::string_view bare = name;
  if (!bare.empty() && (bare[0] == '<' || bare[0] == '=' || bare[0] == '|')) {
    bare.remove_prefix(1);
  }
  for (const Row& row : kRows) {
    if (bare == row.name) return row.type;
    for (std::string_view spelling : row.spellings) {
      if (!spelling.empty() && bare == spelling) return row.type;
    }
  }
  return Error(ErrorKind::kInvalidArgument,
               "unknown data type, expected one of int8..int64, uint8..uint64, "
               "float16..float64: '{}'",
               name.substr(0, 64));
}

const std::shared_ptr<arrow::DataType>& ToArrow(DataType type) {
  static const std::array<std::shared_ptr<arrow::DataType>, kDataTypeCount> kTypes = {
      arrow::int8(),    arrow::int16(),   arrow::int32(),  arrow::int64(),
      arrow::uint8(),   arrow::uint16(),  arrow::uint32(), arrow::uint64(),
      arrow::float16(), arrow::float32(), arrow::float64()};
  return kTypes[static_cast<size_t>(type)];
}

Result<DataType> DataTypeFromArrow(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT8:
      return DataType::kInt8;
    case arrow::Type::INT16:
      return DataType::kInt16;
    case arrow::Type::INT32:
      return DataType::kInt32;
    case arrow::Type::INT64:
      return DataType::kInt64;
    case arrow::Type::UINT8:
      return DataType::kUint8;
    case arrow::Type::UINT16:
      return DataType::kUint16;
    case arrow::Type::UINT32:
      return DataType::kUint32;
    case arrow::Type::UINT64:
      return DataType::kUint64;
    case arrow::Type::HALF_FLOAT:
      return DataType::kFloat16;
    case arrow::Type::FLOAT:
      return DataType::kFloat32;
    case arrow::Type::DOUBLE:
      return DataType::kFloat64;
    default:
      return Error(ErrorKind::kInvalidArgument, "not a sample type: {}", type.ToString());
  }
}

}  // namespace carryall
