#include "carryall/client/assembly.h"

#include <algorithm>

namespace carryall::client {

void Assembly::Begin(std::unique_ptr<codec::SpanAssembler> assembler) {
  const std::lock_guard lock(mutex_);
  assembler_ = std::move(assembler);
}

bool Assembly::begun() const {
  const std::lock_guard lock(mutex_);
  return assembler_ != nullptr;
}

Status Assembly::Place(size_t e, const flight::Delivery& delivery,
                       const StreamEndpoint& endpoint) {
  {
    std::unique_lock placing(place_mutex_, std::defer_lock);
    if (options_.one_at_a_time) placing.lock();
    for (const SeriesBlock& block : delivery.blocks) {
      if (IsGap(endpoint, block)) continue;
      // What brokers' readers give is memory that they need again.
      const auto how = endpoint.endpoint.brokers.empty() ? codec::Placing::kKeep
                                                         : codec::Placing::kCopy;
      ARROW_RETURN_NOT_OK(
          assembler_->Place(block, Positions(block, endpoint.positions), how));
    }
  }
  const std::lock_guard lock(mutex_);
  parts_[e].until = std::max(parts_[e].until, delivery.complete_until());
  bytes_ += delivery.bytes;
  return Status::OK();
}

// Where a block's channels belong. One that is missing may yet come with another block of
// the span.
std::vector<int32_t> Assembly::Positions(const SeriesBlock& block,
                                         std::vector<int32_t> positions) const {
  if (options_.places_gaps) return positions;
  for (size_t i = 0; i < std::min(positions.size(), block.size()); ++i) {
    if (block.view(i).all_missing()) positions[i] = -1;
  }
  return positions;
}

void Assembly::End(size_t e, const Status& status) {
  const std::lock_guard lock(mutex_);
  parts_[e].end = status;
  ++ended_;
  changed_.notify_all();
}

Result<bool> Assembly::Wait(size_t seen, SteadyTime deadline,
                            const flight::Interrupt& interrupt) {
  std::unique_lock lock(mutex_);
  return flight::WaitUntil(lock, changed_, deadline, interrupt,
                           [&] { return ended_ > seen; });
}

std::optional<Status> Assembly::end(size_t e) const {
  const std::lock_guard lock(mutex_);
  return parts_[e].end;
}

Assembly::Behind Assembly::behind() const {
  const std::lock_guard lock(mutex_);
  Behind worst;
  worst.bytes = bytes_;
  for (size_t e = 0; e < parts_.size(); ++e) {
    if (parts_[e].end || parts_[e].until >= worst.until) continue;
    worst.until = parts_[e].until;
    worst.endpoint = e;
  }
  return worst;
}

}  // namespace carryall::client
