#include "carryall/codec/sample_intervals.h"

#include <algorithm>

namespace carryall::codec {

void SampleIntervals::Add(int64_t begin, int64_t end) {
  if (begin >= end) return;
  if (!runs_.empty() && runs_.back().end == begin) {
    runs_.back().end = end;
    return;
  }
  auto first = std::lower_bound(runs_.begin(), runs_.end(), begin,
                                [](const Run& run, int64_t at) { return run.end < at; });
  auto last = first;
  while (last != runs_.end() && last->begin <= end) {
    begin = std::min(begin, last->begin);
    end = std::max(end, last->end);
    ++last;
  }
  if (first == last) {
    runs_.insert(first, {begin, end});
  } else {
    *first = {begin, end};
    runs_.erase(first + 1, last);
  }
}

void SampleIntervals::FindHoles(int64_t begin, int64_t end,
                                std::vector<Run>* holes) const {
  if (begin >= end) return;
  if (runs_.empty() || runs_.back().end <= begin) {
    holes->push_back({begin, end});
    return;
  }
  auto run = std::lower_bound(runs_.begin(), runs_.end(), begin,
                              [](const Run& r, int64_t at) { return r.end <= at; });
  for (; run != runs_.end() && begin < end; ++run) {
    if (run->begin > begin) holes->push_back({begin, std::min(run->begin, end)});
    begin = std::max(begin, run->end);
  }
  if (begin < end) holes->push_back({begin, end});
}

}  // namespace carryall::codec
