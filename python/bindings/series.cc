#include <cstring>

#include "bindings/arrays.h"
#include "bindings/block.h"
#include "bindings/errors.h"

namespace carryall::python {
namespace {

PyTypeObject* g_series = nullptr;  // the subclass in carryall.block

Series* AsSeries(PyObject* object) { return reinterpret_cast<Series*>(object); }

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<PyObject*>(AsSeries(self)->block));
  Py_VISIT(AsSeries(self)->data);
  Py_VISIT(AsSeries(self)->channel);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void Dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_XDECREF(reinterpret_cast<PyObject*>(AsSeries(self)->block));
  Py_XDECREF(AsSeries(self)->data);
  Py_XDECREF(AsSeries(self)->channel);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* New(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* kNames[] = {"time_ns", "data", "channel", nullptr};
  long long time_ns = 0;  // NOLINT(google-runtime-int): what the parser fills
  PyObject *data = nullptr, *channel = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "LOO", const_cast<char**>(kNames),
                                   &time_ns, &data, &channel)) {
    return nullptr;
  }
  Ref array = AsSamples(data);
  if (!array) return nullptr;
  PyObject* self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  AsSeries(self)->time_ns = time_ns;
  AsSeries(self)->data = array.Release();
  AsSeries(self)->channel = Py_NewRef(channel);
  return self;
}

PyObject* GetTime(PyObject* self, void*) {
  return PyLong_FromLongLong(AsSeries(self)->time_ns);
}

PyObject* GetData(PyObject* self, void*) {
  Series* series = AsSeries(self);
  return Py_XNewRef(series->block != nullptr ? ArrayOf(series->block, series->at)
                                             : series->data);
}

PyObject* GetChannel(PyObject* self, void*) {
  Series* series = AsSeries(self);
  if (series->block == nullptr) return Py_NewRef(series->channel);
  PyObject* channels = ChannelsOf(series->block->layout);
  return channels == nullptr ? nullptr
                             : Py_NewRef(PyTuple_GET_ITEM(channels, series->at));
}

PyObject* GetName(PyObject* self, void*) {
  Series* series = AsSeries(self);
  if (series->block == nullptr) return PyObject_GetAttrString(series->channel, "name");
  return Py_NewRef(PyTuple_GET_ITEM(series->block->layout->names, series->at));
}

PyObject* GetHasGaps(PyObject* self, void*) {
  Series* series = AsSeries(self);
  const int gaps = series->block != nullptr ? HasGapsAt(series->block, series->at)
                                            : HasGaps(series->data);
  return gaps < 0 ? nullptr : PyBool_FromLong(gaps);
}

Py_ssize_t Length(PyObject* self) {
  Series* series = AsSeries(self);
  if (series->block != nullptr) return LengthOf(series->block, series->at);
  return PyArray_DIM(reinterpret_cast<PyArrayObject*>(series->data), 0);
}

PyObject* GetDuration(PyObject* self, void*) {
  const Ref channel = Ref::Take(GetChannel(self, nullptr));
  const double rate = channel ? RateOf(channel.get()) : -1;
  if (rate < 0) return nullptr;
  return PyLong_FromLongLong(DurationNs(Length(self), rate));
}

PyMethodDef g_methods[] = {
    {"_to_arrow", SeriesToArrow, METH_NOARGS,
     "The samples as a pyarrow.Array over their own memory."},
    {"_envelope", SeriesEnvelope, METH_O,
     "_envelope(bins): the lowest and the highest sample of each of so many parts, as "
     "two float64 arrays; NaN where a part has none."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef g_getters[] = {
    {"time_ns", GetTime, nullptr, "GPS time of the first sample, ns.", nullptr},
    {"data", GetData, nullptr,
     "The samples: an array, a MaskedArray exactly where there are gaps.", nullptr},
    {"channel", GetChannel, nullptr, "The Channel.", nullptr},
    {"name", GetName, nullptr, "The channel's name.", nullptr},
    {"has_gaps", GetHasGaps, nullptr, "Whether a sample is missing.", nullptr},
    {"duration_ns", GetDuration, nullptr, "How long the samples last, ns.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot g_slots[] = {{Py_tp_new, reinterpret_cast<void*>(New)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                         // Not sq_length: a series is no sequence.
                         {Py_mp_length, reinterpret_cast<void*>(Length)},
                         {Py_tp_methods, g_methods},
                         {Py_tp_getset, g_getters},
                         {0, nullptr}};
PyType_Spec g_spec = {"carryall._core.SeriesBase", sizeof(Series), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                      g_slots};

}  // namespace

bool InitSeries(PyObject* module) {
  g_series = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_spec));
  return g_series && PyModule_AddType(module, g_series) == 0;
}

// Series are made and dropped by the thousand: some are kept to be used again. Only the
// registered type has these slots; classes derived from it have those of their own.
constexpr size_t kMostKept = 1024;
auto& g_kept = *new std::vector<PyObject*>;

PyObject* AllocateKept(PyTypeObject* type, Py_ssize_t items) {
  if (g_kept.empty()) return PyType_GenericAlloc(type, items);
  PyObject* self = g_kept.back();
  g_kept.pop_back();
  std::memset(reinterpret_cast<char*>(self) + sizeof(PyObject), 0,
              sizeof(Series) - sizeof(PyObject));
  PyObject_Init(self, type);
  PyObject_GC_Track(self);
  return self;
}

void FreeKept(void* self) {
  if (g_kept.size() < kMostKept) {
    g_kept.push_back(static_cast<PyObject*>(self));
  } else {
    PyObject_GC_Del(self);
  }
}

void SetSeriesType(PyTypeObject* series) {
  if (series->tp_basicsize == sizeof(Series) && series->tp_dictoffset == 0 &&
      series->tp_weaklistoffset == 0) {
    g_kept.reserve(kMostKept);
    series->tp_alloc = AllocateKept;
    series->tp_free = FreeKept;
    // It adds nothing to be torn down: what Python's classes do for that takes as long
    // as all the rest.
    series->tp_dealloc = Dealloc;
  }
  Py_INCREF(series);
  g_series = series;
}

Result<SampleView> ViewOf(Series* series, std::vector<MemoryOwner>* owners) {
  Block* block = series->block;
  if (block == nullptr) return ViewOf(series->data, owners);
  // Masks can be written to, so those that Python has seen count, not the bitmaps.
  PyObject* array = block->arrays[series->at];
  if (array != nullptr && (block->views.size() == 0 || IsMasked(array))) {
    return ViewOf(array, owners);
  }
  *owners = block->views.owners();
  return block->views.view(static_cast<size_t>(series->at));
}

// A series of a block only refers to that, which never refers to a series: with no room
// for anything else it is part of no cycle, and the collector need not look at it.
PyObject* AllocateForBlock() {
  if (g_series->tp_alloc != AllocateKept || g_kept.empty()) {
    PyObject* self = g_series->tp_alloc(g_series, 0);
    if (self != nullptr && g_series->tp_dictoffset == 0) PyObject_GC_UnTrack(self);
    return self;
  }
  PyObject* self = PyObject_Init(g_kept.back(), g_series);
  g_kept.pop_back();
  AsSeries(self)->data = AsSeries(self)->channel = nullptr;
  return self;
}

PyObject* MakeSeries(Block* block, Py_ssize_t at) {
  PyObject* self = AllocateForBlock();
  if (self == nullptr) return nullptr;
  AsSeries(self)->block = block;
  Py_INCREF(reinterpret_cast<PyObject*>(block));
  AsSeries(self)->at = at;
  AsSeries(self)->time_ns = block->time_ns;
  return self;
}

}  // namespace carryall::python
