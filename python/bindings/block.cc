#include "bindings/block.h"

#include <structmember.h>

#include <cmath>
#include <cstddef>

#include "bindings/errors.h"
#include "bindings/known_layouts.h"
#include "carryall/model/sample_grid.h"

namespace carryall::python {
namespace {

PyTypeObject* g_base = nullptr;   // what this file defines
PyTypeObject* g_block = nullptr;  // its subclass in carryall.block

Block* AsBlock(PyObject* object) { return reinterpret_cast<Block*>(object); }

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Block* block = AsBlock(self);
  Py_VISIT(reinterpret_cast<PyObject*>(block->layout));
  const Py_ssize_t count = block->arrays == nullptr ? 0 : block->layout->size();
  for (Py_ssize_t i = 0; i < count; ++i) Py_VISIT(block->arrays[i]);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void Dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Block* block = AsBlock(self);
  if (block->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  if (block->arrays != nullptr) {
    for (Py_ssize_t i = 0; i < block->layout->size(); ++i) Py_XDECREF(block->arrays[i]);
    PyMem_Free(block->arrays);
  }
  Py_XDECREF(reinterpret_cast<PyObject*>(block->layout));
  block->memory.~ArrayMemory();
  block->views.~SeriesBlock();
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// Steals nothing; `views` may have none, then the arrays are to be filled in.
Block* Allocate(PyTypeObject* type, Ref layout, carryall::SeriesBlock views) {
  const auto count = static_cast<size_t>(AsLayout(layout)->size());
  auto** arrays = static_cast<PyObject**>(PyMem_Calloc(count + 1, sizeof(PyObject*)));
  if (arrays == nullptr) {
    PyErr_NoMemory();
    return nullptr;
  }
  if (type == nullptr) type = g_block;
  Block* block = AsBlock(type->tp_alloc(type, 0));
  if (block == nullptr) {
    PyMem_Free(arrays);
    return nullptr;
  }
  block->layout = reinterpret_cast<Layout*>(layout.Release());
  block->arrays = arrays;
  block->time_ns = views.time().ns();
  block->duration_ns = views.duration().ns();
  new (&block->views) carryall::SeriesBlock(std::move(views));
  new (&block->memory) ArrayMemory();
  return block;
}

/// The duration of an array of a block; most have that of the one before.
struct Lasting {
  double rate = -1;
  Py_ssize_t length = -1;
  int64_t duration = 0;

  int64_t Of(Py_ssize_t other_length, double other_rate) {
    if (other_length != length || other_rate != rate) {
      rate = other_rate;
      length = other_length;
      duration = DurationNs(length, rate);
    }
    return duration;
  }
};

// Takes one array of a constructor's `data`; false with an exception set.
bool TakeArray(Block* block, Py_ssize_t at, PyObject* object, double rate,
               Lasting* lasting) {
  Ref array = AsSamples(object);
  if (!array) return false;
  const Py_ssize_t length = PyArray_DIM(reinterpret_cast<PyArrayObject*>(array.get()), 0);
  const int64_t duration = lasting->Of(length, rate);
  if (duration != block->duration_ns && block->duration_ns != 0) {
    Ref name = Ref::Take(PyObject_Str(PyTuple_GET_ITEM(block->layout->names, at)));
    Raise(ErrorKind::kInvalidArgument,
          "arrays of a block must last equally long: {} ns before, {} ns of channel {}",
          block->duration_ns, duration, name ? PyUnicode_AsUTF8(name.get()) : "?");
    return false;
  }
  block->duration_ns = duration;
  block->arrays[at] = array.Release();
  return true;
}

/// The arguments of a constructor; false with an exception set. `channels` may stay null.
bool ParseArguments(PyObject* args, PyObject* kwargs, int64_t* time_ns, PyObject** data,
                    PyObject** channels) {
  // Python's parser takes a fifth of the time that a block of 20 channels takes.
  if (kwargs == nullptr && PyTuple_GET_SIZE(args) == 3 &&
      PyLong_CheckExact(PyTuple_GET_ITEM(args, 0))) {
    *time_ns = PyLong_AsLongLong(PyTuple_GET_ITEM(args, 0));
    *data = PyTuple_GET_ITEM(args, 1);
    *channels = PyTuple_GET_ITEM(args, 2);
    return *time_ns != -1 || PyErr_Occurred() == nullptr;
  }
  static const char* kNames[] = {"time_ns", "data", "channels", nullptr};
  long long time = 0;  // NOLINT(google-runtime-int): what the parser fills
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "LO|O", const_cast<char**>(kNames),
                                   &time, data, channels)) {
    return false;
  }
  *time_ns = time;
  return true;
}

PyObject* New(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  int64_t time_ns = 0;
  PyObject *data = nullptr, *channels = nullptr;
  if (!ParseArguments(args, kwargs, &time_ns, &data, &channels)) return nullptr;
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    Ref items;
    Ref layout = LayoutOfArguments(data, channels, &items);
    if (!layout) return nullptr;
    const std::vector<double>* rates = RatesOf(AsLayout(layout));
    if (rates == nullptr) return nullptr;
    const Py_ssize_t count = AsLayout(layout)->size();
    Ref self = Ref::Take(reinterpret_cast<PyObject*>(Allocate(
        type, std::move(layout),
        carryall::SeriesBlock(GpsTime::FromNs(time_ns), Duration(), nullptr, {}, {}))));
    if (!self) return nullptr;
    Lasting lasting;
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t i = 0, at = 0; i < count; ++i) {
      if (items) {
        value = PyTuple_GET_ITEM(PyList_GET_ITEM(items.get(), i), 1);
      } else if (!PyDict_Next(data, &at, &key, &value)) {
        PyErr_SetString(PyExc_RuntimeError, "data changed meanwhile");
        return nullptr;
      }
      const Ref array = Ref::Share(value);  // making an array may run Python code
      if (!TakeArray(AsBlock(self.get()), i, value, (*rates)[static_cast<size_t>(i)],
                     &lasting)) {
        return nullptr;
      }
    }
    return self.Release();
  });
}

