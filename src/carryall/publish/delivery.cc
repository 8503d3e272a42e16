// What Publisher does with blocks: send, wait, decide.

#include <algorithm>

#include "carryall/base/log.h"
#include "carryall/publish/publisher.h"

namespace carryall::publish {
namespace {

/// A failure that is certain; kTimeout is for what may yet turn out well.
Status AsCertain(const Status& status) {
  return KindOf(status) == ErrorKind::kTimeout
             ? MakeError(ErrorKind::kUnavailable, status.message())
             : status;
}

/// Every view as long as its rate and the stride say, and of the registered type.
Status CheckViews(const SeriesBlock& block) {
  SampleRate rate;
  int64_t expected = rate.SamplesIn(block.duration());
  for (size_t i = 0; i < block.size(); ++i) {
    const Channel& channel = (*block.channels())[i];
    if (channel.sample_rate != rate) {
      rate = channel.sample_rate;
      expected = rate.SamplesIn(block.duration());
    }
    const SampleView view = block.view(i);
    if (view.length != expected || view.data_type != channel.data_type) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel {} has {} samples of {} at {}, expected {} of {}",
                   channel.name, view.length, Name(view.data_type),
                   ToString(block.time()), expected, Name(channel.data_type));
    }
  }
  return Status::OK();
}

}  // namespace

Status Publisher::Publish(const SeriesBlock& block, std::optional<Duration> timeout,
                          const client::CallContext& context) {
  ARROW_RETURN_NOT_OK(CheckOpen());
  const kafka::Wait wait = WaitFor(timeout, context);
  if (options_.transactional) return PublishInTransaction(block, wait);
  const bool under_way =
      waits_for_last_ && !sent_.empty() && sent_.back().time == block.time();
  waits_for_last_ = false;
  if (!under_way) ARROW_RETURN_NOT_OK(SendChecked(block, wait));
  const Status status = Drain(wait);
  waits_for_last_ = !sent_.empty();
  return status;
}

Status Publisher::Send(const SeriesBlock& block, const client::CallContext& context) {
  ARROW_RETURN_NOT_OK(CheckOpen());
  const kafka::Wait wait = WaitFor(std::nullopt, context);
  if (options_.transactional) return PublishInTransaction(block, wait);
  waits_for_last_ = false;
  return SendChecked(block, wait);
}

Status Publisher::Flush(std::optional<Duration> timeout,
                        const client::CallContext& context) {
  ARROW_RETURN_NOT_OK(CheckOpen());
  const kafka::Wait wait = WaitFor(timeout, context);
  return options_.transactional ? FinishCommit(wait) : Drain(wait);
}

Status Publisher::Check(const SeriesBlock& block) {
  ARROW_RETURN_NOT_OK(Plan(block));
  ARROW_RETURN_NOT_OK(CheckTime(block));
  if (Status status = CheckViews(block); !status.ok()) {
    return WithContext(status, Name());
  }
  for (const auto& outlet : outlets_) {
    const int64_t bytes = outlet->message_bytes(/*gaps=*/false);
    if (bytes > options_.max_message_bytes) return TooLarge(*outlet, bytes);
  }
  return Status::OK();
}

Status Publisher::TooLarge(const Outlet& outlet, int64_t bytes) const {
  return Error(ErrorKind::kResourceExhausted,
               "{}: a message of {} bytes, at most {}, for {}", Name(), bytes,
               options_.max_message_bytes, outlet.Name());
}

Status Publisher::SendChecked(const SeriesBlock& block, const kafka::Wait& wait) {
  while (!sent_.empty() && Decided(sent_.front())) ARROW_RETURN_NOT_OK(Settle());
  // What is left of a block that failed while it was sent.
  if (!sent_.empty() && sent_.back().reported) ARROW_RETURN_NOT_OK(Drain(wait));
  ARROW_RETURN_NOT_OK(Check(block));
  return SendMessages(block, wait);
}

Status Publisher::Write(const SeriesBlock& block, Messages* out) {
  const auto delivered = [&](const Outlet* outlet) {
    return half_ && half_->time == block.time() &&
           std::find(half_->delivered.begin(), half_->delivered.end(), outlet) !=
               half_->delivered.end();
  };
  for (const auto& outlet : outlets_) {
    if (!outlet->used() || delivered(outlet.get())) continue;
    Outlet::Message* message = outlet->Write(block);
    out->emplace_back(outlet.get(), message);
    // Gaps make a message longer.
    if (message->size() <= options_.max_message_bytes) continue;
    for (const auto& [other, written] : *out) Outlet::Release(written);
    return TooLarge(*outlet, message->size());
  }
  return Status::OK();
}

Status Publisher::SendMessages(const SeriesBlock& block, const kafka::Wait& wait) {
  Sent sent;
  sent.time = block.time();
  if (!spare_.empty()) {
    sent.messages = std::move(spare_.back());
    spare_.pop_back();
    sent.messages.clear();
  }
  ARROW_RETURN_NOT_OK(Write(block, &sent.messages));
  Status status;
  size_t done = 0;
  for (; done < sent.messages.size() && status.ok(); ++done) {
    const auto& [outlet, message] = sent.messages[done];
    status = outlet->Send(message, producer_.get(), wait);
    if (status.ok()) continue;
    status = Failed(block.time(), *outlet, status);
    break;
  }
  if (!status.ok()) {
    for (size_t i = done; i < sent.messages.size(); ++i) {
      Outlet::Release(sent.messages[i].second);
    }
    sent.messages.resize(done);
    sent.reported = true;
  }
  newest_ = block.time();
  sent_.push_back(std::move(sent));
  return status;
}

