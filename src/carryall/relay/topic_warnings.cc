#include "carryall/relay/topic_warnings.h"

#include "carryall/base/log.h"

namespace carryall::relay {

void TopicWarnings::Add(const std::string& topic, std::string_view what) {
  int64_t untold = 0;
  {
    const std::lock_guard lock(mutex_);
    Topic& known = topics_[topic];
    const SteadyTime now = SteadyNow();
    if (now < known.not_before) {
      ++known.untold;
      return;
    }
    known.not_before = now + ToChrono(pause_);
    untold = std::exchange(known.untold, 0);
  }
  if (untold == 0) {
    Log(LogLevel::kWarning, "{}", what);
  } else {
    Log(LogLevel::kWarning, "{}; {} more of topic {} since the last line", what, untold,
        topic);
  }
}

}  // namespace carryall::relay
