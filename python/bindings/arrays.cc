#define CARRYALL_IMPORTS_NUMPY
#include "bindings/arrays.h"

#include <arrow/buffer.h>

#include <array>

#include "bindings/errors.h"
#include "bindings/lifetime.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::python {
namespace {

constexpr std::array<int, kDataTypeCount> kTypeNumbers = {
    NPY_INT8,   NPY_INT16,  NPY_INT32, NPY_INT64,   NPY_UINT8,  NPY_UINT16,
    NPY_UINT32, NPY_UINT64, NPY_HALF,  NPY_FLOAT32, NPY_FLOAT64};

// Made once and kept as long as the process.
struct State {
  std::array<PyArray_Descr*, kDataTypeCount> types;
  PyArray_Descr* boolean;
  PyTypeObject* masked;  // numpy.ma.MaskedArray
  PyTypeObject*
      unfinished;        // a subclass whose instances are not finalised by Python code
  PyObject* attributes;  // what a new MaskedArray has in __dict__
  PyObject *mask, *optinfo, *basedict;  // names of attributes
};
State g_state;

struct Memory {
  PyObject ob_base;
  std::vector<MemoryOwner> owners;
};

void MemoryDealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<Memory*>(self)->owners.~vector();
  type->tp_free(self);
  Py_DECREF(type);
}

PyType_Slot g_memory_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(MemoryDealloc)},
                                {0, nullptr}};
PyType_Spec g_memory_spec = {"carryall._core._Memory", sizeof(Memory), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             g_memory_slots};
PyTypeObject* g_memory_type = nullptr;

// numpy.ma's own attributes, so that ours follow whatever version is installed. When
// first needed: loading it takes a third of the time that importing the package does.
bool InitMaskedArrays() {
  if (g_state.masked != nullptr) return true;
  const Ref ma = Ref::Take(PyImport_ImportModule("numpy.ma"));
  Ref type = Ref::Take(ma ? PyObject_GetAttrString(ma.get(), "MaskedArray") : nullptr);
  if (!type || !PyType_Check(type.get())) return false;
  const Ref example = Ref::Take(PyObject_CallFunction(type.get(), "[i][i]", 0, 1));
  const Ref has =
      Ref::Take(example ? PyObject_GenericGetDict(example.get(), nullptr) : nullptr);
  Ref attributes = Ref::Take(has ? PyDict_Copy(has.get()) : nullptr);
  // NumPy leaves out the finalizer that ndarray itself has.
  const Ref finalize = Ref::Take(PyObject_GetAttrString(
      reinterpret_cast<PyObject*>(&PyArray_Type), "__array_finalize__"));
  const Ref members = Ref::Take(
      finalize ? Py_BuildValue("{s:O,s:s,s:()}", "__array_finalize__", finalize.get(),
                               "__module__", "carryall._core", "__slots__")
               : nullptr);
  if (!attributes || !members) return false;
  Ref derived = Ref::Take(PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type),
                                                "s(O)O", "_UnfinishedMaskedArray",
                                                type.get(), members.get()));
  if (!derived) return false;
  g_state.mask = PyUnicode_InternFromString("_mask");
  g_state.optinfo = PyUnicode_InternFromString("_optinfo");
  g_state.basedict = PyUnicode_InternFromString("_basedict");
  const auto* masked = reinterpret_cast<PyTypeObject*>(type.get());
  const auto* unfinished = reinterpret_cast<PyTypeObject*>(derived.get());
  if (!g_state.mask || !g_state.optinfo || !g_state.basedict) return false;
  if (unfinished->tp_basicsize != masked->tp_basicsize ||
      unfinished->tp_dictoffset != masked->tp_dictoffset) {
    PyErr_SetString(PyExc_ImportError, "numpy.ma is not what carryall was built for");
    return false;
  }
  if (g_state.masked != nullptr) return true;  // another thread, while Python code ran
  g_state.attributes = attributes.Release();
  g_state.unfinished = reinterpret_cast<PyTypeObject*>(derived.Release());
  g_state.masked = reinterpret_cast<PyTypeObject*>(type.Release());
  return true;
}

PyObject* MakeHolder(std::vector<MemoryOwner> owners) {
  PyObject* self = g_memory_type->tp_alloc(g_memory_type, 0);
  if (self == nullptr) return nullptr;
  new (&reinterpret_cast<Memory*>(self)->owners)
      std::vector<MemoryOwner>(std::move(owners));
  return self;
}

// An array over memory that `holder` keeps.
PyObject* Over(PyTypeObject* type, PyArray_Descr* descr, const uint8_t* data,
               int64_t length, int flags, PyObject* holder) {
  npy_intp dims = length;
  Py_INCREF(descr);
  PyObject* array = PyArray_NewFromDescr(type, descr, 1, &dims, nullptr,
                                         const_cast<uint8_t*>(data), flags, nullptr);
  if (array == nullptr) return nullptr;
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), Py_NewRef(holder)) <
      0) {
    Py_DECREF(array);
    return nullptr;
  }
  return array;
}

