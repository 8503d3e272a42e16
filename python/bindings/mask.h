#pragma once

#include "bindings/python_api.h"

namespace carryall::python {

/// The mask of `length` bits of a validity bitmap (an object with a contiguous buffer)
/// from bit `offset` on: a new boolean array, True where the bit is 0. Null with a
/// ValueError if the bitmap does not hold those bits.
PyObject* MaskFromBitmap(PyObject* bitmap, int64_t offset, int64_t length);

}  // namespace carryall::python
