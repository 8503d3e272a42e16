#include "bindings/errors.h"

#include <string>

#include "carryall/wire/error_table.h"

namespace carryall::python {
namespace {

PyObject* RaiseClass(Ref type, const Status& status) {
  if (type) PyErr_SetString(type.get(), status.message().c_str());
  return nullptr;
}

}  // namespace

PyObject* Raise(const Status& status) {
  if (PyErr_Occurred()) return nullptr;
  const std::string name(wire::RowOf(status).python);
  const Ref module = Ref::Take(PyImport_ImportModule("carryall.errors"));
  return RaiseClass(
      Ref::Take(module ? PyObject_GetAttrString(module.get(), name.c_str()) : nullptr),
      status);
}

PyObject* RaiseOfCall(const Status& status) {
  if (PyErr_Occurred()) return nullptr;
  const std::string name(wire::RowOf(status).python);
  const Ref module = Ref::Take(PyImport_ImportModule("carryall.errors"));
  return RaiseClass(
      Ref::Take(module ? PyObject_CallMethod(module.get(), "raised", "s", name.c_str())
                       : nullptr),
      status);
}

Status AlreadySet() { return Error(ErrorKind::kInternal, "a Python exception is set"); }

PyObject* ErrorTableAsList() {
  Ref list = Ref::Take(PyList_New(0));
  for (const wire::ErrorRow& row : wire::ErrorTable()) {
    const Ref pair =
        Ref::Take(Py_BuildValue("(ss#)", ErrorKindName(row.kind), row.python.data(),
                                static_cast<Py_ssize_t>(row.python.size())));
    if (!list || !pair || PyList_Append(list.get(), pair.get()) < 0) return nullptr;
  }
  return list.Release();
}

}  // namespace carryall::python
