#pragma once

#include <string>
#include <vector>

#include "carryall/files/hdf5_attribute.h"
#include "carryall/files/hdf5_handle.h"

namespace carryall::files {

/// Writes HDF5 files as gwpy and GWOSC lay them out, by the HDF5 library alone. For
/// tests.
class Hdf5Fixture {
 public:
  explicit Hdf5Fixture(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
              H5Fclose) {}
  ~Hdf5Fixture() {
    set_ = {};
    file_ = {};
  }

  hid_t file() const { return file_.get(); }

  /// A data set; the attribute functions below then apply to it. Groups on the way are
  /// made.
  template <typename T>
  Hdf5Fixture& Set(const std::string& path, const std::vector<T>& values, hid_t type,
                   hid_t file_type = -1, hid_t plan = H5P_DEFAULT) {
    const hsize_t size = values.size();
    const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    Create(path, file_type < 0 ? type : file_type, space.get(), plan);
    H5Dwrite(set_.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    return *this;
  }
  void Create(const std::string& path, hid_t type, hid_t space,
              hid_t plan = H5P_DEFAULT) {
    const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    set_ = Hdf5Handle(H5Dcreate2(file_.get(), path.c_str(), type, space, links.get(),
                                 plan, H5P_DEFAULT),
                      H5Dclose);
  }
  Hdf5Fixture& Number(const char* name, double value) {
    (void)WriteNumber(set_.get(), name, value);
    return *this;
  }
  Hdf5Fixture& Integer(const char* name, int64_t value) {
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Handle attribute(H5Acreate2(set_.get(), name, H5T_STD_I64LE, space.get(),
                                          H5P_DEFAULT, H5P_DEFAULT),
                               H5Aclose);
    H5Awrite(attribute.get(), H5T_NATIVE_INT64, &value);
    return *this;
  }
  Hdf5Fixture& Text(const char* name, const std::string& text) {
    (void)WriteText(set_.get(), name, text);
    return *this;
  }
  /// A text of fixed length, as h5py writes numpy.bytes_.
  Hdf5Fixture& FixedText(const char* name, const std::string& text) {
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), text.size());
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    const Hdf5Handle attribute(
        H5Acreate2(set_.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose);
    H5Awrite(attribute.get(), type.get(), text.data());
    return *this;
  }
  /// The attributes of a gwpy TimeSeries.
  Hdf5Fixture& Gwpy(const std::string& channel, double x0, double dx,
                    const std::string& unit = "m") {
    return Text("name", channel)
        .Text("channel", channel)
        .Text("unit", unit)
        .Number("x0", x0)
        .Number("dx", dx)
        .Text("xunit", "s");
  }
  /// A scalar text or number, as in GWOSC's group meta.
  void Scalar(const std::string& path, const std::string& text) {
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    Create(path, type.get(), space.get());
    const char* value = text.c_str();
    H5Dwrite(set_.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
  }
  void Scalar(const std::string& path, int64_t value) {
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    Create(path, H5T_STD_I64LE, space.get());
    H5Dwrite(set_.get(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
  }

 private:
  Hdf5Session session_;
  Hdf5Handle file_, set_;
};

}  // namespace carryall::files