PyObject* GetTime(PyObject* self, void*) {
  return PyLong_FromLongLong(AsBlock(self)->time_ns);
}
PyObject* GetDuration(PyObject* self, void*) {
  return PyLong_FromLongLong(AsBlock(self)->duration_ns);
}
PyObject* GetEnd(PyObject* self, void*) {
  return PyLong_FromLongLong(AsBlock(self)->time_ns + AsBlock(self)->duration_ns);
}
PyObject* GetData(PyObject* self, void*) { return MakeData(AsBlock(self)); }
PyObject* GetChannels(PyObject* self, void*) {
  return Py_XNewRef(ChannelsByName(AsBlock(self)->layout));
}
PyObject* GetHasGaps(PyObject* self, void*) {
  for (Py_ssize_t i = 0; i < AsBlock(self)->layout->size(); ++i) {
    const int gaps = HasGapsAt(AsBlock(self), i);
    if (gaps != 0) return gaps < 0 ? nullptr : Py_NewRef(Py_True);
  }
  return Py_NewRef(Py_False);
}

PyObject* GetBytes(PyObject* self, void*) {
  Block* block = AsBlock(self);
  int64_t bytes = 0;
  for (Py_ssize_t i = 0; i < block->layout->size(); ++i) {
    if (block->arrays[i] != nullptr) {
      bytes += PyArray_NBYTES(reinterpret_cast<PyArrayObject*>(block->arrays[i]));
    } else {
      const SampleView view = block->views.view(static_cast<size_t>(i));
      bytes += view.length * ByteWidth(view.data_type);
    }
  }
  return PyLong_FromLongLong(bytes);
}

Py_ssize_t Length(PyObject* self) { return AsBlock(self)->layout->size(); }

PyObject* GetItem(PyObject* self, PyObject* name) {
  const Py_ssize_t at = Find(AsBlock(self)->layout, name);
  if (at >= 0) return MakeSeries(AsBlock(self), at);
  if (at == -1) PyErr_SetObject(PyExc_KeyError, name);
  return nullptr;
}

int Contains(PyObject* self, PyObject* name) {
  const Py_ssize_t at = Find(AsBlock(self)->layout, name);
  return at == -2 ? -1 : at >= 0;
}

PyObject* Iterate(PyObject* self) {
  return PyObject_GetIter(AsBlock(self)->layout->index);
}

PyObject* Keys(PyObject* self, PyObject*) {
  return PyObject_CallMethod(AsBlock(self)->layout->index, "keys", nullptr);
}

PyObject* Values(PyObject* self, PyObject*) {
  Ref list = Ref::Take(PyList_New(Length(self)));
  for (Py_ssize_t i = 0; list && i < Length(self); ++i) {
    PyObject* series = MakeSeries(AsBlock(self), i);
    if (series == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), i, series);
  }
  return list.Release();
}

PyObject* Items(PyObject* self, PyObject*) {
  return MakeIterator(AsBlock(self), ItemKind::kSeriesItems);
}

