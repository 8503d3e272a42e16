#include "carryall/server/bounded_pool.h"

#include <arrow/status.h>

#include <algorithm>

namespace carryall::server {

namespace {

arrow::MemoryPool* ProcessPool() {
  arrow::MemoryPool* pool = nullptr;
  return arrow::jemalloc_memory_pool(&pool).ok() ? pool : arrow::default_memory_pool();
}

}  // namespace

BoundedPool::BoundedPool(int64_t cap_bytes) : pool_(ProcessPool()), cap_(cap_bytes) {}

BoundedPool::Ptr BoundedPool::Make(int64_t cap_bytes) {
  return Ptr(new BoundedPool(cap_bytes));
}

arrow::Status BoundedPool::Reserve(int64_t bytes) {
  const int64_t before = bytes_.fetch_add(bytes);
  if (bytes > 0 && before + bytes > cap_) {
    bytes_.fetch_sub(bytes);
    return arrow::Status::OutOfMemory("stream is over its memory limit of ", cap_,
                                      " bytes: ", before, " in use, ", bytes,
                                      " more asked for");
  }
  int64_t peak = peak_.load();
  while (before + bytes > peak && !peak_.compare_exchange_weak(peak, before + bytes)) {
  }
  total_.fetch_add(std::max<int64_t>(bytes, 0));
  return arrow::Status::OK();
}

arrow::Status BoundedPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ARROW_RETURN_NOT_OK(Reserve(size));
  if (arrow::Status status = pool_->Allocate(size, alignment, out); !status.ok()) {
    bytes_.fetch_sub(size);
    return status;
  }
  references_.fetch_add(1);
  count_.fetch_add(1);
  return arrow::Status::OK();
}

arrow::Status BoundedPool::Reallocate(int64_t old_size, int64_t new_size,
                                      int64_t alignment, uint8_t** ptr) {
  ARROW_RETURN_NOT_OK(Reserve(new_size - old_size));
  arrow::Status status = pool_->Reallocate(old_size, new_size, alignment, ptr);
  if (!status.ok()) bytes_.fetch_sub(new_size - old_size);
  return status;
}

void BoundedPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  pool_->Free(buffer, size, alignment);
  bytes_.fetch_sub(size);
  Unreference();
}

void BoundedPool::Unreference() {
  if (references_.fetch_sub(1) == 1) delete this;
}

}  // namespace carryall::server
