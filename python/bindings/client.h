#pragma once

#include <nanobind/nanobind.h>

namespace carryall::python {

/// Adds the classes Client and Stream.
void BindClient(nanobind::module_& m);

}  // namespace carryall::python
