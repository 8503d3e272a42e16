#pragma once

// The one place where Python and NumPy headers come in.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define PY_ARRAY_UNIQUE_SYMBOL carryall_numpy_api
#ifndef CARRYALL_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#endif
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <numpy/arrayobject.h>

#include <exception>
#include <new>
#include <utility>

namespace carryall::python {

/// A reference that somebody has to give back. Needs the GIL wherever it is touched.
class Ref {
 public:
  Ref() = default;
  static Ref Take(PyObject* object) { return Ref(object); }  ///< a new reference
  static Ref Share(PyObject* object) { return Ref(Py_XNewRef(object)); }
  Ref(Ref&& o) noexcept : object_(std::exchange(o.object_, nullptr)) {}
  Ref& operator=(Ref&& o) noexcept {
    Py_XSETREF(object_, std::exchange(o.object_, nullptr));
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  PyObject* Release() { return std::exchange(object_, nullptr); }

 private:
  explicit Ref(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

/// Runs the body of a C function that Python calls; what C++ throws (memory) becomes a
/// Python exception and `otherwise` is returned.
template <typename T, typename Body>
T Guard(T otherwise, Body&& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return otherwise;
}

}  // namespace carryall::python
