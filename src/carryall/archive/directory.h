#pragma once

#include <string>

#include "carryall/archive/index.h"

namespace carryall::archive {

/// Makes sure that a directory can be or is an archive: creates it and its
/// sub-directories. kInvalidArgument naming a foreign entry if it is not one and holds
/// something else.
Status PrepareDirectory(const std::string& archive);

/// Takes the lock against other imports without waiting; closing the descriptor gives it
/// back. kUnavailable naming the directory and the process that holds it.
Result<int> LockArchive(const std::string& archive);

/// Removes what a killed import left: segments, tables and partial files that the index
/// does not name. Touches only names that this library makes. The lock is held.
Status RemoveLeftovers(const std::string& archive, const Index& index,
                       const files::StepHook& hook);

}  // namespace carryall::archive
