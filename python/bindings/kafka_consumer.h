#pragma once

#include <nanobind/nanobind.h>

namespace carryall::python {

/// Adds the class KafkaConsumer.
void BindKafkaConsumer(nanobind::module_& m);

}  // namespace carryall::python
