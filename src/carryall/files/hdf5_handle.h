#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "carryall/base/status.h"
#include "carryall/model/data_type.h"

namespace carryall::files {

/// Must be held around every use of the HDF5 library, which is not thread safe. While it
/// is held, HDF5 prints nothing and loads no plug-ins; both settings are put back
/// afterwards. Handles are closed while it is held: declare it before them.
class Hdf5Session {
 public:
  Hdf5Session();
  ~Hdf5Session();
  Hdf5Session(const Hdf5Session&) = delete;
  Hdf5Session& operator=(const Hdf5Session&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
  unsigned plugins_ = 0;
};

/// Owns one HDF5 identifier.
class Hdf5Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  ~Hdf5Handle() { Close(); }

  bool valid() const { return id_ >= 0; }
  hid_t get() const { return id_; }
  /// False if HDF5 reported a failure.
  bool Close() { return id_ < 0 || closer_(std::exchange(id_, -1)) >= 0; }

 private:
  hid_t id_ = -1;
  Closer closer_ = nullptr;
};

/// The failure that HDF5 recorded last: "<what>: <its words>". kIo where the operating
/// system refused (disk full), `kind` otherwise.
Status Hdf5Error(ErrorKind kind, const std::string& what);

/// The in-memory HDF5 type of our samples. Owned by the caller.
Hdf5Handle Hdf5TypeOf(DataType type);

/// The data type of an HDF5 number type of any byte order, enumerations counting as their
/// base type; kUnsupported with a description otherwise.
Result<DataType> DataTypeOfHdf5(hid_t type);

}  // namespace carryall::files
