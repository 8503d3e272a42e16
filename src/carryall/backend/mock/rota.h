#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "carryall/base/time.h"

namespace carryall::backend::mock {

/// Gives each running stream a place of its own in the stride, so that hundreds of live
/// streams of one stride are not all served in one burst, in which who comes first is the
/// scheduler's choice: the first goes at once, every other a little after the one before
/// it, about as long as making and sending a large block takes. Thread safe.
class Rota : public std::enable_shared_from_this<Rota> {
 public:
  static constexpr Duration kStep = Duration::FromNs(250'000);

  /// A place, free again when this is destroyed.
  class Place {
   public:
    Place(std::shared_ptr<Rota> rota, int64_t number)
        : rota_(std::move(rota)), number_(number) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      const std::lock_guard lock(rota_->mutex_);
      rota_->taken_.erase(number_);
    }
    /// How long after a block's time it is sent: before the block is over.
    Duration Offset(Duration stride) const {
      const int64_t places = std::max<int64_t>(stride.ns() * 9 / 10 / kStep.ns(), 1);
      return kStep * (number_ % places);
    }

   private:
    std::shared_ptr<Rota> rota_;
    int64_t number_;
  };

  /// The lowest place that is free.
  std::unique_ptr<Place> Take() {
    const std::lock_guard lock(mutex_);
    int64_t number = 0;
    while (taken_.contains(number)) ++number;
    taken_.insert(number);
    return std::make_unique<Place>(shared_from_this(), number);
  }

 private:
  std::mutex mutex_;
  std::set<int64_t> taken_;
};

}  // namespace carryall::backend::mock
