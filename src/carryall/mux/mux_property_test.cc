// BlockMux against a naive model under random schedules. Environment: CARRYALL_MUX_SEED
// (the seed of the first schedule; the next has the next number) and
// CARRYALL_MUX_SCHEDULES.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "carryall/mux/mux_schedule.h"
#include "carryall/mux/naive_mux.h"

namespace carryall::mux {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Runs one schedule through both and compares all that can be seen. What is wrong stands
/// in failure().
class Trial {
 public:
  explicit Trial(uint64_t seed)
      : random_(~seed),
        schedule_(ScheduleMaker(seed).Make()),
        model_(schedule_.queues, schedule_.options, schedule_.range) {
    MuxOptions options = schedule_.options;
    // Somewhere in the range of times, on everybody's grid.
    const int64_t grid = 2 * 3 * 4 * 5 * 7 * 8 * 9;
    origin_ =
        Duration::FromNs(random_.Int(-10'000'000'000'000, 10'000'000'000'000) * grid);
    if (options.start) options.start = *options.start + origin_;
    if (options.end) options.end = *options.end + origin_;
    mux_ = BlockMux::Make(schedule_.queues, options).ValueOrDie();
    given_.resize(schedule_.queues.size(),
                  std::vector<int>(schedule_.range, kUnknownCell));
    reasons_.resize(schedule_.queues.size());
  }

  bool Run() {
    for (const Event& event : schedule_.events) {
      if (!Apply(event)) return false;
    }
    for (size_t q = 0; q < schedule_.queues.size(); ++q) Finish(q);
    const int64_t last = schedule_.events.empty() ? 0 : schedule_.events.back().wall;
    if (!PullAll(last)) return false;
    if (!mux_->done()) return Fail("not done after all queues finished");
    for (size_t q = 0; q < schedule_.queues.size(); ++q) {
      if (mux_->queued(q) > 0 && !schedule_.options.end) {
        // A live stream that ended before its first output stride, or before its last
        // part.
        if (any_output_) return Fail("blocks are left");
      }
    }
    return !schedule_.calm || NothingLost();
  }

  const std::string& failure() const { return failure_; }
  const Schedule& schedule() const { return schedule_; }
  int64_t blocks() const { return static_cast<int64_t>(pushed_.size()); }
  int64_t strides() const { return strides_; }

 private:
  struct Pushed {
    size_t queue;
    int64_t time, duration;
  };
  // What may have made a nanosecond of a queue a gap, seen from outside.
  struct Reasons {
    int64_t pushed_until = 0;    // strides begun by a block, or passed by one
    int64_t declared_until = 0;  // by DeclareComplete
    bool finished = false;
  };

  GpsTime Real(int64_t t) const { return GpsTime::FromNs(t) + origin_; }
  int64_t Small(GpsTime t) const { return (t - origin_).ns(); }

  template <typename... Args>
  bool Fail(fmt::format_string<Args...> format, Args&&... args) {
    failure_ = fmt::format(format, std::forward<Args>(args)...);
    return false;
  }

  bool Apply(const Event& event) {
    // Sometimes a clock is set back a little.
    const int64_t now =
        event.wall - (schedule_.calm || !random_.Chance(2) ? 0 : random_.Int(0, 5));
    switch (event.kind) {
      case Event::kPush: {
        if (!Push(event, now)) return false;
        return random_.Chance(40) ? true : PullAll(now);
      }
      case Event::kDeclare:
        mux_->DeclareComplete(event.queue, Real(event.time));
        model_.DeclareComplete(event.queue, event.time);
        reasons_[event.queue].declared_until =
            std::max(reasons_[event.queue].declared_until, event.time);
        return true;
      case Event::kFinish:
        Finish(event.queue);
        return true;
      case Event::kPull:
        return PullAll(now);
    }
    return true;
  }

  void Finish(size_t q) {
    mux_->Finish(q);
    model_.Finish(q);
    reasons_[q].finished = true;
  }

