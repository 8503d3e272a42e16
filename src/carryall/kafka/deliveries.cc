#include "carryall/kafka/deliveries.h"

namespace carryall::kafka {

Status Deliveries::Finish(const Wait& wait) {
  const SteadyTime began = SteadyNow();
  std::unique_lock lock(mutex_);
  while (outstanding_ > 0) {
    if (wait.Over()) {
      return Error(ErrorKind::kTimeout,
                   "{} of {} messages not confirmed within {}: they may yet be delivered",
                   outstanding_, outstanding_ + confirmed_ + failed_,
                   ToString(Duration::FromMs((SteadyNow() - began) /
                                             std::chrono::milliseconds(1))));
    }
    lock.unlock();
    const Status status = wait.Check();
    lock.lock();
    ARROW_RETURN_NOT_OK(status);
    changed_.wait_for(lock, std::chrono::milliseconds(wait.SliceMs()),
                      [this] { return outstanding_ == 0; });
  }
  return first_failure_;
}

int64_t Deliveries::confirmed() const {
  const std::lock_guard lock(mutex_);
  return confirmed_;
}

int64_t Deliveries::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

int64_t Deliveries::outstanding() const {
  const std::lock_guard lock(mutex_);
  return outstanding_;
}

void Deliveries::Add() {
  const std::lock_guard lock(mutex_);
  ++outstanding_;
}

void Deliveries::Remove() {
  const std::lock_guard lock(mutex_);
  if (--outstanding_ == 0) changed_.notify_all();
}

void Deliveries::Report(const Status& outcome) {
  const std::lock_guard lock(mutex_);
  if (outcome.ok()) {
    ++confirmed_;
  } else {
    if (failed_ == 0) first_failure_ = outcome;
    ++failed_;
  }
  if (--outstanding_ == 0) changed_.notify_all();
}

}  // namespace carryall::kafka
