#include "carryall/files/hdf5_attribute.h"

#include <cstring>
#include <functional>

namespace carryall::files {
namespace {

constexpr size_t kMaxTextBytes = 4096;

// Something stored as one value: an attribute or a data set.
struct Stored {
  Hdf5Handle type;
  Hdf5Handle space;
  std::string what;
  std::function<herr_t(hid_t memory_type, void* out)> read;
};

Result<Hdf5Number> NumberOf(const Stored& stored) {
  const H5T_class_t kind = H5Tget_class(stored.type.get());
  if (H5Sget_simple_extent_npoints(stored.space.get()) != 1 ||
      (kind != H5T_INTEGER && kind != H5T_FLOAT)) {
    return Error(ErrorKind::kInvalidArgument, "{} is not one number", stored.what);
  }
  Hdf5Number number;
  if (stored.read(H5T_NATIVE_DOUBLE, &number.value) < 0) {
    return Hdf5Error(ErrorKind::kCorrupt, stored.what + " cannot be read");
  }
  if (kind == H5T_INTEGER) {
    int64_t integer = 0;
    if (stored.read(H5T_NATIVE_INT64, &integer) < 0) {
      return Hdf5Error(ErrorKind::kCorrupt, stored.what + " cannot be read");
    }
    number.integer = integer;
  }
  return number;
}

Result<std::string> TextOf(const Stored& stored) {
  if (H5Sget_simple_extent_npoints(stored.space.get()) != 1 ||
      H5Tget_class(stored.type.get()) != H5T_STRING) {
    return Error(ErrorKind::kInvalidArgument, "{} is not one text", stored.what);
  }
  if (H5Tis_variable_str(stored.type.get()) > 0) {
    char* text = nullptr;
    if (stored.read(stored.type.get(), &text) < 0) {
      return Hdf5Error(ErrorKind::kCorrupt, stored.what + " cannot be read");
    }
    if (text == nullptr) return std::string();
    std::string out(text, strnlen(text, kMaxTextBytes));
    H5free_memory(text);
    return out;
  }
  const size_t bytes = H5Tget_size(stored.type.get());
  if (bytes > kMaxTextBytes) {
    return Error(ErrorKind::kResourceExhausted,
                 "{} is a text of {} bytes, at most {} are read", stored.what, bytes,
                 kMaxTextBytes);
  }
  std::string out(bytes, '\0');
  if (stored.read(stored.type.get(), out.data()) < 0) {
    return Hdf5Error(ErrorKind::kCorrupt, stored.what + " cannot be read");
  }
  out.resize(strnlen(out.data(), bytes));
  while (!out.empty() && out.back() == ' ' &&
         H5Tget_strpad(stored.type.get()) == H5T_STR_SPACEPAD) {
    out.pop_back();
  }
  return out;
}

template <typename Value, typename Convert>
Result<std::optional<Value>> FromAttribute(hid_t object, const char* name,
                                           Convert convert) {
  const htri_t exists = H5Aexists(object, name);
  if (exists == 0) return std::nullopt;
  const Hdf5Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  const std::string what = fmt::format("attribute {}", name);
  if (exists < 0 || !attribute.valid()) {
    return Hdf5Error(ErrorKind::kCorrupt, what + " cannot be opened");
  }
  Stored stored{
      {H5Aget_type(attribute.get()), H5Tclose},
      {H5Aget_space(attribute.get()), H5Sclose},
      what,
      [&](hid_t type, void* out) { return H5Aread(attribute.get(), type, out); }};
  ARROW_ASSIGN_OR_RAISE(auto value, convert(stored));
  return value;
}

template <typename Value, typename Convert>
Result<std::optional<Value>> FromDataset(hid_t file, const char* path, Convert convert) {
  if (!HardPathExists(file, path)) return std::nullopt;
  const Hdf5Handle set(H5Dopen2(file, path, H5P_DEFAULT), H5Dclose);
  const std::string what = fmt::format("data set {}", path);
  if (!set.valid()) return Hdf5Error(ErrorKind::kCorrupt, what + " cannot be opened");
  Stored stored{{H5Dget_type(set.get()), H5Tclose},
                {H5Dget_space(set.get()), H5Sclose},
                what,
                [&](hid_t type, void* out) {
                  return H5Dread(set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
                }};
  ARROW_ASSIGN_OR_RAISE(auto value, convert(stored));
  return value;
}

Status WriteAttribute(hid_t object, const char* name, hid_t type, const void* value) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  Hdf5Handle attribute(
      H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.valid() || H5Awrite(attribute.get(), type, value) < 0 ||
      !attribute.Close()) {
    return Hdf5Error(ErrorKind::kIo, fmt::format("attribute {} cannot be written", name));
  }
  return Status::OK();
}

}  // namespace

bool HardPathExists(hid_t file, const std::string& path) {
  for (size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    H5L_info_t info;
    if (H5Lexists(file, part.c_str(), H5P_DEFAULT) <= 0 ||
        H5Lget_info(file, part.c_str(), &info, H5P_DEFAULT) < 0 ||
        info.type != H5L_TYPE_HARD) {
      return false;
    }
  }
  return true;
}

Result<std::optional<Hdf5Number>> ReadNumber(hid_t object, const char* attribute) {
  return FromAttribute<Hdf5Number>(object, attribute, NumberOf);
}

Result<std::optional<std::string>> ReadText(hid_t object, const char* attribute) {
  return FromAttribute<std::string>(object, attribute, TextOf);
}

Result<std::optional<Hdf5Number>> ReadNumberDataset(hid_t file, const char* path) {
  return FromDataset<Hdf5Number>(file, path, NumberOf);
}

Result<std::optional<std::string>> ReadTextDataset(hid_t file, const char* path) {
  return FromDataset<std::string>(file, path, TextOf);
}

Status WriteText(hid_t object, const char* attribute, const std::string& text) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const char* value = text.c_str();
  return WriteAttribute(object, attribute, type.get(), &value);
}

Status WriteNumber(hid_t object, const char* attribute, double value) {
  return WriteAttribute(object, attribute, H5T_NATIVE_DOUBLE, &value);
}

}  // namespace carryall::files
