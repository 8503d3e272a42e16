#pragma once

#include <arrow/memory_pool.h>

#include <atomic>
#include <memory>
#include <string>

namespace carryall::server {

/// The memory of one stream: the process's pool behind a cap of its own. Allocations
/// beyond the cap fail with OutOfMemory naming it. Lives until its last buffer is freed,
/// because the transport may hold buffers after their stream is gone
/// (arrow::CappedMemoryPool does neither: it counts the whole pool it wraps, and dies
/// with its owner). Thread safe.
class BoundedPool final : public arrow::MemoryPool {  // NOLINT: see Release
 public:
  struct Release {
    void operator()(BoundedPool* pool) const { pool->Unreference(); }
  };
  using Ptr = std::unique_ptr<BoundedPool, Release>;
  static Ptr Make(int64_t cap_bytes);

  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Free;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                           uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  int64_t bytes_allocated() const override { return bytes_.load(); }
  int64_t max_memory() const override { return peak_.load(); }
  int64_t total_bytes_allocated() const override { return total_.load(); }
  int64_t num_allocations() const override { return count_.load(); }
  std::string backend_name() const override { return pool_->backend_name(); }
  int64_t cap() const { return cap_; }

 private:
  explicit BoundedPool(int64_t cap_bytes);
  ~BoundedPool() override = default;

  arrow::Status Reserve(int64_t bytes);
  void Unreference();

  arrow::MemoryPool* const pool_;
  const int64_t cap_;
  std::atomic<int64_t> references_{1};  ///< the owner's, and one for each allocation
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> total_{0};
  std::atomic<int64_t> count_{0};
};

}  // namespace carryall::server
