#include "carryall/base/heap.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <thread>

namespace carryall {
namespace {

[[maybe_unused]] int64_t FaultsOfThisThread() {
  rusage usage{};
  EXPECT_EQ(::getrusage(RUSAGE_THREAD, &usage), 0);
  return usage.ru_minflt;
}

// Sanitizers bring an allocator of their own.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(HeapTest, FreedMessagesKeepTheirPages) {
  TuneHeap();
  int64_t faults = 0;
  std::thread([&] {
    constexpr size_t kBytes = 2 << 20;
    const int64_t before = FaultsOfThisThread();
    for (int i = 0; i < 50; ++i) {
      void* volatile message = std::malloc(kBytes);
      std::memset(message, i, kBytes);
      std::free(message);
    }
    faults = FaultsOfThisThread() - before;
  }).join();
  // Once or twice 512 pages, not fifty times.
  EXPECT_LT(faults, 5 * 512);
}
#endif

}  // namespace
}  // namespace carryall
