#pragma once

#include <cstddef>
#include <functional>

#include "carryall/base/status.h"

namespace carryall {

/// How many pieces work on `count` things is worth: no more than the machine has cores,
/// nor than four, and none with fewer than `least` of them. At least 1.
size_t PieceCount(size_t count, size_t least);

/// Calls `work(piece, begin, end)` for each of `pieces` parts of [0, count), side by
/// side, the first on the caller's thread; one for which there is no thread to be had
/// comes after it there. Returns once all are done: the error of the first part that has
/// one. `work` may not throw.
Status InPieces(size_t count, size_t pieces,
                const std::function<Status(size_t, size_t, size_t)>& work);

}  // namespace carryall
