#include "carryall/backend/mock/store.h"

#include <arrow/util/float16.h>

#include <cstring>

namespace carryall::backend::mock {
namespace {

// What x86's conversion instructions give, which numpy uses: the smallest value for
// whatever does not fit.
int32_t ToInt32(double v) {
  return v > -2147483649.0 && v < 2147483648.0 ? static_cast<int32_t>(v) : INT32_MIN;
}
int64_t ToInt64(double v) {
  return v >= -0x1p63 && v < 0x1p63 ? static_cast<int64_t>(v) : INT64_MIN;
}
uint64_t ToUint64(double v) {
  if (v >= 0x1p63)
    return static_cast<uint64_t>(ToInt64(v - 0x1p63)) ^ (uint64_t{1} << 63);
  return static_cast<uint64_t>(ToInt64(v));
}

template <typename T, typename From, typename Convert>
void Store(const From* from, int64_t count, uint8_t* out, Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(convert(from[i]));
    std::memcpy(out + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
  }
}

template <typename From>
void StoreAny(DataType type, const From* from, int64_t count, uint8_t* out) {
  const auto same = [](From v) { return v; };
  switch (type) {
    case DataType::kInt8:
      return Store<int8_t>(from, count, out, ToInt32);
    case DataType::kInt16:
      return Store<int16_t>(from, count, out, ToInt32);
    case DataType::kInt32:
      return Store<int32_t>(from, count, out, ToInt32);
    case DataType::kInt64:
      return Store<int64_t>(from, count, out, ToInt64);
    case DataType::kUint8:
      return Store<uint8_t>(from, count, out, ToInt32);
    case DataType::kUint16:
      return Store<uint16_t>(from, count, out, ToInt32);
    case DataType::kUint32:
      return Store<uint32_t>(from, count, out, ToInt64);
    case DataType::kUint64:
      return Store<uint64_t>(from, count, out, ToUint64);
    case DataType::kFloat32:
      return Store<float>(from, count, out, same);
    case DataType::kFloat64:
      return Store<double>(from, count, out, same);
    case DataType::kFloat16:
      return Store<uint16_t>(from, count, out, [](From v) {
        return arrow::util::Float16::FromDouble(static_cast<double>(v)).bits();
      });
  }
}

}  // namespace

void StoreAs(DataType type, const double* from, int64_t count, uint8_t* out) {
  StoreAny(type, from, count, out);
}

void StoreAs(DataType type, const float* from, int64_t count, uint8_t* out) {
  StoreAny(type, from, count, out);
}

}  // namespace carryall::backend::mock
