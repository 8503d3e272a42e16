#pragma once

#include <nanobind/nanobind.h>

namespace carryall::python {

/// Adds what modules of the package need to know of the protocol: schemas, requests,
/// times.
void BindWire(nanobind::module_& m);

}  // namespace carryall::python
