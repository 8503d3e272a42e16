#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "carryall/mux/block_mux.h"

namespace carryall::mux {

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [low, high].
  int64_t Int(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
  }
  bool Chance(int percent) { return Int(0, 99) < percent; }

 private:
  uint64_t state_;
};

struct Event {
  enum Kind { kPush, kDeclare, kFinish, kPull };
  int64_t wall = 0;  ///< when it happens
  Kind kind = kPull;
  size_t queue = 0;
  int64_t time = 0, duration = 0;
};

/// What happens to a mux, in nanoseconds from some origin, in the order of time.
struct Schedule {
  std::vector<QueueSpec> queues;
  MuxOptions options;
  std::vector<Event> events;
  int64_t range = 0;  ///< everything lies in [0, range)
  /// No late, double, reordered or odd blocks: nothing that was pushed may be lost.
  bool calm = false;
};

/// For people who look into a failure.
inline std::string ToText(const Schedule& schedule) {
  const MuxOptions& options = schedule.options;
  std::string out = fmt::format(
      "start {} end {} stride {} on_gap {} capacity {}{}\n",
      options.start ? options.start->ns() : -1, options.end ? options.end->ns() : -1,
      options.stride ? options.stride->ns() : -1, static_cast<int>(options.on_gap),
      options.min_capacity, schedule.calm ? " calm" : "");
  for (const QueueSpec& queue : schedule.queues) {
    out += fmt::format("{}: stride {} timeout {}\n", queue.name, queue.stride.ns(),
                       queue.timeout ? queue.timeout->ns() : -1);
  }
  for (const Event& event : schedule.events) {
    out += fmt::format("{}: {} {} [{},{})\n", event.wall,
                       std::array{"push", "declare", "finish", "pull"}[event.kind],
                       event.queue, event.time, event.time + event.duration);
  }
  return out;
}

/// Draws schedules of every kind that the rules know.
class ScheduleMaker {
 public:
  explicit ScheduleMaker(uint64_t seed) : random_(seed) {}

  Schedule Make() {
    out_.calm = random_.Chance(25);
    MakeQueues();
    MakeSpan();
    for (size_t q = 0; q < out_.queues.size(); ++q) MakeBlocks(q);
    MakeCalls();
    std::stable_sort(out_.events.begin(), out_.events.end(),
                     [](const Event& a, const Event& b) { return a.wall < b.wall; });
    return std::move(out_);
  }

 private:
  static constexpr int64_t kFirst = 60;  // no block begins before about this

  void MakeQueues() {
    static const std::array<std::vector<int64_t>, 9> kFamilies = {
        {{1, 2, 4}, {2, 3, 6}, {5, 10}, {4, 8, 16}, {3, 4}, {7}, {2, 5}, {1, 3, 9}, {8}}};
    const auto& family = kFamilies[random_.Int(0, kFamilies.size() - 1)];
    const int64_t count = random_.Int(1, 8);
    for (int64_t q = 0; q < count; ++q) {
      QueueSpec spec;
      spec.name = "queue " + std::to_string(q);
      const int64_t stride =
          family[random_.Int(0, static_cast<int64_t>(family.size()) - 1)];
      spec.stride = Duration::FromNs(stride);
      if (random_.Chance(75)) {
        spec.timeout = Duration::FromNs(stride * random_.Int(1, 6) + random_.Int(0, 3));
      }
      native_ = std::lcm(native_, stride);
      out_.queues.push_back(std::move(spec));
    }
    const int64_t multiple = random_.Chance(50) ? 1 : random_.Int(2, 4);
    output_ = native_ * multiple;
    if (multiple > 1 || random_.Chance(50))
      out_.options.stride = Duration::FromNs(output_);
  }

  void MakeSpan() {
    double blocks_a_ns = 0;
    for (const QueueSpec& spec : out_.queues) {
      blocks_a_ns += 1.0 / static_cast<double>(spec.stride.ns());
    }
    // Blocks of several strides and missing ones take some away.
    const int64_t length =
        std::max(static_cast<int64_t>(130 / blocks_a_ns), 3 * output_) +
        random_.Int(0, native_);
    begin_ = kFirst + random_.Int(0, 2 * native_);
    if (random_.Chance(50)) begin_ -= begin_ % native_;
    end_ = begin_ + length;
    if (random_.Chance(50)) end_ -= end_ % native_;
    has_start_ = random_.Chance(55);
    has_end_ = random_.Chance(has_start_ ? 75 : 25);
    history_ = has_start_ && random_.Chance(60);
    if (has_start_) out_.options.start = GpsTime::FromNs(begin_);
    if (has_end_) out_.options.end = GpsTime::FromNs(end_);
    out_.options.on_gap =
        std::array{OnGap::kFill, OnGap::kSkip, OnGap::kRaise}[random_.Int(0, 2)];
    out_.options.on_drop = random_.Chance(30) ? OnDrop::kRaise : OnDrop::kIgnore;
    if (!out_.calm && random_.Chance(10)) out_.options.min_capacity = random_.Int(1, 6);
    // Live: requests begin when data begin; history: long after.
    opened_ = history_ ? end_ + random_.Int(0, 100) : begin_ - random_.Int(0, 20);
  }

