#pragma once

#include "bindings/layout.h"

namespace carryall::python {

/// The layout for the arguments `data` and `channels` (null: none were given) of a
/// block's constructor; null with an exception set. Of arguments that are dicts the last
/// few are remembered. `items` are those of `data` where they had to be listed, and else
/// null.
Ref LayoutOfArguments(PyObject* data, PyObject* channels, Ref* items);

}  // namespace carryall::python
