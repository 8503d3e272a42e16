#include "carryall/archive/digest.h"

#define XXH_INLINE_ALL
#include <arrow/vendored/xxhash.h>

namespace carryall::archive {

struct Digest::State {
  XXH3_state_t xxh;
};

Digest::Digest() : state_(new State) { XXH3_64bits_reset(&state_->xxh); }
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;

Digest& Digest::Add(const void* data, size_t bytes) {
  XXH3_64bits_update(&state_->xxh, data, bytes);
  return *this;
}

Digest& Digest::Add(std::string_view text) {
  Add(static_cast<int64_t>(text.size()));
  return Add(text.data(), text.size());
}

uint64_t Digest::Value() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace carryall::archive
