#pragma once

#include <nanobind/nanobind.h>

namespace carryall::python {

/// Adds FlightProxy, SshConnection and SshProxy.
void BindProxy(nanobind::module_& m);

}  // namespace carryall::python
