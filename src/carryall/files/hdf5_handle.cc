#include "carryall/files/hdf5_handle.h"

#include <cstring>

namespace carryall::files {
namespace {

std::recursive_mutex& LibraryMutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

struct ErrorText {
  std::string innermost;
  std::string system;  // what the operating system said, if it was the one to refuse
};

// HDF5 hands over its record from the innermost function outwards.
herr_t Collect(unsigned, const H5E_error2_t* error, void* data) {
  auto& text = *static_cast<ErrorText*>(data);
  if (error->desc == nullptr) return 0;
  if (text.innermost.empty()) text.innermost = error->desc;
  if (const char* at = std::strstr(error->desc, "error message = '")) {
    at += std::strlen("error message = '");
    const char* end = std::strchr(at, '\'');
    text.system.assign(at, end == nullptr ? std::strlen(at) : end - at);
  }
  return 0;
}

Hdf5Handle Float16Type() {
  Hdf5Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  // IEEE 754 binary16: sign bit 15, five exponent bits from 10, ten mantissa bits.
  const bool made = H5Tset_fields(type.get(), 15, 10, 5, 0, 10) >= 0 &&
                    H5Tset_size(type.get(), 2) >= 0 && H5Tset_ebias(type.get(), 15) >= 0;
  return made ? std::move(type) : Hdf5Handle();
}

}  // namespace

Hdf5Session::Hdf5Session() : lock_(LibraryMutex()) {
  // At exit HDF5 1.10 would once more flush a file whose disk is full, and crash. We
  // close what we open.
  [[maybe_unused]] static const herr_t kOnce = H5dont_atexit();
  H5open();
  H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLget_loading_state(&plugins_);
  H5PLset_loading_state(0);
}

Hdf5Session::~Hdf5Session() {
  H5PLset_loading_state(plugins_);
  H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
}

Status Hdf5Error(ErrorKind kind, const std::string& what) {
  ErrorText text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, Collect, &text);
  H5Eclear2(H5E_DEFAULT);
  if (!text.system.empty()) return Error(ErrorKind::kIo, "{}: {}", what, text.system);
  if (text.innermost.empty()) return Error(kind, "{}", what);
  return Error(kind, "{}: {}", what, text.innermost);
}

Hdf5Handle Hdf5TypeOf(DataType type) {
  switch (type) {
    case DataType::kInt8:
      return {H5Tcopy(H5T_NATIVE_INT8), H5Tclose};
    case DataType::kInt16:
      return {H5Tcopy(H5T_NATIVE_INT16), H5Tclose};
    case DataType::kInt32:
      return {H5Tcopy(H5T_NATIVE_INT32), H5Tclose};
    case DataType::kInt64:
      return {H5Tcopy(H5T_NATIVE_INT64), H5Tclose};
    case DataType::kUint8:
      return {H5Tcopy(H5T_NATIVE_UINT8), H5Tclose};
    case DataType::kUint16:
      return {H5Tcopy(H5T_NATIVE_UINT16), H5Tclose};
    case DataType::kUint32:
      return {H5Tcopy(H5T_NATIVE_UINT32), H5Tclose};
    case DataType::kUint64:
      return {H5Tcopy(H5T_NATIVE_UINT64), H5Tclose};
    case DataType::kFloat16:
      return Float16Type();
    case DataType::kFloat32:
      return {H5Tcopy(H5T_NATIVE_FLOAT), H5Tclose};
    case DataType::kFloat64:
      return {H5Tcopy(H5T_NATIVE_DOUBLE), H5Tclose};
  }
  return {};
}

Result<DataType> DataTypeOfHdf5(hid_t type) {
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_ENUM) {
    const Hdf5Handle base(H5Tget_super(type), H5Tclose);
    return DataTypeOfHdf5(base.get());
  }
  const size_t bytes = H5Tget_size(type);
  if (kind == H5T_INTEGER) {
    const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
    switch (bytes) {
      case 1:
        return is_signed ? DataType::kInt8 : DataType::kUint8;
      case 2:
        return is_signed ? DataType::kInt16 : DataType::kUint16;
      case 4:
        return is_signed ? DataType::kInt32 : DataType::kUint32;
      case 8:
        return is_signed ? DataType::kInt64 : DataType::kUint64;
      default:
        break;
    }
  } else if (kind == H5T_FLOAT) {
    if (bytes == 2) return DataType::kFloat16;
    if (bytes == 4) return DataType::kFloat32;
    if (bytes == 8) return DataType::kFloat64;
  }
  const char* word = kind == H5T_INTEGER    ? "integers"
                     : kind == H5T_FLOAT    ? "floating point numbers"
                     : kind == H5T_COMPOUND ? "compound values (such as complex numbers)"
                     : kind == H5T_STRING   ? "text"
                                            : "values that are not numbers";
  return Error(ErrorKind::kUnsupported, "{} of {} bytes each are not a sample type", word,
               bytes);
}

}  // namespace carryall::files
