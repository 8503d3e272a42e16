#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "carryall/backend/backend.h"
#include "carryall/server/block_queue.h"

namespace carryall::server {

/// Blocks of several sources that carry different channels of one stream, joined per
/// stride. Where one of them has nothing its channels are gaps; where none has anything
/// for a whole stride, the stride is left out.
class JoinSource final : public backend::BlockSource {
 public:
  struct Part {
    std::shared_ptr<const ChannelSet> channels;
    std::unique_ptr<backend::BlockSource> source;
  };

  /// Every part covers [start, end). `channels` are those of all parts.
  static Result<std::unique_ptr<JoinSource>> Make(
      std::shared_ptr<const ChannelSet> channels, std::vector<Part> parts, GpsTime start,
      std::optional<GpsTime> end, int64_t max_strides);

  Result<backend::SourceStep> Next(const std::stop_token& stop,
                                   SteadyTime deadline) override;

 private:
  struct Input {
    std::unique_ptr<backend::BlockSource> source;
    BlockQueue queue;
    bool ended = false;
  };
  JoinSource() = default;

  /// Reads until `input` knows its next stride; false if it has nothing to say yet.
  Result<bool> Fill(Input& input, GpsTime until, const std::stop_token& stop,
                    SteadyTime deadline);

  std::shared_ptr<const ChannelSet> channels_;
  std::vector<Input> inputs_;
  GpsTime cursor_;
  std::optional<GpsTime> end_;
  Duration stride_;
  int64_t max_strides_ = 1;
};

}  // namespace carryall::server
