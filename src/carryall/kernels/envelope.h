#pragma once

#include <cstdint>

namespace carryall::kernels {

/// The lowest and highest sample of each of `bins` parts of a run, to draw it by: part b
/// has the samples [b * length / bins, (b + 1) * length / bins). NaN where a part has no
/// sample that is there and a number. A null `validity` means that all are there. `bins`
/// is not negative; no alignment is asked of `values`. For the signed and unsigned
/// integers, float and double.
template <typename T>
void Envelope(const uint8_t* values, const uint8_t* validity, int64_t validity_offset,
              int64_t length, int64_t bins, double* low, double* high);

}  // namespace carryall::kernels
