#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "carryall/client/endpoint_reader.h"
#include "carryall/codec/assemble.h"

namespace carryall::client {

/// The result of a fetch while readers fill it. Readers hold it by a shared pointer.
/// Thread safe.
class Assembly {
 public:
  struct Options {
    size_t endpoints = 1;
    bool one_at_a_time = false;  ///< endpoints may carry the same channels
    bool places_gaps = false;  ///< what nobody placed is to be told from what is missing
  };
  explicit Assembly(Options options) : options_(options), parts_(options.endpoints) {}

  /// Where blocks go; before the first of them.
  void Begin(std::unique_ptr<codec::SpanAssembler> assembler);
  /// Whether it has begun.
  bool begun() const;
  codec::SpanAssembler& assembler() { return *assembler_; }

  Status Place(size_t e, const flight::Delivery& delivery,
               const StreamEndpoint& endpoint);
  void End(size_t e, const Status& status);

  /// Waits until more than `seen` readers have ended.
  Result<bool> Wait(size_t seen, SteadyTime deadline, const flight::Interrupt& interrupt);
  /// How one ended, once it has.
  std::optional<Status> end(size_t e) const;
  struct Behind {
    int64_t bytes = 0;
    GpsTime until = GpsTime::Max();
    std::optional<size_t> endpoint;
  };
  /// How far everything has come, and who keeps it waiting.
  Behind behind() const;

 private:
  std::vector<int32_t> Positions(const SeriesBlock& block,
                                 std::vector<int32_t> positions) const;

  struct Part {
    GpsTime until = GpsTime::Min();
    std::optional<Status> end;
  };
  const Options options_;
  std::unique_ptr<codec::SpanAssembler> assembler_;
  std::mutex place_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Part> parts_;
  size_t ended_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace carryall::client
