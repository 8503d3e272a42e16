// Series as others take them.
#include <arrow/array.h>
#include <arrow/python/pyarrow.h>

#include "bindings/arrays.h"
#include "bindings/arrow_export.h"
#include "bindings/block.h"
#include "bindings/errors.h"
#include "carryall/kernels/envelope.h"

namespace carryall::python {
namespace {

using EnvelopeOf = decltype(&kernels::Envelope<double>);

/// Null for half precision.
EnvelopeOf EnvelopeFor(DataType type) {
  switch (type) {
    case DataType::kInt8:
      return &kernels::Envelope<int8_t>;
    case DataType::kInt16:
      return &kernels::Envelope<int16_t>;
    case DataType::kInt32:
      return &kernels::Envelope<int32_t>;
    case DataType::kInt64:
      return &kernels::Envelope<int64_t>;
    case DataType::kUint8:
      return &kernels::Envelope<uint8_t>;
    case DataType::kUint16:
      return &kernels::Envelope<uint16_t>;
    case DataType::kUint32:
      return &kernels::Envelope<uint32_t>;
    case DataType::kUint64:
      return &kernels::Envelope<uint64_t>;
    case DataType::kFloat32:
      return &kernels::Envelope<float>;
    case DataType::kFloat64:
      return &kernels::Envelope<double>;
    default:
      return nullptr;
  }
}

double* DoublesOf(const Ref& array) {
  return static_cast<double*>(
      PyArray_DATA(reinterpret_cast<PyArrayObject*>(array.get())));
}

}  // namespace

PyObject* SeriesToArrow(PyObject* self, PyObject*) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    std::vector<MemoryOwner> owners;
    const auto view = ViewOf(reinterpret_cast<Series*>(self), &owners);
    if (!view.ok()) return Raise(view.status());
    const auto array = SamplesAsArrow(*view, std::move(owners));
    return array.ok() ? arrow::py::wrap_array(*array) : Raise(array.status());
  });
}

PyObject* SeriesEnvelope(PyObject* self, PyObject* given) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    npy_intp bins = PyLong_AsSsize_t(given);
    if (bins == -1 && PyErr_Occurred()) return nullptr;
    if (bins < 0) return Raise(ErrorKind::kInvalidArgument, "{} parts", bins);
    std::vector<MemoryOwner> owners;
    const auto view = ViewOf(reinterpret_cast<Series*>(self), &owners);
    if (!view.ok()) return Raise(view.status());
    const EnvelopeOf envelope = EnvelopeFor(view->data_type);
    if (envelope == nullptr) {
      return Raise(ErrorKind::kUnsupported, "no envelope of {} samples",
                   Name(view->data_type));
    }
    const Ref low = Ref::Take(PyArray_SimpleNew(1, &bins, NPY_FLOAT64));
    const Ref high = Ref::Take(PyArray_SimpleNew(1, &bins, NPY_FLOAT64));
    if (!low || !high) return nullptr;
    // A view without samples has none to look at.
    const int64_t length = view->all_missing() ? 0 : view->length;
    envelope(view->values, view->validity, view->validity_offset, length, bins,
             DoublesOf(low), DoublesOf(high));
    return Py_BuildValue("(OO)", low.get(), high.get());
  });
}

}  // namespace carryall::python
