#include "carryall/kafka/offsets.h"

#include <algorithm>

#include "carryall/kafka/timestamps.h"

namespace carryall::kafka {
namespace {

constexpr std::string_view kDoing = "asking for offsets";

using Offsets = std::vector<Result<int64_t>>;

/// A call that failed as a whole because of what it says about its topics.
bool IsAboutTopics(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

Result<Offsets> OffsetsNow(const Handle& handle, const std::vector<std::string>& topics,
                           const std::vector<int64_t>& what, int timeout_ms) {
  const PartitionsPtr list(
      rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (size_t i = 0; i < topics.size(); ++i) {
    rd_kafka_topic_partition_list_add(list.get(), topics[i].c_str(), 0)->offset = what[i];
  }
  const rd_kafka_resp_err_t code =
      rd_kafka_offsets_for_times(handle.get(), list.get(), std::max(1, timeout_ms));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !IsAboutTopics(code)) {
    return KafkaError(code, kDoing, handle.At());
  }
  Offsets out;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = list->elems[i];
    const rd_kafka_resp_err_t own =
        each.err == RD_KAFKA_RESP_ERR_NO_ERROR ? code : each.err;
    if (own == RD_KAFKA_RESP_ERR_NO_ERROR) {
      out.emplace_back(each.offset);
    } else {
      out.emplace_back(KafkaError(own, kDoing, handle.At(each.topic, each.partition)));
    }
  }
  return out;
}

}  // namespace

Result<Offsets> QueryOffsets(const std::shared_ptr<Handle>& handle,
                             const std::vector<std::string>& topics,
                             const std::vector<int64_t>& what, const Wait& wait) {
  if (topics.empty()) return Offsets();
  const SteadyTime began = SteadyNow();
  auto answer = CallApart<Offsets>(handle, wait, [handle, topics, what](int timeout_ms) {
    return OffsetsNow(*handle, topics, what, timeout_ms);
  });
  handle->ServeErrors();
  if (answer.ok()) {
    handle->NoteAnswer();
  } else if (KindOf(answer.status()) == ErrorKind::kTimeout) {
    return handle->TimedOut(kDoing, Duration::FromNs((SteadyNow() - began).count()));
  }
  return answer;
}

Result<std::vector<Watermarks>> QueryWatermarks(const std::shared_ptr<Handle>& handle,
                                                const std::vector<std::string>& topics,
                                                const Wait& wait) {
  const size_t count = topics.size();
  ARROW_ASSIGN_OR_RAISE(
      const Offsets oldest,
      QueryOffsets(handle, topics, std::vector<int64_t>(count, RD_KAFKA_OFFSET_BEGINNING),
                   wait));
  ARROW_ASSIGN_OR_RAISE(
      const Offsets end,
      QueryOffsets(handle, topics, std::vector<int64_t>(count, RD_KAFKA_OFFSET_END),
                   wait));
  std::vector<Watermarks> out(count);
  for (size_t i = 0; i < count; ++i) {
    out[i].status = oldest[i].ok() ? end[i].status() : oldest[i].status();
    if (out[i].status.ok()) {
      out[i].oldest = *oldest[i];
      out[i].end = *end[i];
    }
  }
  return out;
}

Result<std::vector<Start>> ResolvePositions(const std::shared_ptr<Handle>& handle,
                                            const std::vector<std::string>& topics,
                                            const std::vector<Position>& positions,
                                            const Wait& wait) {
  ARROW_ASSIGN_OR_RAISE(const auto watermarks, QueryWatermarks(handle, topics, wait));
  std::vector<Start> out(topics.size());
  std::vector<std::string> timed;
  std::vector<int64_t> times;
  std::vector<size_t> timed_at;
  for (size_t i = 0; i < topics.size(); ++i) {
    out[i].watermarks = watermarks[i];
    if (!watermarks[i].status.ok()) continue;
    switch (positions[i].kind()) {
      case Position::Kind::kOldest:
        out[i].offset = watermarks[i].oldest;
        break;
      case Position::Kind::kEnd:
        out[i].offset = watermarks[i].end;
        break;
      case Position::Kind::kOffset:
        out[i].offset = positions[i].offset();
        break;
      case Position::Kind::kTime:
        timed.push_back(topics[i]);
        // Negative numbers mean other things, and no message is as old.
        times.push_back(std::max<int64_t>(0, UnixMsNotBefore(positions[i].time())));
        timed_at.push_back(i);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const Offsets found, QueryOffsets(handle, timed, times, wait));
  for (size_t j = 0; j < found.size(); ++j) {
    Start& start = out[timed_at[j]];
    if (!found[j].ok()) {
      start.watermarks.status = found[j].status();
      continue;
    }
    // None is as new: what comes next is, and it comes after the end asked for before.
    start.offset = *found[j] >= 0 ? *found[j] : start.watermarks.end;
  }
  return out;
}

}  // namespace carryall::kafka