  bool Push(const Event& event, int64_t now) {
    const size_t q = event.queue;
    const int id = static_cast<int>(pushed_.size());
    pushed_.push_back({q, event.time, event.duration});
    const DropCounts before = mux_->drops(q);
    const Status status =
        mux_->Push(q, Real(event.time), Duration::FromNs(event.duration),
                   std::make_shared<const int>(id), Real(now));
    const bool on_grid = model_.Push(q, event.time, event.duration, id, now);
    if (on_grid != (status.ok() || KindOf(status) == ErrorKind::kDropped)) {
      return Fail("push {} at {}: {}", id, event.time, status.ToString());
    }
    const DropCounts ours = mux_->drops(q), wanted = model_.drops(q);
    if (ours.late != wanted.late || ours.stride_mismatch != wanted.stride_mismatch ||
        ours.overflow != wanted.overflow) {
      return Fail(
          "push {} at {}: drops late {} mismatch {} overflow {}, expected {} {} {}", id,
          event.time, ours.late, ours.stride_mismatch, ours.overflow, wanted.late,
          wanted.stride_mismatch, wanted.overflow);
    }
    const bool dropped = ours.late != before.late || ours.overflow != before.overflow ||
                         ours.stride_mismatch != before.stride_mismatch;
    const bool raised = dropped && schedule_.options.on_drop == OnDrop::kRaise;
    if (on_grid && raised == status.ok()) return Fail("push {}: raised {}", id, raised);
    if (on_grid) {
      const int64_t stride = schedule_.queues[q].stride.ns();
      reasons_[q].pushed_until =
          std::max(reasons_[q].pushed_until, event.time + event.duration + stride);
    }
    return true;
  }

  bool PullAll(int64_t now) {
    latest_pull_ = std::max(latest_pull_, now);
    while (true) {
      const bool was_done = mux_->done();
      bool raised = false;
      const std::optional<NaiveSlot> wanted = model_.Pull(now, &raised);
      const Result<bool> got = mux_->Pull(Real(now), &slot_);
      if (raised != !got.ok() || (!raised && *got != wanted.has_value())) {
        return Fail(
            "pull at {}: {}, expected {}", now,
            got.ok() ? std::to_string(*got) : got.status().message(),
            wanted ? fmt::format("[{},{})", wanted->begin, wanted->end) : "nothing");
      }
      if (!wanted) break;
      if (was_done) return Fail("output after done");
      if (raised ? !Advance(wanted->begin, wanted->end) : !Compare(*wanted)) return false;
      ++strides_;
    }
    const auto done = model_.Done();
    if (done && *done != mux_->done()) return Fail("done is {} at {}", mux_->done(), now);
    return random_.Chance(95) || CompareDeadline(now);
  }

  bool Advance(int64_t begin, int64_t end) {
    const bool skips = schedule_.options.on_gap == OnGap::kSkip;
    if (any_output_ && (skips ? begin < output_until_ : begin != output_until_)) {
      return Fail("output is not contiguous: {} after {}", begin, output_until_);
    }
    any_output_ = true;
    output_until_ = end;
    return true;
  }

  bool Compare(const NaiveSlot& wanted) {
    const int64_t begin = Small(slot_.time), end = begin + slot_.duration.ns();
    if (begin != wanted.begin || end != wanted.end || slot_.all_gap != wanted.all_gap) {
      return Fail("stride [{},{}) all gap {}, expected [{},{}) {}", begin, end,
                  slot_.all_gap, wanted.begin, wanted.end, wanted.all_gap);
    }
    if (!Advance(begin, end)) return false;
    for (size_t q = 0; q < slot_.queues.size(); ++q) {
      int64_t at = begin;
      for (const Piece& piece : slot_.queues[q]) {
        if (Small(piece.time) != at || piece.duration.ns() <= 0) {
          return Fail("pieces of queue {} are not contiguous at {}", q, at);
        }
        for (; at < Small(piece.time + piece.duration); ++at) {
          const int id =
              piece.payload ? *static_cast<const int*>(piece.payload.get()) : kGapCell;
          if (at >= end || id != wanted.cells[q][at - begin]) {
            return Fail("queue {} at {}: {}, expected {}", q, at, id,
                        fmt::join(wanted.cells[q], " "));
          }
          if (!CheckCell(q, at, id, piece)) return false;
        }
      }
      if (at != end) return Fail("pieces of queue {} end at {}, not {}", q, at, end);
    }
    return true;
  }

