#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/codec/decoder.h"
#include "carryall/flight/message_reader.h"

namespace carryall::flight {

/// What came at once.
struct Delivery {
  std::vector<SeriesBlock> blocks;  ///< in the order they came
  int64_t bytes = 0;                ///< of the message they were in
  bool more = false;                ///< other channels of their span are to come
  /// Before this time everything has come.
  GpsTime complete_until() const;
};

/// Turns the messages of one endpoint of a data stream into blocks, and knows what is
/// missing after a break: the read goes on from the first time that was not delivered, so
/// that no sample comes twice.
class BlockSink final : public MessageSink {
 public:
  struct Options {
    std::string ticket;
    /// The channels of its blocks, in their order. A stream of anything else is kCorrupt.
    std::shared_ptr<const ChannelSet> channels;
    codec::IdTable ids;  ///< for row-form streams without a table of their own
    std::optional<GpsTime> start, end;  ///< what the ticket asks for, if it can be read
    /// A live read is resumed too, from where it broke off on, and has not ended before
    /// its end has come.
    bool reconnects = false;
    std::function<void()> on_break = {};
    codec::DecodeLimits limits;
    arrow::MemoryPool* pool = arrow::default_memory_pool();
  };
  using OnBlocks = std::function<Status(Delivery delivery)>;
  using OnEnd = std::function<void(const Status&)>;

  BlockSink(Options options, OnBlocks on_blocks, OnEnd on_end);

  std::string ticket() override;
  bool can_resume() const override;
  int64_t progress() const override;
  bool complete() const override;
  bool expects_more() const override;
  void OnBreak() override {
    if (options_.on_break) options_.on_break();
  }
  Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) override;
  Status OnMessage(codec::IpcMessage message) override;
  void Finish(const Status& status) override { on_end_(status); }

 private:
  Status CutBegin(std::vector<SeriesBlock>* blocks) const;

  const Options options_;
  const OnBlocks on_blocks_;
  const OnEnd on_end_;
  std::unique_ptr<codec::StreamDecoder> decoder_;
  std::optional<GpsTime> delivered_until_;
  std::optional<GpsTime> resumed_from_;
};

}  // namespace carryall::flight