PyObject* View(PyTypeObject* type, const SampleView& view, PyObject* holder,
               bool writable) {
  int flags = writable ? NPY_ARRAY_WRITEABLE : 0;
  if (reinterpret_cast<uintptr_t>(view.values) % ByteWidth(view.data_type) == 0) {
    flags |= NPY_ARRAY_ALIGNED;
  }
  return Over(type, g_state.types[static_cast<size_t>(view.data_type)], view.values,
              view.length, flags, holder);
}

// Turns an unfinished array with its mask into a MaskedArray.
bool FinishMasked(PyObject* array, PyObject* mask) {
  const Ref attributes = Ref::Take(PyDict_Copy(g_state.attributes));
  const Ref info = Ref::Take(PyDict_New());
  if (!attributes || !info || PyDict_SetItem(attributes.get(), g_state.mask, mask) < 0 ||
      PyDict_SetItem(attributes.get(), g_state.optinfo, info.get()) < 0 ||
      PyDict_SetItem(attributes.get(), g_state.basedict, info.get()) < 0 ||
      PyObject_GenericSetDict(array, attributes.get(), nullptr) < 0) {
    return false;
  }
  // Nothing in it can be part of a cycle; as soon as something could, dict tracks itself
  // again.
  PyObject_GC_UnTrack(attributes.get());
  Py_INCREF(g_state.masked);
  Py_SET_TYPE(array, g_state.masked);
  Py_DECREF(g_state.unfinished);
  return true;
}

// A channel without any sample: zeros under a mask.
Ref Zeros(const SampleView& view) {
  npy_intp length = view.length;
  PyArray_Descr* descr = g_state.types[static_cast<size_t>(view.data_type)];
  Py_INCREF(descr);
  Ref array = Ref::Take(PyArray_NewFromDescr(g_state.unfinished, descr, 1, &length,
                                             nullptr, nullptr, 0, nullptr));
  if (array) {
    std::memset(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array.get())), 0,
                static_cast<size_t>(length) * ByteWidth(view.data_type));
  }
  return array;
}

// Bursts of thousands of new containers, none of which can be garbage, would only make
// the collector look at them again and again.
class NoCollection {
 public:
  NoCollection() : was_on_(PyGC_Disable() != 0) {}
  NoCollection(const NoCollection&) = delete;
  NoCollection& operator=(const NoCollection&) = delete;
  ~NoCollection() {
    if (was_on_) PyGC_Enable();
  }

 private:
  bool was_on_;
};

PyObject* MakeMasked(const SeriesBlock& block, size_t at, ArrayMemory* memory,
                     bool writable) {
  if (!InitMaskedArrays()) return nullptr;
  const NoCollection no_collection;
  const SampleView& view = block.view(at);
  Ref array;
  if (view.all_missing()) {
    array = Zeros(view);
  } else if (PyObject* holder = memory->SamplesOf(block)) {
    array = Ref::Take(View(g_state.unfinished, view, holder, writable));
  }
  PyObject* holder = nullptr;
  uint8_t* bytes = array ? memory->MaskOf(block, view.length, &holder) : nullptr;
  if (bytes == nullptr) return nullptr;
  if (view.all_missing()) {
    std::memset(bytes, 1, static_cast<size_t>(view.length));
  } else {
    kernels::MaskFromBitmap(view.validity, view.validity_offset, view.length, bytes);
  }
  const Ref mask = Ref::Take(Over(&PyArray_Type, g_state.boolean, bytes, view.length,
                                  NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED, holder));
  return mask && FinishMasked(array.get(), mask.get()) ? array.Release() : nullptr;
}

MemoryOwner OwnerOf(Ref object) {
  return MemoryOwner(object.Release(), [](const void* held) {
    const GilIfAny gil;
    if (gil) Py_DECREF(static_cast<PyObject*>(const_cast<void*>(held)));
  });
}

Result<DataType> DataTypeOf(PyArrayObject* array) {
  const PyArray_Descr* descr = PyArray_DESCR(array);
  const int width = static_cast<int>(PyDataType_ELSIZE(descr));
  const char kind = descr->kind;
  for (int i = 0; i < kDataTypeCount; ++i) {
    if (g_state.types[i]->kind == kind && ByteWidth(static_cast<DataType>(i)) == width) {
      return static_cast<DataType>(i);
    }
  }
  return Error(ErrorKind::kInvalidArgument,
               "samples have a type that does not travel: kind '{}', {} bytes", kind,
               width);
}

}  // namespace

bool InitArrays() {
  if (_import_array() < 0) return false;
  for (size_t i = 0; i < kTypeNumbers.size(); ++i) {
    g_state.types[i] = PyArray_DescrFromType(kTypeNumbers[i]);
    if (g_state.types[i] == nullptr) return false;
  }
  g_state.boolean = PyArray_DescrFromType(NPY_BOOL);
  g_memory_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_memory_spec));
  return g_state.boolean && g_memory_type;
}

