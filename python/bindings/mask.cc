#include "bindings/mask.h"

#include "carryall/kernels/bitmap.h"

namespace carryall::python {

PyObject* MaskFromBitmap(PyObject* bitmap, int64_t offset, int64_t length) {
  Py_buffer bytes;
  if (PyObject_GetBuffer(bitmap, &bytes, PyBUF_SIMPLE) < 0) return nullptr;
  PyObject* mask = nullptr;
  if (offset < 0 || length < 0 || offset > bytes.len * 8 ||
      length > bytes.len * 8 - offset) {
    PyErr_Format(PyExc_ValueError, "bitmap of %zd bytes does not hold bits [%lld, +%lld)",
                 bytes.len, static_cast<long long>(offset),
                 static_cast<long long>(length));
  } else {
    npy_intp size = length;
    mask = PyArray_SimpleNew(1, &size, NPY_BOOL);
    if (mask != nullptr) {
      kernels::MaskFromBitmap(
          static_cast<const uint8_t*>(bytes.buf), offset, length,
          static_cast<uint8_t*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(mask))));
    }
  }
  PyBuffer_Release(&bytes);
  return mask;
}

}  // namespace carryall::python
