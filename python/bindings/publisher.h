#pragma once

#include <nanobind/nanobind.h>

namespace carryall::python {

/// Adds the class Publisher.
void BindPublisher(nanobind::module_& m);

}  // namespace carryall::python