PyObject* Get(PyObject* self, PyObject* args) {
  PyObject *name = nullptr, *otherwise = Py_None;
  if (!PyArg_ParseTuple(args, "O|O", &name, &otherwise)) return nullptr;
  const Py_ssize_t at = Find(AsBlock(self)->layout, name);
  if (at >= 0) return MakeSeries(AsBlock(self), at);
  return at == -1 ? Py_NewRef(otherwise) : nullptr;
}

template <typename Function>
PyCFunction Method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef g_methods[] = {
    {"keys", Keys, METH_NOARGS, "Names of the channels, in their order."},
    {"values", Values, METH_NOARGS, "A Series of each channel."},
    {"items", Items, METH_NOARGS, "Iterates over (name, Series)."},
    {"get", Get, METH_VARARGS, "The Series of a channel, or a default."},
    {"from_row_batch", Method(FromRowBatch), METH_FASTCALL | METH_KEYWORDS | METH_CLASS,
     "from_row_batch(batch, index_to_channel): the block of a row-form RecordBatch "
     "(time, id, data). Rows of ids that the mapping lacks are left out."},
    {"from_column_batch", Method(FromColumnBatch),
     METH_FASTCALL | METH_KEYWORDS | METH_CLASS,
     "from_column_batch(batch, channels): the block of a column-form RecordBatch "
     "(time, <channel>...)."},
    {"_gap", MakeGap, METH_VARARGS | METH_CLASS,
     "_gap(time_ns, duration_ns, channels): a block without a sample."},
    {"_to_column_batch", ToColumnBatch, METH_NOARGS,
     "The block as a RecordBatch of one row."},
    {"_to_arrow", ToArrowBatch, METH_NOARGS,
     "The block as a RecordBatch over its own memory."},
    {"_to_row_batch", ToRowBatch, METH_O,
     "The block in row form with the given ids, as a RecordBatch."},
    {"filter", Method(Filter), METH_FASTCALL | METH_KEYWORDS,
     "filter(channels=None): the block with these channels (names or Channels) only, in "
     "the order given; all of them if none are. Shares the samples; KeyError."},
    {"_combine", Combine, METH_O | METH_CLASS,
     "The blocks of a sequence, all of one span, side by side."},
    {"_concatenate", Concatenate, METH_O | METH_CLASS,
     "The blocks of a list joined in time."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef g_getters[] = {
    {"time_ns", GetTime, nullptr, "GPS time of the first sample, ns.", nullptr},
    {"start_ns", GetTime, nullptr, "The same as time_ns.", nullptr},
    {"end_ns", GetEnd, nullptr, "GPS time just after the last sample, ns.", nullptr},
    {"duration_ns", GetDuration, nullptr, "How long the block lasts, ns.", nullptr},
    {"nbytes", GetBytes, nullptr, "Bytes of all samples.", nullptr},
    {"data", GetData, nullptr, "Mapping: name -> array, made when asked for.", nullptr},
    {"channels", GetChannels, nullptr, "Mapping: name -> Channel.", nullptr},
    {"has_gaps", GetHasGaps, nullptr, "Whether any channel has gaps.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef g_members[] = {{"__weaklistoffset__", T_PYSSIZET,
                            offsetof(Block, weak_references), READONLY, nullptr},
                           {nullptr, 0, 0, 0, nullptr}};

PyType_Slot g_slots[] = {{Py_tp_new, reinterpret_cast<void*>(New)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                         {Py_tp_iter, reinterpret_cast<void*>(Iterate)},
                         {Py_mp_length, reinterpret_cast<void*>(Length)},
                         {Py_mp_subscript, reinterpret_cast<void*>(GetItem)},
                         {Py_sq_contains, reinterpret_cast<void*>(Contains)},
                         {Py_tp_methods, g_methods},
                         {Py_tp_getset, g_getters},
                         {Py_tp_members, g_members},
                         {0, nullptr}};
PyType_Spec g_spec = {"carryall._core.BlockBase", sizeof(Block), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                      g_slots};

}  // namespace

bool InitBlocks(PyObject* module) {
  g_base = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_spec));
  g_block = g_base;
  return g_base && PyModule_AddType(module, g_base) == 0 && InitSeries(module) &&
         InitBlockItems(module);
}

void SetBlockType(PyTypeObject* block) {
  Py_INCREF(block);
  g_block = block;
}

bool IsBlock(PyObject* object) { return PyObject_TypeCheck(object, g_base); }

PyObject* MakeBlock(PyTypeObject* type, carryall::SeriesBlock views, Ref layout,
                    bool writable) {
  Block* block = Allocate(type, std::move(layout), std::move(views));
  if (block != nullptr) block->writable = writable;
  return reinterpret_cast<PyObject*>(block);
}

