#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "carryall/mux/block_mux.h"

namespace carryall::mux {

inline GpsTime At(int64_t ns) { return GpsTime::FromNs(ns); }
inline Duration For(int64_t ns) { return Duration::FromNs(ns); }

/// Queue "A", "B", ... by its place in the list; no timeout if `timeout` is 0.
struct TestQueue {
  int64_t stride = 10;
  int64_t timeout = 0;
};

/// A mux driven in plain nanoseconds whose payloads are words and whose slots are text:
/// "[0,10) a | b[0,4) -[4,10)" is a stride of two queues. A piece as long as its slot
/// shows no span; "-" is a gap; "a+5" is a piece that begins 5 ns into the block pushed
/// as "a".
class MuxDriver {
 public:
  explicit MuxDriver(const std::vector<TestQueue>& queues, MuxOptions options) {
    std::vector<QueueSpec> specs;
    for (const TestQueue& queue : queues) {
      QueueSpec spec{std::string(1, static_cast<char>('A' + specs.size())),
                     For(queue.stride), std::nullopt};
      if (queue.timeout > 0) spec.timeout = For(queue.timeout);
      specs.push_back(std::move(spec));
    }
    auto made = BlockMux::Make(std::move(specs), options);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    mux_ = std::move(made).ValueOrDie();
  }

  BlockMux& mux() { return *mux_; }
  void SetNow(int64_t now) { now_ = At(now); }

  Status TryPush(size_t q, int64_t time, int64_t duration, const std::string& word) {
    return mux_->Push(q, At(time), For(duration), std::make_shared<std::string>(word),
                      now_);
  }
  void Push(size_t q, int64_t time, int64_t duration, const std::string& word) {
    const Status status = TryPush(q, time, duration, word);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  /// The next slot as text, "" if none is ready, or the message of the error.
  std::string Pull() {
    auto slot = mux_->Pull(now_);
    if (!slot.ok()) return slot.status().message();
    return *slot ? Text(**slot) : "";
  }
  /// All slots that are ready.
  std::vector<std::string> PullAll() {
    std::vector<std::string> out;
    for (std::string text = Pull(); !text.empty(); text = Pull()) out.push_back(text);
    return out;
  }

  static std::string Text(const Slot& slot) {
    std::string out =
        fmt::format("[{},{})", slot.time.ns(), (slot.time + slot.duration).ns());
    for (size_t q = 0; q < slot.queues.size(); ++q) {
      if (q > 0) out += " |";
      for (const Piece& piece : slot.queues[q]) {
        out += " ";
        out +=
            piece.payload ? *static_cast<const std::string*>(piece.payload.get()) : "-";
        if (piece.time != piece.payload_time) {
          out += fmt::format("+{}", (piece.time - piece.payload_time).ns());
        }
        if (piece.time != slot.time || piece.duration != slot.duration) {
          out +=
              fmt::format("[{},{})", piece.time.ns(), (piece.time + piece.duration).ns());
        }
      }
    }
    return out;
  }

 private:
  std::unique_ptr<BlockMux> mux_;
  GpsTime now_;
};

inline MuxOptions Live() { return {}; }
inline MuxOptions Bounded(int64_t start, int64_t end) {
  MuxOptions options;
  options.start = At(start);
  options.end = At(end);
  return options;
}
inline MuxOptions From(int64_t start) {
  MuxOptions options;
  options.start = At(start);
  return options;
}
inline MuxOptions WithStride(MuxOptions options, int64_t stride) {
  options.stride = For(stride);
  return options;
}
inline MuxOptions WithPolicy(MuxOptions options, OnGap on_gap) {
  options.on_gap = on_gap;
  return options;
}
inline MuxOptions WithPolicy(MuxOptions options, OnDrop on_drop) {
  options.on_drop = on_drop;
  return options;
}

}  // namespace carryall::mux
