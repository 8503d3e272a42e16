// Blocks from RecordBatches of pyarrow and back.
#include <arrow/array/data.h>
#include <arrow/python/pyarrow.h>

#include <array>

#include "bindings/arrays.h"
#include "bindings/arrow_export.h"
#include "bindings/batch_layouts.h"
#include "bindings/block.h"
#include "bindings/errors.h"
#include "carryall/codec/assemble.h"
#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"

namespace carryall::python {
namespace {

std::shared_ptr<arrow::RecordBatch> BatchOf(PyObject* object) {
  if (arrow::py::is_batch(object)) {
    auto batch = arrow::py::unwrap_batch(object);
    if (batch.ok()) return *std::move(batch);
  }
  PyErr_Format(PyExc_TypeError, "expected a pyarrow.RecordBatch, got %.200s",
               Py_TYPE(object)->tp_name);
  return nullptr;
}

Result<int64_t> TimeOf(const arrow::RecordBatch& batch) {
  const arrow::ArrayData& times = *batch.column_data()[0];
  if (times.type->id() != arrow::Type::INT64 || times.buffers.size() < 2 ||
      times.buffers[1] == nullptr || times.offset < 0 ||
      times.buffers[1]->size() / 8 <= times.offset) {
    return Error(ErrorKind::kInvalidArgument, "row-form batch has no column of times: {}",
                 times.type->ToString());
  }
  return times.GetValues<int64_t>(1)[0];
}

/// Sorts the two arguments of a fast call, given in order or by name, into `out`.
bool TakeTwo(PyObject* const* args, Py_ssize_t count, PyObject* keywords,
             const std::array<const char*, 2>& names, std::array<PyObject*, 2>* out) {
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  out->fill(nullptr);
  if (count + named == 2) {
    for (Py_ssize_t i = 0; i < count; ++i) (*out)[static_cast<size_t>(i)] = args[i];
    for (Py_ssize_t i = 0; i < named; ++i) {
      PyObject* keyword = PyTuple_GET_ITEM(keywords, i);
      for (size_t k = 0; k < 2; ++k) {
        if (PyUnicode_CompareWithASCIIString(keyword, names[k]) == 0) {
          (*out)[k] = args[count + i];
        }
      }
    }
  }
  if ((*out)[0] != nullptr && (*out)[1] != nullptr) return true;
  PyErr_Format(PyExc_TypeError, "expected the arguments %s and %s", names[0], names[1]);
  return false;
}

PyTypeObject* AsType(PyObject* type) { return reinterpret_cast<PyTypeObject*>(type); }

PyObject* BlockOrRaise(PyObject* type, Result<carryall::SeriesBlock> views,
                       PyObject* layout) {
  if (!views.ok()) return Raise(views.status());
  return MakeBlock(AsType(type), *std::move(views), Ref::Share(layout), false);
}

// That of the last gap: of gap after gap the Channels are the same.
Ref& g_gap_layout = *new Ref;

bool AreThose(PyObject* a, PyObject* b) {
  if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); ++i) {
    if (PyTuple_GET_ITEM(a, i) != PyTuple_GET_ITEM(b, i)) return false;
  }
  return true;
}

/// A layout with a set for a tuple of Channels; null with an exception set.
Ref LayoutOfGap(Ref channels) {
  if (g_gap_layout && AreThose(AsLayout(g_gap_layout)->channels, channels.get())) {
    return Ref::Share(g_gap_layout.get());
  }
  const Py_ssize_t count = PyTuple_GET_SIZE(channels.get());
  Ref names = Ref::Take(PyTuple_New(count));
  std::vector<Channel> core;
  for (Py_ssize_t i = 0; names && i < count; ++i) {
    PyObject* channel = PyTuple_GET_ITEM(channels.get(), i);
    PyObject* name = PyObject_GetAttrString(channel, "name");
    if (name == nullptr) return Ref();
    PyTuple_SET_ITEM(names.get(), i, name);
    auto one = FromPython(channel);
    if (!one.ok()) {
      Raise(one.status());
      return Ref();
    }
    core.push_back(*std::move(one));
  }
  auto set = ChannelSet::Make(std::move(core));
  if (!set.ok()) {
    Raise(set.status());
    return Ref();
  }
  Ref layout = MakeLayout(std::move(names), std::move(channels), *std::move(set));
  if (layout) g_gap_layout = Ref::Share(layout.get());
  return layout;
}

}  // namespace

PyObject* FromRowBatch(PyObject* type, PyObject* const* args, Py_ssize_t count,
                       PyObject* keywords) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    std::array<PyObject*, 2> given;
    if (!TakeTwo(args, count, keywords, {"batch", "index_to_channel"}, &given))
      return nullptr;
    const auto batch = BatchOf(given[0]);
    RowLayout* rows = batch ? FindRowLayout(*batch, given[1]) : nullptr;
    if (rows == nullptr) return nullptr;
    const Ref layout = Ref::Share(rows->layout.get());
    if (rows->reader == nullptr) {
      const auto time_ns = TimeOf(*batch);
      return time_ns.ok() ? MakeEmptyBlock(AsType(type), *time_ns)
                          : Raise(time_ns.status());
    }
    return BlockOrRaise(type, rows->reader->Read(batch), layout.get());
  });
}

