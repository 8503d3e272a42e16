#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tasks/relay/site.h"

namespace carryall::bench {

/// Topics whose messages are there: those of one stride come each time they are told to.
/// Only the time is written into them.
class MemoryTopics {
 public:
  /// Topics are named as their partition.
  static Result<std::unique_ptr<MemoryTopics>> Make(
      const Site& site, const std::vector<int64_t>& partitions);

  relay::RelayOptions Options(const Clock* clock);
  /// Of stride `stride`, whose variant is its number's.
  void Release(int64_t stride, GpsTime time);
  size_t assigned();

 private:
  struct Topic {
    std::vector<std::vector<uint8_t>> messages;
    size_t time_at;
  };
  class MemoryFeed;

  Status Poll(size_t most, relay::Fed* out, const kafka::Wait& wait);

  std::map<std::string, Topic> topics_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::pair<Topic*, uint64_t>> assigned_;
  size_t next_ = SIZE_MAX;
  int64_t stride_ = 0;
  GpsTime time_;
};

}  // namespace carryall::bench
