#pragma once

#include <cstdint>

#include "carryall/model/data_type.h"

namespace carryall::backend::mock {

/// Numbers to samples of a data type, as numpy's `astype` does it on x86-64: floats to
/// the nearest, integers by truncation; what an integer type cannot hold keeps the low
/// bits of a wider one, and what that cannot hold becomes its smallest value.
void StoreAs(DataType type, const double* from, int64_t count, uint8_t* out);
void StoreAs(DataType type, const float* from, int64_t count, uint8_t* out);

}  // namespace carryall::backend::mock
