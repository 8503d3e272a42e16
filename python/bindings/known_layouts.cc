#include "bindings/known_layouts.h"

#include <list>

#include "bindings/errors.h"

namespace carryall::python {
namespace {

Ref LayoutOfMappings(PyObject* items, PyObject* channels) {
  const Py_ssize_t count = PyList_GET_SIZE(items);
  const Py_ssize_t given = channels == nullptr ? 0 : PyMapping_Size(channels);
  if (given < 0) return Ref();
  Ref names = Ref::Take(PyTuple_New(count));
  Ref values = Ref::Take(PyTuple_New(count));
  for (Py_ssize_t i = 0; names && values && i < count; ++i) {
    PyObject* name = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0);
    PyTuple_SET_ITEM(names.get(), i, Py_NewRef(name));
    PyObject* channel = channels == nullptr || !PyMapping_HasKey(channels, name)
                            ? nullptr
                            : PyObject_GetItem(channels, name);
    if (channel == nullptr && PyErr_Occurred()) return Ref();
    if (channel == nullptr || given != count) {
      Py_XDECREF(channel);
      Raise(
          ErrorKind::kInvalidArgument,
          "data and channels of a block must have the same names: {} arrays, {} channels",
          count, given);
      return Ref();
    }
    PyTuple_SET_ITEM(values.get(), i, channel);
  }
  if (count == 0 && given != 0) {
    Raise(ErrorKind::kInvalidArgument, "a block without data has {} channels", given);
    return Ref();
  }
  return MakeLayout(std::move(names), std::move(values), nullptr);
}

/// The layout of blocks that were made in Python, and the keys of their `channels`.
struct Known {
  Ref layout;
  std::vector<Ref> keys;

  /// Whether it is that of other such arguments, by the identity of names and Channels.
  bool IsOf(PyObject* data, PyObject* channels) const {
    const Layout* of = AsLayout(layout);
    if (PyDict_GET_SIZE(data) != of->size()) return false;
    PyObject *name = nullptr, *array = nullptr, *key = nullptr, *channel = nullptr;
    Py_ssize_t in_data = 0, in_channels = 0;
    for (Py_ssize_t i = 0; i < of->size(); ++i) {
      if (!PyDict_Next(data, &in_data, &name, &array) ||
          !PyDict_Next(channels, &in_channels, &key, &channel) ||
          name != PyTuple_GET_ITEM(of->names, i) ||
          key != keys[static_cast<size_t>(i)].get() ||
          channel != PyTuple_GET_ITEM(of->channels, i)) {
        return false;
      }
    }
    return true;
  }
};

// Latest first. Never destroyed: the interpreter may be gone by then.
constexpr size_t kRemembered = 8;
auto& g_known = *new std::list<Known>;

bool AreDicts(PyObject* data, PyObject* channels) {
  return channels != nullptr && PyDict_CheckExact(data) && PyDict_CheckExact(channels) &&
         PyDict_GET_SIZE(data) == PyDict_GET_SIZE(channels);
}

/// The layout for such arguments, if it is known; no exception is set.
Ref KnownLayout(PyObject* data, PyObject* channels) {
  if (!AreDicts(data, channels)) return Ref();
  for (auto it = g_known.begin(); it != g_known.end(); ++it) {
    if (!it->IsOf(data, channels)) continue;
    g_known.splice(g_known.begin(), g_known, it);
    return Ref::Share(g_known.front().layout.get());
  }
  return Ref();
}

void Remember(const Ref& layout, PyObject* data, PyObject* channels) {
  if (!AreDicts(data, channels)) return;
  Known known{Ref::Share(layout.get()), {}};
  PyObject *key = nullptr, *channel = nullptr;
  for (Py_ssize_t i = 0, at = 0; PyDict_Next(channels, &at, &key, &channel); ++i) {
    // In another order than the data it would never be recognised.
    if (channel != PyTuple_GET_ITEM(AsLayout(layout)->channels, i)) return;
    known.keys.push_back(Ref::Share(key));
  }
  g_known.push_front(std::move(known));
  std::list<Known> forgotten;  // dropping one may run Python code, which may come here
  if (g_known.size() > kRemembered) {
    forgotten.splice(forgotten.begin(), g_known, std::prev(g_known.end()));
  }
}

}  // namespace

Ref LayoutOfArguments(PyObject* data, PyObject* channels, Ref* items) {
  Ref layout = KnownLayout(data, channels);
  if (layout) return layout;
  *items = Ref::Take(PyMapping_Items(data));
  if (*items) layout = LayoutOfMappings(items->get(), channels);
  if (layout) Remember(layout, data, channels);
  return layout;
}

}  // namespace carryall::python
