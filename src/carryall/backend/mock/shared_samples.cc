#include "carryall/backend/mock/shared_samples.h"

#include <algorithm>

namespace carryall::backend::mock {

std::shared_ptr<SharedSamples::Entry> SharedSamples::Find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto it = std::ranges::find_if(
      entries_, [&](const auto& entry) { return entry->key == key; });
  if (it != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, it);
  } else {
    entries_.push_front(std::make_shared<Entry>());
    entries_.front()->key = key;
    if (entries_.size() > kMostBlocks) entries_.pop_back();
  }
  return entries_.front();
}

Result<std::shared_ptr<arrow::Buffer>> SharedSamples::Get(const Key& key,
                                                          const Make& make) {
  const std::shared_ptr<Entry> entry = Find(key);
  const std::lock_guard lock(entry->mutex);
  if (entry->samples == nullptr) {
    ARROW_ASSIGN_OR_RAISE(entry->samples, make());
  }
  return entry->samples;
}

}  // namespace carryall::backend::mock
