#pragma once

#include "bindings/python_api.h"
#include "carryall/base/status.h"

namespace carryall::python {

/// Sets the Python exception that the error table names for the kind of `status`;
/// nullptr.
PyObject* Raise(const Status& status);

/// The same for what comes of a call to a server, whose exceptions are also those of the
/// stock package.
PyObject* RaiseOfCall(const Status& status);

/// Raises with the kind's exception.
template <typename... Args>
PyObject* Raise(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Raise(Error(kind, format, std::forward<Args>(args)...));
}

/// A status that stands for the Python exception now set; the exception stays set, and
/// Raise of that status leaves it as it is.
Status AlreadySet();

/// [(kind, class name), ...]: the table, for tests and documentation.
PyObject* ErrorTableAsList();

}  // namespace carryall::python