  // What has to hold whatever the model says.
  bool CheckCell(size_t q, int64_t at, int id, const Piece& piece) {
    if (given_[q][at] != kUnknownCell) return Fail("queue {}: {} was given twice", q, at);
    given_[q][at] = id;
    if (id >= 0) {
      const Pushed& block = pushed_[id];
      if (block.queue != q || Small(piece.payload_time) != block.time ||
          at < block.time || at >= block.time + block.duration) {
        return Fail("queue {} at {}: not a part of block {}", q, at, id);
      }
      return true;
    }
    const QueueSpec& spec = schedule_.queues[q];
    const Reasons& reasons = reasons_[q];
    const bool expired =
        spec.timeout && at - at % spec.stride.ns() + spec.timeout->ns() <= latest_pull_;
    if (!reasons.finished && at >= reasons.declared_until && at >= reasons.pushed_until &&
        !expired) {
      return Fail("queue {}: {} is a gap before its deadline", q, at);
    }
    return true;
  }

  bool NothingLost() {
    for (const Pushed& block : pushed_) {
      for (int64_t t = block.time; t < block.time + block.duration; ++t) {
        if (given_[block.queue][t] == kGapCell) {
          return Fail("queue {}: {} was in time and is lost", block.queue, t);
        }
      }
    }
    return true;
  }

  bool CompareDeadline(int64_t now) {
    const std::optional<GpsTime> deadline = mux_->NextDeadline();
    if (!deadline) {
      if (model_.WouldBeReady(schedule_.range - 50))
        return Fail("no deadline at {}", now);
      return true;
    }
    const int64_t at = Small(*deadline);
    if (at > now && model_.WouldBeReady(at - 1))
      return Fail("deadline {} comes too late", at);
    if (!model_.WouldBeReady(std::max(at, now)))
      return Fail("deadline {} comes too early", at);
    return true;
  }

  Random random_;
  Schedule schedule_;
  NaiveMux model_;
  Duration origin_;
  std::unique_ptr<BlockMux> mux_;
  Slot slot_;
  std::vector<Pushed> pushed_;
  std::vector<Reasons> reasons_;
  std::vector<std::vector<int>> given_;
  bool any_output_ = false;
  int64_t output_until_ = 0, latest_pull_ = 0, strides_ = 0;
  std::string failure_;
};

TEST(MuxProperty, AgreesWithANaiveModelUnderRandomSchedules) {
  const uint64_t first = FromEnvironment("CARRYALL_MUX_SEED", 1);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const uint64_t count = FromEnvironment("CARRYALL_MUX_SCHEDULES", 10'000);
#else
  const uint64_t count = FromEnvironment("CARRYALL_MUX_SCHEDULES", 100'000);
#endif
  fmt::print("CARRYALL_MUX_SEED={} CARRYALL_MUX_SCHEDULES={}\n", first, count);
  int64_t blocks = 0, fewest = INT64_MAX, strides = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Trial trial(seed);
    ASSERT_TRUE(trial.Run()) << trial.failure() << "\nto run this schedule alone: "
                             << "CARRYALL_MUX_SEED=" << seed
                             << " CARRYALL_MUX_SCHEDULES=1\n"
                             << ToText(trial.schedule());
    blocks += trial.blocks();
    fewest = std::min(fewest, trial.blocks());
    strides += trial.strides();
  }
  fmt::print("{} blocks (at least {} a schedule), {} output strides\n", blocks, fewest,
             strides);
  EXPECT_GE(fewest, 50);
}

}  // namespace
}  // namespace carryall::mux
