#pragma once

#include <memory>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/backend/mock/faults.h"
#include "carryall/backend/mock/generator.h"
#include "carryall/backend/mock/rota.h"
#include "carryall/backend/mock/shared_samples.h"

namespace carryall::backend::mock {

/// What a stream of the mock is made of. The generators are those of the request's
/// channels, in their order, and outlive the source, as does the clock.
struct MockStream {
  StreamRequest request;
  std::vector<const Generator*> generators;
  Faults faults;
  uint64_t seed = 0;
  std::unique_ptr<Rota::Place> place;  ///< none: every block goes at its time
  SharedSamples* shared = nullptr;     ///< of these generators; none: nothing is shared
  const Clock* clock = &Clock::System();
};

/// The blocks of one stream: a block is sent once its own start time has come (as stock's
/// mock does, but for the stream's place in the stride), so the past comes at full speed
/// and the present one stride at a time. kInvalidArgument naming the channel that has no
/// stride.
Result<std::unique_ptr<BlockSource>> MakeMockSource(MockStream stream);

}  // namespace carryall::backend::mock
