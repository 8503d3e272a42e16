#pragma once

#include <arrow/buffer.h>

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "carryall/backend/mock/generator.h"
#include "carryall/base/time.h"

namespace carryall::backend::mock {

/// The samples of the strides in which live streams are just now: made once for all
/// streams of the same channels. Its keys are generators, so it lives and goes with them.
/// Thread safe.
class SharedSamples {
 public:
  /// The largest block worth sharing, and how many are kept for streams still to come:
  /// each stream may hold a few of them beside the memory of its own pool.
  static constexpr int64_t kMostBytes = int64_t{4} << 20;
  static constexpr size_t kMostBlocks = 4;

  struct Key {
    std::vector<const Generator*> generators;
    GpsTime begin, end;
    bool operator==(const Key&) const = default;
  };
  using Make = std::function<Result<std::shared_ptr<arrow::Buffer>>()>;

  /// What was made for this key, or what `make` makes now; who asks meanwhile waits for
  /// it. An error is not kept.
  Result<std::shared_ptr<arrow::Buffer>> Get(const Key& key, const Make& make);

 private:
  struct Entry {
    Key key;
    std::mutex mutex;  ///< held while the samples are made
    std::shared_ptr<arrow::Buffer> samples;
  };
  std::shared_ptr<Entry> Find(const Key& key);

  std::mutex mutex_;
  std::list<std::shared_ptr<Entry>> entries_;  ///< the one asked for last comes first
};

}  // namespace carryall::backend::mock
