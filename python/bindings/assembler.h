#pragma once

#include <nanobind/nanobind.h>

namespace carryall::python {

/// Adds the class Assembler.
void BindAssembler(nanobind::module_& m);

}  // namespace carryall::python
