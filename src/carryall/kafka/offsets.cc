#include "carryall/kafka/offsets.h"

#include <algorithm>
#include <climits>

#include "carryall/kafka/timestamps.h"

namespace carryall::kafka {
namespace {

constexpr std::string_view kDoing = "asking for offsets";

using Offsets = std::vector<Result<int64_t>>;

/// One call of librdkafka fails as a whole when one of its topics does, and says nothing
/// of the others.
struct Query {
  const Handle& handle;
  const std::vector<std::string>& topics;
  const std::vector<int64_t>& what;
  SteadyTime deadline;
  Offsets* out;

  int TimeoutMs() const { return std::max(1, Wait{deadline}.Milliseconds(INT_MAX)); }
  rd_kafka_resp_err_t Ask(size_t begin, size_t end) const;
  Status AskEach(size_t begin, size_t end) const;
  Status Run() const;
};

/// Failures of a topic that pass: it was just made, or its leader just changed.
bool Passes(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR ||
         code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH;
}

bool IsAboutATopic(rd_kafka_resp_err_t code) {
  return Passes(code) || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

/// Fills in the answers if there are any.
rd_kafka_resp_err_t Query::Ask(size_t begin, size_t end) const {
  const PartitionsPtr list(
      rd_kafka_topic_partition_list_new(static_cast<int>(end - begin)));
  for (size_t i = begin; i < end; ++i) {
    rd_kafka_topic_partition_list_add(list.get(), topics[i].c_str(), 0)->offset = what[i];
  }
  const rd_kafka_resp_err_t code =
      rd_kafka_offsets_for_times(handle.get(), list.get(), TimeoutMs());
  // None of the topics exists.
  const bool none = code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                    code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !none) return code;
  for (size_t i = begin; i < end; ++i) {
    const rd_kafka_topic_partition_t& each = list->elems[i - begin];
    const rd_kafka_resp_err_t own = each.err ? each.err : code;
    if (own == RD_KAFKA_RESP_ERR_NO_ERROR) {
      (*out)[i] = each.offset;
    } else {
      (*out)[i] = KafkaError(own, kDoing, handle.At(topics[i], 0));
    }
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/// Finds the topics that fail by halving.
Status Query::AskEach(size_t begin, size_t end) const {
  const rd_kafka_resp_err_t code = Ask(begin, end);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::OK();
  if (!IsAboutATopic(code)) return KafkaError(code, kDoing, handle.At());
  if (end - begin == 1) {
    (*out)[begin] = KafkaError(code, kDoing, handle.At(topics[begin], 0));
    return Status::OK();
  }
  const size_t middle = begin + (end - begin) / 2;
  ARROW_RETURN_NOT_OK(AskEach(begin, middle));
  return AskEach(middle, end);
}

Status Query::Run() const {
  constexpr int kAttempts = 8;
  constexpr int kPauseMs = 20;
  for (int i = 1; i <= kAttempts; ++i) {
    const rd_kafka_resp_err_t code = Ask(0, topics.size());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::OK();
    if (!IsAboutATopic(code)) return KafkaError(code, kDoing, handle.At());
    if (!Passes(code)) break;
    std::this_thread::sleep_for(
        std::chrono::milliseconds(Wait{deadline}.Milliseconds(i * kPauseMs)));
    // Where the topics are by now.
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(handle.get(), 1, nullptr, &metadata, TimeoutMs()) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(metadata);
    }
  }
  return AskEach(0, topics.size());
}

}  // namespace

Result<Offsets> QueryOffsets(const std::shared_ptr<Handle>& handle,
                             const std::vector<std::string>& topics,
                             const std::vector<int64_t>& what, const Wait& wait) {
  if (topics.empty()) return Offsets();
  const SteadyTime began = SteadyNow();
  auto answer = CallApart<Offsets>(
      handle, wait, [handle, topics, what](int timeout_ms) -> Result<Offsets> {
        Offsets out(topics.size(), int64_t{-1});
        const SteadyTime deadline = SteadyNow() + std::chrono::milliseconds(timeout_ms);
        const Query query{*handle, topics, what, deadline, &out};
        ARROW_RETURN_NOT_OK(query.Run());
        return Result<Offsets>(std::move(out));
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