ArrayMemory::~ArrayMemory() {
  Py_XDECREF(samples_);
  Py_XDECREF(masks_);
}

PyObject* ArrayMemory::SamplesOf(const SeriesBlock& block) {
  if (samples_ == nullptr) samples_ = MakeHolder(block.owners());
  return samples_;
}

uint8_t* ArrayMemory::MaskOf(const SeriesBlock& block, int64_t length,
                             PyObject** holder) {
  if (masks_ == nullptr) {
    int64_t bytes = 0;
    for (const SampleView& view : block.views()) {
      if (view.may_have_gaps()) bytes += view.length;
    }
    const std::shared_ptr<uint8_t[]> room(new uint8_t[static_cast<size_t>(bytes)]);
    masks_ = MakeHolder({room});
    next_mask_ = room.get();
  }
  *holder = masks_;
  return masks_ == nullptr ? nullptr : std::exchange(next_mask_, next_mask_ + length);
}

bool HasGaps(const SampleView& view) {
  if (view.all_missing()) return true;
  return view.validity != nullptr &&
         kernels::CountSetBits(view.validity, view.validity_offset, view.length) !=
             view.length;
}

PyObject* MakeArray(const SeriesBlock& block, size_t at, ArrayMemory* memory,
                    bool writable) {
  const SampleView& view = block.view(at);
  if (HasGaps(view)) return MakeMasked(block, at, memory, writable);
  PyObject* holder = memory->SamplesOf(block);
  return holder == nullptr ? nullptr : View(&PyArray_Type, view, holder, writable);
}

bool IsMasked(PyObject* array) {
  if (PyArray_CheckExact(array)) return false;
  if (g_state.masked == nullptr) {
    PyObject* modules = PyImport_GetModuleDict();
    if (PyDict_GetItemString(modules, "numpy.ma") == nullptr) return false;
    if (!InitMaskedArrays()) {
      PyErr_Clear();
      return false;
    }
  }
  return PyObject_TypeCheck(array, g_state.masked);
}

int HasGaps(PyObject* array) {
  if (!IsMasked(array)) return 0;
  const Ref mask = Ref::Take(PyObject_GetAttr(array, g_state.mask));
  if (!mask) return -1;
  // nomask is a scalar: an array without dimensions here, and False.
  const Ref any = Ref::Take(PyObject_CallMethod(mask.get(), "any", nullptr));
  return any ? PyObject_IsTrue(any.get()) : -1;
}

Ref AsSamples(PyObject* object) {
  if (PyArray_Check(object) &&
      PyArray_NDIM(reinterpret_cast<PyArrayObject*>(object)) == 1) {
    return Ref::Share(object);
  }
  // ENSUREARRAY is not asked for: masked arrays stay what they are.
  Ref array = Ref::Take(PyArray_FromAny(object, nullptr, 0, 0, 0, nullptr));
  if (array && PyArray_NDIM(reinterpret_cast<PyArrayObject*>(array.get())) != 1) {
    Raise(ErrorKind::kInvalidArgument, "samples must have one dimension, got {}",
          PyArray_NDIM(reinterpret_cast<PyArrayObject*>(array.get())));
    return Ref();
  }
  return array;
}

Result<SampleView> ViewOf(PyObject* array, std::vector<MemoryOwner>* owners) {
  ARROW_ASSIGN_OR_RAISE(const DataType type,
                        DataTypeOf(reinterpret_cast<PyArrayObject*>(array)));
  PyArray_Descr* descr = g_state.types[static_cast<size_t>(type)];
  Py_INCREF(descr);
  Ref plain = Ref::Take(PyArray_FromArray(
      reinterpret_cast<PyArrayObject*>(array), descr,
      NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_ENSUREARRAY));
  const int gaps = plain ? HasGaps(array) : -1;
  if (gaps < 0) return AlreadySet();
  auto* samples = reinterpret_cast<PyArrayObject*>(plain.get());
  SampleView view{static_cast<const uint8_t*>(PyArray_DATA(samples)), nullptr, 0,
                  static_cast<int64_t>(PyArray_DIM(samples, 0)), type};
  owners->push_back(OwnerOf(std::move(plain)));
  if (gaps == 0) return view;
  const Ref mask = Ref::Take(PyObject_GetAttr(array, g_state.mask));
  const Ref bytes = Ref::Take(
      mask ? PyArray_FROM_OTF(mask.get(), NPY_BOOL, NPY_ARRAY_CARRAY_RO) : nullptr);
  if (!bytes) return AlreadySet();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bits,
                        arrow::AllocateBuffer((view.length + 7) / 8));
  kernels::BitmapFromMask(static_cast<const uint8_t*>(PyArray_DATA(
                              reinterpret_cast<PyArrayObject*>(bytes.get()))),
                          view.length, bits->mutable_data(), 0);
  view.validity = bits->data();
  owners->push_back(std::move(bits));
  return view;
}

}  // namespace carryall::python