PyObject* FromColumnBatch(PyObject* type, PyObject* const* args, Py_ssize_t count,
                          PyObject* keywords) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    std::array<PyObject*, 2> given;
    if (!TakeTwo(args, count, keywords, {"batch", "channels"}, &given)) return nullptr;
    const auto batch = BatchOf(given[0]);
    const Ref layout = Ref::Share(batch ? FindColumnLayout(*batch, given[1]) : nullptr);
    if (!layout) return nullptr;
    return BlockOrRaise(type, codec::BlockFromColumnBatch(batch, AsLayout(layout)->set),
                        layout.get());
  });
}

PyObject* MakeGap(PyObject* type, PyObject* args) {
  long long time_ns = 0, duration_ns = 0;  // NOLINT(google-runtime-int)
  PyObject* given = nullptr;
  if (!PyArg_ParseTuple(args, "LLO", &time_ns, &duration_ns, &given)) return nullptr;
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    Ref channels = Ref::Take(PySequence_Tuple(given));
    if (!channels) return nullptr;
    if (PyTuple_GET_SIZE(channels.get()) == 0) {
      return MakeEmptyBlock(AsType(type), time_ns);
    }
    Ref layout = LayoutOfGap(std::move(channels));
    if (!layout) return nullptr;
    auto views = carryall::SeriesBlock::Gap(
        GpsTime::FromNs(time_ns), Duration::FromNs(duration_ns), AsLayout(layout)->set);
    return MakeBlock(AsType(type), std::move(views), std::move(layout), false);
  });
}

PyObject* ToColumnBatch(PyObject* self, PyObject*) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    const auto views = ViewsOf(reinterpret_cast<Block*>(self));
    if (!views.ok()) return Raise(views.status());
    const auto batch = codec::ToColumnBatch(*views);
    return batch.ok() ? arrow::py::wrap_batch(*batch) : Raise(batch.status());
  });
}

PyObject* ToArrowBatch(PyObject* self, PyObject*) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    const auto views = ViewsOf(reinterpret_cast<Block*>(self));
    if (!views.ok()) return Raise(views.status());
    const auto batch = BlockAsArrow(*views);
    return batch.ok() ? arrow::py::wrap_batch(*batch) : Raise(batch.status());
  });
}

PyObject* ToRowBatch(PyObject* self, PyObject* given) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    const Ref list = Ref::Take(PySequence_List(given));
    if (!list) return nullptr;
    std::vector<uint32_t> ids;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
      const auto id = PyLong_AsUnsignedLong(PyList_GET_ITEM(list.get(), i));
      if (PyErr_Occurred()) return nullptr;
      if (id > std::numeric_limits<uint32_t>::max()) {
        return Raise(ErrorKind::kInvalidArgument, "row id is too large: {}", id);
      }
      ids.push_back(static_cast<uint32_t>(id));
    }
    const auto views = ViewsOf(reinterpret_cast<Block*>(self));
    if (!views.ok()) return Raise(views.status());
    const auto batch = RowsAsArrow(*views, ids);
    return batch.ok() ? arrow::py::wrap_batch(*batch) : Raise(batch.status());
  });
}

PyObject* Concatenate(PyObject* type, PyObject* given) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    const Ref list = Ref::Take(PySequence_List(given));
    if (!list) return nullptr;
    std::vector<carryall::SeriesBlock> blocks;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
      PyObject* block = PyList_GET_ITEM(list.get(), i);
      if (!IsBlock(block)) return PyErr_Format(PyExc_TypeError, "expected SeriesBlocks");
      auto views = ViewsOf(reinterpret_cast<Block*>(block));
      if (!views.ok()) return Raise(views.status());
      blocks.push_back(*std::move(views));
    }
    auto joined = codec::Concatenate(blocks);
    if (!joined.ok()) return Raise(joined.status());
    // What lay side by side was not copied, and is still somebody else's.
    bool copied = true;
    for (size_t i = 0; i < joined->size(); ++i) {
      copied = copied && joined->view(i).values != blocks[0].view(i).values;
    }
    auto* first = reinterpret_cast<Block*>(PyList_GET_ITEM(list.get(), 0));
    PyObject* channels = ChannelsOf(first->layout);
    if (channels == nullptr) return nullptr;
    Ref layout = MakeLayout(Ref::Share(first->layout->names), Ref::Share(channels),
                            joined->channels());
    if (!layout) return nullptr;
    return MakeBlock(AsType(type), *std::move(joined), std::move(layout), copied);
  });
}

}  // namespace carryall::python
