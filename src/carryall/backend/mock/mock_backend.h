#pragma once

#include <memory>
#include <string>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/backend/mock/faults.h"

namespace carryall::backend::mock {

struct MockOptions {
  std::vector<std::string> files;  ///< channel files; none: the default channel set
  Faults faults;
  uint64_t seed = 0;  ///< of the noise
  const Clock* clock = &Clock::System();
};

/// kInvalidArgument (FILE:LINE and channel named) or kNotFound if a file cannot be used.
/// Reload reads the files again.
Result<std::shared_ptr<Backend>> MakeMockBackend(MockOptions options);

}  // namespace carryall::backend::mock