PyObject* MakeEmptyBlock(PyTypeObject* type, int64_t time_ns) {
  Ref layout = MakeLayout(Ref::Take(PyTuple_New(0)), Ref::Take(PyTuple_New(0)), nullptr);
  if (!layout) return nullptr;
  return MakeBlock(
      type, carryall::SeriesBlock(GpsTime::FromNs(time_ns), Duration(), nullptr, {}, {}),
      std::move(layout), false);
}

PyObject* ArrayOf(Block* block, Py_ssize_t at) {
  PyObject*& array = block->arrays[at];
  if (array != nullptr) return array;
  array = Guard<PyObject*>(nullptr, [&] {
    return MakeArray(block->views, static_cast<size_t>(at), &block->memory,
                     block->writable);
  });
  return array;
}

Py_ssize_t LengthOf(Block* block, Py_ssize_t at) {
  if (block->views.size() > 0) return block->views.view(static_cast<size_t>(at)).length;
  return PyArray_DIM(reinterpret_cast<PyArrayObject*>(block->arrays[at]), 0);
}

int HasGapsAt(Block* block, Py_ssize_t at) {
  if (block->arrays[at] != nullptr) return HasGaps(block->arrays[at]);
  return static_cast<int>(HasGaps(block->views.view(static_cast<size_t>(at))));
}

int64_t DurationNs(int64_t length, double rate) {
  if (rate == std::floor(rate) && rate < 1e18) {
    return static_cast<int64_t>(static_cast<__int128>(length) * 1'000'000'000 /
                                static_cast<int64_t>(rate));
  }
  return static_cast<int64_t>(static_cast<double>(length) * 1e9 / rate);
}

Result<carryall::SeriesBlock> ViewsOf(Block* block) {
  KnownChannels known;
  return ViewsOf(block, &known);
}

Result<carryall::SeriesBlock> ViewsOf(Block* block, KnownChannels* known) {
  const bool from_views = block->views.size() > 0 && block->views.channels() != nullptr;
  bool remade = !from_views;
  // Masks can be written to, so those that Python has seen count, not the bitmaps.
  for (Py_ssize_t i = 0; !remade && i < block->layout->size(); ++i) {
    remade = block->arrays[i] != nullptr && IsMasked(block->arrays[i]);
  }
  if (!remade) return block->views;
  std::vector<SampleView> views;
  std::vector<MemoryOwner> owners = block->views.owners();
  for (Py_ssize_t i = 0; i < block->layout->size(); ++i) {
    PyObject* array = ArrayOf(block, i);
    if (array == nullptr) return AlreadySet();
    ARROW_ASSIGN_OR_RAISE(const SampleView view, ViewOf(array, &owners));
    views.push_back(view);
  }
  auto set = block->views.channels();
  Duration duration = Duration::FromNs(block->duration_ns);
  if (!from_views) {
    ARROW_ASSIGN_OR_RAISE(set, known->SetOf(block->layout, views));
    // Python rounds durations down, the core's hold all their samples.
    for (size_t i = 0; i < views.size(); ++i) {
      duration =
          std::max(duration, SpanOfSamples((*set)[i].sample_rate, views[i].length));
    }
  }
  return carryall::SeriesBlock(GpsTime::FromNs(block->time_ns), duration, std::move(set),
                               std::move(views), std::move(owners));
}

Result<std::shared_ptr<const ChannelSet>> KnownChannels::SetOf(
    Layout* layout, const std::vector<SampleView>& views) {
  PyObject* channels = ChannelsOf(layout);
  if (channels == nullptr) return AlreadySet();
  bool same = set_ != nullptr && set_->size() == views.size();
  for (size_t i = 0; same && i < views.size(); ++i) {
    same = objects_[i].get() == PyTuple_GET_ITEM(channels, static_cast<Py_ssize_t>(i)) &&
           (*set_)[i].data_type == views[i].data_type;
  }
  if (same) return set_;
  set_.reset();
  objects_.clear();
  std::vector<Channel> made;
  for (size_t i = 0; i < views.size(); ++i) {
    PyObject* object = PyTuple_GET_ITEM(channels, static_cast<Py_ssize_t>(i));
    objects_.push_back(Ref::Share(object));
    ARROW_ASSIGN_OR_RAISE(made.emplace_back(), FromPython(object, views[i].data_type));
    if (detailed_) ARROW_RETURN_NOT_OK(AddDetails(object, &made.back()));
  }
  ARROW_ASSIGN_OR_RAISE(set_, ChannelSet::Make(std::move(made)));
  return set_;
}

}  // namespace carryall::python