  // The blocks that a source of queue `q` makes, with everything that can go wrong.
  void MakeBlocks(size_t q) {
    const int64_t stride = out_.queues[q].stride.ns();
    const bool from_start = has_start_ && random_.Chance(20);  // as the stock mock server
    const int64_t speed = random_.Int(1, 8);
    int64_t t = has_start_ && (from_start || random_.Chance(70))
                    ? begin_
                    : begin_ - begin_ % stride;
    last_wall_ = opened_;
    while (t < end_) {
      const bool odd_start = has_start_ && !from_start && t == begin_ && t % stride != 0;
      int64_t duration = stride * (random_.Chance(6) ? random_.Int(2, 8) : 1);
      if (odd_start) duration -= t % stride;
      if (has_end_ && t + duration > end_ && random_.Chance(50)) duration = end_ - t;
      const int64_t next = t + duration;
      if (!random_.Chance(8)) {
        PushBlock(q, t, duration, speed);
        if (!out_.calm) Spoil(q, t, duration, stride, speed);
      }
      t = next;
    }
  }

  void PushBlock(size_t q, int64_t time, int64_t duration, int64_t speed) {
    Event event{0, Event::kPush, q, time, duration};
    const auto& timeout = out_.queues[q].timeout;
    if (history_) {
      event.wall = last_wall_ + random_.Int(0, speed);
    } else if (timeout && (out_.calm || random_.Chance(85))) {
      // The deadline counts from the beginning of the stride on the absolute grid.
      const int64_t slot = time - time % out_.queues[q].stride.ns();
      event.wall = std::max(last_wall_, slot + random_.Int(0, timeout->ns() - 1));
    } else {
      event.wall = std::max(last_wall_, time + random_.Int(0, 60));
    }
    last_wall_ = out_.calm || history_ ? event.wall : opened_;
    out_.events.push_back(event);
  }

  void Spoil(size_t q, int64_t time, int64_t duration, int64_t stride, int64_t speed) {
    Event& last = out_.events.back();
    if (random_.Chance(4) && out_.events.size() > 1) {  // reordered
      Event& before = out_.events[out_.events.size() - 2];
      if (before.queue == q) std::swap(before.wall, last.wall);
    }
    if (random_.Chance(3)) last.duration = random_.Int(0, 3 * stride);  // short, or odd
    if (random_.Chance(2)) last.wall += random_.Int(0, 100);            // very late
    if (random_.Chance(1)) last.time += random_.Int(0, stride);         // off the grid
    if (random_.Chance(5)) PushBlock(q, time, duration, speed);         // double
    if (random_.Chance(2)) {                                            // overlapping
      PushBlock(q, std::max(int64_t{0}, time - stride * random_.Int(0, 3)),
                stride * random_.Int(1, 8), speed);
    }
  }

  void MakeCalls() {
    const int64_t last = out_.events.empty()
                             ? end_
                             : std::max_element(out_.events.begin(), out_.events.end(),
                                                [](const Event& a, const Event& b) {
                                                  return a.wall < b.wall;
                                                })
                                   ->wall;
    out_.range = std::max(end_, last) + 200;
    const int64_t pulls = random_.Int(5, 60);
    for (int64_t i = 0; i < pulls; ++i) {
      out_.events.push_back({random_.Int(opened_, last + 30), Event::kPull, 0, 0, 0});
    }
    for (size_t q = 0; q < out_.queues.size(); ++q) {
      if (random_.Chance(40)) {
        const int64_t wall =
            out_.calm ? last : random_.Int(std::max(opened_, last - 40), last);
        out_.events.push_back({wall, Event::kFinish, q, 0, 0});
      }
      if (!out_.calm && random_.Chance(20)) {
        out_.events.push_back({random_.Int(opened_, last), Event::kDeclare, q,
                               random_.Int(begin_, end_ + 20), 0});
      }
    }
  }

  Random random_;
  Schedule out_;
  int64_t native_ = 1, output_ = 1;
  int64_t begin_ = 0, end_ = 0, opened_ = 0, last_wall_ = 0;
  bool has_start_ = false, has_end_ = false, history_ = false;
};

}  // namespace carryall::mux