Status Publisher::Failed(GpsTime time, const Outlet& outlet, const Status& why) const {
  return WithContext(AsCertain(why), fmt::format("{}: block at {}: {}", Name(),
                                                 ToString(time), outlet.Name()));
}

bool Publisher::Decided(const Sent& sent) {
  return std::all_of(sent.messages.begin(), sent.messages.end(),
                     [](const auto& message) { return message.second->decided(); });
}

Status Publisher::Settle() {
  Sent sent = std::move(sent_.front());
  sent_.pop_front();
  const kafka::Wait now{SteadyNow()};
  Half half{sent.time, {}};
  if (half_ && half_->time == sent.time) half = *half_;
  Status first;
  for (const auto& [outlet, message] : sent.messages) {
    const Status status = message->Await(now);
    if (status.ok()) {
      half.delivered.push_back(outlet);
    } else if (first.ok()) {
      first = Failed(sent.time, *outlet, status);
    }
    Outlet::Release(message);
  }
  spare_.push_back(std::move(sent.messages));
  if (first.ok() && !sent.reported) {
    ++confirmed_;
    newest_confirmed_ = std::max(newest_confirmed_.value_or(GpsTime::Min()), sent.time);
    half_.reset();
    return Status::OK();
  }
  // It may be published again, unless a later one was.
  half_ = std::move(half);
  newest_ = sent_.empty() ? newest_confirmed_ : sent_.back().time;
  return sent.reported ? Status::OK() : first;
}

Status Publisher::Drain(const kafka::Wait& wait) {
  Status first;
  while (!sent_.empty()) {
    for (const auto& [outlet, message] : sent_.front().messages) {
      const Status status = message->Await(wait);
      if (message->decided()) continue;
      if (!first.ok()) return first;
      return WithContext(
          status, fmt::format("{}: block at {}: {}", Name(), ToString(sent_.front().time),
                              outlet->Name()));
    }
    const Status status = Settle();
    if (first.ok()) first = status;
  }
  return first;
}

Status Publisher::PublishInTransaction(const SeriesBlock& block,
                                       const kafka::Wait& wait) {
  if (committing_) {
    const bool same = sent_.back().time == block.time();
    ARROW_RETURN_NOT_OK(FinishCommit(wait));
    if (same) return Status::OK();
  }
  ARROW_RETURN_NOT_OK(Check(block));
  half_.reset();  // what was aborted was delivered to nobody
  if (Status status = producer_->BeginTransaction(); !status.ok()) {
    return WithContext(status, Name());
  }
  if (Status status = SendMessages(block, wait); !status.ok()) {
    if (sent_.empty()) newest_ = newest_confirmed_;
    return AbortAfter(status);
  }
  committing_ = true;
  return FinishCommit(wait);
}

Status Publisher::FinishCommit(const kafka::Wait& wait) {
  if (!committing_) return Status::OK();
  Status status = producer_->CommitTransaction(wait);
  if (KindOf(status) == ErrorKind::kTimeout || KindOf(status) == ErrorKind::kCancelled) {
    return WithContext(
        status, fmt::format("{}: block at {}", Name(), ToString(sent_.back().time)));
  }
  committing_ = false;
  if (!status.ok()) {
    // Which message it was says more than that the transaction failed.
    for (const auto& [outlet, message] : sent_.back().messages) {
      if (!message->decided()) continue;
      const Status failed = message->Await(kafka::Wait{SteadyNow()});
      if (!failed.ok() && !producer_->fenced()) {
        status = Failed(sent_.back().time, *outlet, failed);
        break;
      }
    }
    return AbortAfter(WithContext(AsCertain(status), Name()));
  }
  // Whoever learns of a commit may do so before the reports of its messages.
  newest_confirmed_ = newest_ = sent_.back().time;
  ++confirmed_;
  ReleaseAll();
  return Status::OK();
}

Status Publisher::AbortAfter(const Status& why) {
  newest_ = newest_confirmed_;
  ReleaseAll();
  if (producer_->fenced()) {
    return Error(ErrorKind::kPermissionDenied,
                 "{}: another process has taken over transactional id {}: {}", Name(),
                 TransactionalId(), why.message());
  }
  const Status aborted = producer_->AbortTransaction(
      kafka::Wait::For(options_.transaction_timeout + Duration::FromSeconds(5)));
  if (aborted.ok()) return why;
  return Error(KindOf(why), "{}; and then: {}", why.message(), aborted.message());
}

void Publisher::ReleaseAll() {
  for (const Sent& sent : sent_) {
    for (const auto& [outlet, message] : sent.messages) Outlet::Release(message);
  }
  sent_.clear();
}

Status Publisher::Close(Duration timeout, const client::CallContext& context) {
  if (producer_ == nullptr) return Status::OK();
  const kafka::Wait wait = WaitFor(timeout, context);
  Status status = options_.transactional ? FinishCommit(wait) : Drain(wait);
  const int64_t left = producer_->queued_messages();
  if (!status.ok() && left > 0) {
    status = WithContext(status, fmt::format("{} messages were given up", left));
  }
  producer_.reset();
  ReleaseAll();
  committing_ = waits_for_last_ = false;
  Log(LogLevel::kInfo, "{}: closed, {} blocks confirmed", Name(), confirmed_);
  return status;
}

}  // namespace carryall::publish
