#include "carryall/flight/block_sink.h"

#include <algorithm>

#include "carryall/base/clock.h"
#include "carryall/wire/request.h"

namespace carryall::flight {

GpsTime Delivery::complete_until() const {
  GpsTime until = GpsTime::Min();
  for (const SeriesBlock& block : blocks) {
    until = std::max(until, more ? block.time() : block.end());
  }
  return until;
}

BlockSink::BlockSink(Options options, OnBlocks on_blocks, OnEnd on_end)
    : options_(std::move(options)),
      on_blocks_(std::move(on_blocks)),
      on_end_(std::move(on_end)) {}

std::string BlockSink::ticket() {
  if (!delivered_until_) return options_.ticket;
  resumed_from_ = delivered_until_;
  auto request = wire::ParseRequest(options_.ticket);
  if (!request.ok() || request->type != wire::RequestType::kStream)
    return options_.ticket;
  std::get<wire::StreamArgs>(request->args).start = *delivered_until_;
  return wire::SerializeRequest(*request);
}

bool BlockSink::can_resume() const {
  return !delivered_until_ || options_.start || options_.reconnects;
}

int64_t BlockSink::progress() const {
  return delivered_until_ ? delivered_until_->ns() : GpsTime::Min().ns();
}

bool BlockSink::complete() const {
  if (!options_.end || (!options_.start && !options_.reconnects)) return !expects_more();
  return (options_.start && *options_.end <= *options_.start) ||
         (delivered_until_ && *delivered_until_ >= *options_.end);
}

bool BlockSink::expects_more() const {
  if (!options_.reconnects) return false;
  return !options_.end || *options_.end > Clock::System().Now();
}

Status BlockSink::OnSchema(const std::shared_ptr<arrow::Schema>& schema) {
  auto decoder = codec::StreamDecoder::Make(schema, options_.channels, options_.ids,
                                            options_.limits, options_.pool);
  if (!decoder.ok()) {
    return Error(ErrorKind::kCorrupt, "not a stream of the channels asked for: {}",
                 decoder.status().message());
  }
  decoder_ = std::move(decoder).ValueUnsafe();
  return Status::OK();
}

Status BlockSink::OnMessage(codec::IpcMessage message) {
  Delivery delivery;
  delivery.bytes = message.body->size();
  delivery.more = message.more;
  ARROW_RETURN_NOT_OK(decoder_->Decode(message, &delivery.blocks));
  if (resumed_from_) ARROW_RETURN_NOT_OK(CutBegin(&delivery.blocks));
  if (delivery.blocks.empty()) return Status::OK();
  const GpsTime until =
      std::max(delivered_until_.value_or(GpsTime::Min()), delivery.complete_until());
  ARROW_RETURN_NOT_OK(on_blocks_(std::move(delivery)));
  delivered_until_ = until;
  return Status::OK();
}

// What another location sent before, in whole or in part, is not delivered again.
Status BlockSink::CutBegin(std::vector<SeriesBlock>* blocks) const {
  std::vector<SeriesBlock> kept;
  for (SeriesBlock& block : *blocks) {
    if (block.end() <= *resumed_from_) continue;
    if (block.time() < *resumed_from_) {
      ARROW_ASSIGN_OR_RAISE(block,
                            block.Slice(*resumed_from_, block.end() - *resumed_from_));
    }
    kept.push_back(std::move(block));
  }
  *blocks = std::move(kept);
  return Status::OK();
}

}  // namespace carryall::flight
