#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carryall::catalogue {

/// Names one after the other in one piece of memory. Where they are in order they can be
/// searched. Thread safe while nothing is added.
class NameList {
 public:
  using Range = std::pair<size_t, size_t>;  ///< positions [first, second)

  void Reserve(size_t names, size_t bytes) {
    text_.reserve(bytes);
    ends_.reserve(names);
  }
  void Add(std::string_view name) {
    text_.append(name);
    ends_.push_back(text_.size());
  }

  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {text_.data() + begin, ends_[i] - begin};
  }
  const std::string& text() const { return text_; }
  /// Where each name ends in the text.
  const std::vector<size_t>& ends() const { return ends_; }

  /// Has the names of a short range fetched from memory together, for a search in it.
  void Prefetch(Range range) const {
    constexpr size_t kLine = 64;
    if (range.first >= range.second) return;
    const char* const end = text_.data() + ends_[range.second - 1];
    for (const char* at = (*this)[range.first].data(); at < end; at += kLine) {
      __builtin_prefetch(at);
    }
  }

  /// The first position in `range` whose name is not before `name`, or the range's end.
  size_t LowerBound(std::string_view name, Range range) const {
    size_t begin = range.first, count = range.second - range.first;
    while (count > 0) {
      const size_t half = count / 2;
      if ((*this)[begin + half] < name) {
        begin += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    return begin;
  }

 private:
  std::string text_;
  std::vector<size_t> ends_;
};

}  // namespace carryall::catalogue
