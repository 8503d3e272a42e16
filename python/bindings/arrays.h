#pragma once

#include "bindings/python_api.h"
#include "carryall/model/series_block.h"

namespace carryall::python {

/// Loads what arrays need from NumPy; false with an exception set.
bool InitArrays();

/// What the arrays of one block hold on to: the memory under its views, and room for
/// their masks. Nothing is allocated before an array needs it.
class ArrayMemory {
 public:
  ArrayMemory() = default;
  ArrayMemory(const ArrayMemory&) = delete;
  ArrayMemory& operator=(const ArrayMemory&) = delete;
  ~ArrayMemory();

  /// The object that arrays of `block` have as their base; borrowed, null with an
  /// exception set.
  PyObject* SamplesOf(const SeriesBlock& block);
  /// Room for the mask of one of its channels, and its base in `holder` (borrowed); null
  /// with an exception set. Each channel asks once.
  uint8_t* MaskOf(const SeriesBlock& block, int64_t length, PyObject** holder);

 private:
  PyObject* samples_ = nullptr;
  PyObject* masks_ = nullptr;
  uint8_t* next_mask_ = nullptr;
};

/// The NumPy array of channel `at` of a block: no copy, read-only unless `writable`; a
/// numpy.ma.MaskedArray exactly where a sample is missing. Null with an exception set.
PyObject* MakeArray(const SeriesBlock& block, size_t at, ArrayMemory* memory,
                    bool writable);

/// Whether a view has a missing sample.
bool HasGaps(const SampleView& view);
/// Whether an array is a MaskedArray.
bool IsMasked(PyObject* array);
/// Whether an array is a MaskedArray with a masked sample; -1 with an exception set.
int HasGaps(PyObject* array);

/// `object` as a one-dimensional array, masked arrays as they are; an exception
/// otherwise.
Ref AsSamples(PyObject* object);

/// The view of an array of samples, and owners for it (references to Python objects,
/// which may be dropped on any thread). Copies only what is not contiguous, aligned and
/// in native byte order. kInvalidArgument if the samples are of no type that travels.
Result<SampleView> ViewOf(PyObject* array, std::vector<MemoryOwner>* owners);

}  // namespace carryall::python
