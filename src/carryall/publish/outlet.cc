#include "carryall/publish/outlet.h"

namespace carryall::publish {

Outlet::Outlet(std::shared_ptr<const Registration> registration, size_t partition)
    : registration_(std::move(registration)),
      partition_(registration_->partitions()[partition]) {
  record_.topic = partition_.topic;
}

std::string Outlet::Name() const {
  const std::string& first =
      (*registration_->channels())[partition_.channels.front()].name;
  if (partition_.channels.size() == 1) {
    return fmt::format("partition {} (channel {})", partition_.id, first);
  }
  return fmt::format("partition {} (channels {} +{} more)", partition_.id, first,
                     partition_.channels.size() - 1);
}

Status Outlet::SetRows(std::vector<std::pair<size_t, size_t>> rows) {
  rows_.clear();
  writer_.reset();
  if (rows.empty()) return Status::OK();
  std::vector<codec::MessageRow> layout;
  for (const auto& [registered, in_block] : rows) {
    const Channel& channel = (*registration_->channels())[registered];
    layout.push_back({*channel.partition_index,
                      channel.sample_rate.SamplesIn(registration_->stride())});
    rows_.push_back(in_block);
  }
  views_.resize(rows_.size());
  auto writer = codec::RowMessageWriter::Make(partition_.type, std::move(layout));
  if (!writer.ok()) return WithContext(writer.status(), Name());
  writer_ = std::move(writer).ValueUnsafe();
  return Status::OK();
}

Outlet::Message* Outlet::FreeMessage() {
  for (const auto& message : messages_) {
    if (!message->taken_ && message->decided()) return message.get();
  }
  messages_.push_back(std::make_unique<Message>());
  messages_.back()->deliveries_ = std::make_shared<kafka::Deliveries>();
  return messages_.back().get();
}

Outlet::Message* Outlet::Write(const SeriesBlock& block) {
  Message* message = FreeMessage();
  const int64_t bytes = writer_->size(/*gaps=*/true);
  if (message->capacity_ < bytes) {
    message->memory_ =
        std::make_shared_for_overwrite<uint8_t[]>(static_cast<size_t>(bytes));
    message->capacity_ = bytes;
  }
  // A failure is remembered for good.
  if (message->deliveries_->failed() > 0) {
    message->deliveries_ = std::make_shared<kafka::Deliveries>();
  }
  for (size_t i = 0; i < rows_.size(); ++i) views_[i] = block.view(rows_[i]);
  message->size_ = writer_->Write(block.time(), views_, message->memory_.get());
  message->taken_ = true;
  return message;
}

Status Outlet::Send(Message* message, kafka::Producer* producer,
                    const kafka::Wait& room) {
  record_.value = std::string_view(reinterpret_cast<const char*>(message->memory_.get()),
                                   static_cast<size_t>(message->size_));
  record_.owner = message->memory_;
  Status status = producer->Send(record_, message->deliveries_, room);
  record_.owner.reset();
  return status;
}

}  // namespace carryall::publish
