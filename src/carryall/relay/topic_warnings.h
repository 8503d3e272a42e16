#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "carryall/base/clock.h"

namespace carryall::relay {

/// What is wrong with topics, in the log: a line a topic now and then that says how many
/// it stands for, however many subscribers and messages it concerns. Thread safe.
class TopicWarnings {
 public:
  explicit TopicWarnings(Duration pause = Duration::FromSeconds(30)) : pause_(pause) {}

  void Add(const std::string& topic, std::string_view what);

 private:
  struct Topic {
    SteadyTime not_before{};
    int64_t untold = 0;
  };
  const Duration pause_;
  std::mutex mutex_;
  std::unordered_map<std::string, Topic> topics_;
};

}  // namespace carryall::relay
