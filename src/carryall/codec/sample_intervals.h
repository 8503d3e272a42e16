#pragma once

#include <cstdint>
#include <vector>

namespace carryall::codec {

/// A set of samples as runs [begin, end), sorted, apart from each other. Additions in
/// order cost nothing. Internal to codec.
class SampleIntervals {
 public:
  struct Run {
    int64_t begin, end;
    bool operator==(const Run&) const = default;
  };

  const std::vector<Run>& runs() const { return runs_; }
  bool empty() const { return runs_.empty(); }
  /// Where the run that starts with sample 0 ends.
  int64_t prefix() const {
    return runs_.empty() || runs_.front().begin > 0 ? 0 : runs_.front().end;
  }

  void Add(int64_t begin, int64_t end);
  /// Appends the parts of [begin, end) that are not in the set.
  void FindHoles(int64_t begin, int64_t end, std::vector<Run>* holes) const;

 private:
  std::vector<Run> runs_;
};

}  // namespace carryall::codec
