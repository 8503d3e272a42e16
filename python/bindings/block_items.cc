#include "bindings/block.h"

namespace carryall::python {
namespace {

PyTypeObject* g_data = nullptr;
PyTypeObject* g_iterator = nullptr;

/// The mapping name -> array of a block.
struct Data {
  PyObject ob_base;
  Block* block;
};

struct Iterator {
  PyObject ob_base;
  Block* block;  // always first, as in Data
  Py_ssize_t next;
  ItemKind kind;
};

Block* BlockOf(PyObject* self) { return reinterpret_cast<Data*>(self)->block; }

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<PyObject*>(BlockOf(self)));
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void Dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_XDECREF(reinterpret_cast<PyObject*>(BlockOf(self)));
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* Make(PyTypeObject* type, Block* block) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  reinterpret_cast<Data*>(self)->block = block;
  Py_INCREF(reinterpret_cast<PyObject*>(block));
  return self;
}

PyObject* Pair(PyObject* name, PyObject* value) {
  PyObject* pair = PyTuple_New(2);
  if (pair == nullptr) return nullptr;
  PyTuple_SET_ITEM(pair, 0, Py_NewRef(name));
  PyTuple_SET_ITEM(pair, 1, Py_NewRef(value));
  return pair;
}

PyObject* Next(PyObject* self) {
  auto* iterator = reinterpret_cast<Iterator*>(self);
  Block* block = iterator->block;
  if (iterator->next >= block->layout->size()) return nullptr;
  const Py_ssize_t at = iterator->next++;
  if (iterator->kind == ItemKind::kArrays) return Py_XNewRef(ArrayOf(block, at));
  const Ref value = iterator->kind == ItemKind::kArrayItems
                        ? Ref::Share(ArrayOf(block, at))
                        : Ref::Take(MakeSeries(block, at));
  if (!value) return nullptr;
  return Pair(PyTuple_GET_ITEM(block->layout->names, at), value.get());
}

PyObject* LengthHint(PyObject* self, PyObject*) {
  return PyLong_FromSsize_t(BlockOf(self)->layout->size() -
                            reinterpret_cast<Iterator*>(self)->next);
}

Py_ssize_t Length(PyObject* self) { return BlockOf(self)->layout->size(); }

PyObject* GetItem(PyObject* self, PyObject* name) {
  const Py_ssize_t at = Find(BlockOf(self)->layout, name);
  if (at >= 0) return Py_XNewRef(ArrayOf(BlockOf(self), at));
  if (at == -1) PyErr_SetObject(PyExc_KeyError, name);
  return nullptr;
}

int Contains(PyObject* self, PyObject* name) {
  const Py_ssize_t at = Find(BlockOf(self)->layout, name);
  return at == -2 ? -1 : at >= 0;
}

PyObject* Iterate(PyObject* self) {
  return PyObject_GetIter(BlockOf(self)->layout->index);
}

PyObject* Keys(PyObject* self, PyObject*) {
  return PyObject_CallMethod(BlockOf(self)->layout->index, "keys", nullptr);
}

PyObject* Values(PyObject* self, PyObject*) {
  return MakeIterator(BlockOf(self), ItemKind::kArrays);
}

PyObject* Items(PyObject* self, PyObject*) {
  return MakeIterator(BlockOf(self), ItemKind::kArrayItems);
}

PyObject* Get(PyObject* self, PyObject* args) {
  PyObject *name = nullptr, *otherwise = Py_None;
  if (!PyArg_ParseTuple(args, "O|O", &name, &otherwise)) return nullptr;
  const Py_ssize_t at = Find(BlockOf(self)->layout, name);
  if (at >= 0) return Py_XNewRef(ArrayOf(BlockOf(self), at));
  return at == -1 ? Py_NewRef(otherwise) : nullptr;
}

PyObject* Copy(PyObject* self, PyObject*) {
  Ref dict = Ref::Take(PyDict_New());
  Block* block = BlockOf(self);
  for (Py_ssize_t i = 0; dict && i < block->layout->size(); ++i) {
    PyObject* array = ArrayOf(block, i);
    if (array == nullptr ||
        PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(block->layout->names, i), array) <
            0) {
      return nullptr;
    }
  }
  return dict.Release();
}

// Pickles and copies as the dict it stands for.
PyObject* Reduce(PyObject* self, PyObject*) {
  PyObject* dict = Copy(self, nullptr);
  if (dict == nullptr) return nullptr;
  return Py_BuildValue("O(N)", reinterpret_cast<PyObject*>(&PyDict_Type), dict);
}

PyObject* Represent(PyObject* self) {
  const Ref dict = Ref::Take(Copy(self, nullptr));
  return dict ? PyObject_Repr(dict.get()) : nullptr;
}

PyMethodDef g_data_methods[] = {
    {"keys", Keys, METH_NOARGS, "Names of the channels, in their order."},
    {"values", Values, METH_NOARGS, "Iterates over the arrays."},
    {"items", Items, METH_NOARGS, "Iterates over (name, array)."},
    {"get", Get, METH_VARARGS, "The array of a channel, or a default."},
    {"copy", Copy, METH_NOARGS, "A dict with all arrays."},
    {"__reduce__", Reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot g_data_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                              {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                              {Py_tp_iter, reinterpret_cast<void*>(Iterate)},
                              {Py_tp_repr, reinterpret_cast<void*>(Represent)},
                              {Py_mp_length, reinterpret_cast<void*>(Length)},
                              {Py_mp_subscript, reinterpret_cast<void*>(GetItem)},
                              {Py_sq_contains, reinterpret_cast<void*>(Contains)},
                              {Py_tp_methods, g_data_methods},
                              {0, nullptr}};
PyType_Spec g_data_spec = {"carryall._core.BlockData", sizeof(Data), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                               Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_MAPPING,
                           g_data_slots};

PyMethodDef g_iterator_methods[] = {{"__length_hint__", LengthHint, METH_NOARGS, nullptr},
                                    {nullptr, nullptr, 0, nullptr}};
PyType_Slot g_iterator_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(Next)},
    {Py_tp_methods, g_iterator_methods},
    {0, nullptr}};
PyType_Spec g_iterator_spec = {
    "carryall._core._BlockIterator", sizeof(Iterator), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    g_iterator_slots};

}  // namespace

bool InitBlockItems(PyObject* module) {
  g_data = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_data_spec));
  g_iterator = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_iterator_spec));
  return g_data && g_iterator && PyModule_AddType(module, g_data) == 0;
}

PyObject* MakeIterator(Block* block, ItemKind kind) {
  PyObject* self = Make(g_iterator, block);
  if (self != nullptr) reinterpret_cast<Iterator*>(self)->kind = kind;
  return self;
}

PyObject* MakeData(Block* block) { return Make(g_data, block); }

}  // namespace carryall::python
