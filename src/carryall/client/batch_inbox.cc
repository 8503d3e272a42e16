#include "carryall/client/batch_inbox.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>

namespace carryall::client {
namespace {

constexpr int64_t kMaxMetadataBytes = int64_t{256} << 20;

Result<std::shared_ptr<arrow::RecordBatch>> Decode(
    const codec::IpcMessage& message, const std::shared_ptr<arrow::Schema>& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto opened,
                        arrow::ipc::Message::Open(message.metadata, message.body));
  if (opened->type() != arrow::ipc::MessageType::RECORD_BATCH) {
    return Status::Invalid("message of another type than a record batch");
  }
  // gRPC puts a body anywhere; these are read through Arrow's typed arrays.
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  arrow::ipc::DictionaryMemo memo;
  return arrow::ipc::ReadRecordBatch(*opened, schema, &memo, options);
}

}  // namespace

class BatchInbox::Sink final : public flight::MessageSink {
 public:
  Sink(std::shared_ptr<BatchInbox> inbox, size_t reader, std::string ticket,
       bool can_resume)
      : inbox_(std::move(inbox)),
        reader_(reader),
        ticket_(std::move(ticket)),
        can_resume_(can_resume) {}

  std::string ticket() override { return ticket_; }
  bool can_resume() const override { return can_resume_ || batches_ == 0; }
  int64_t progress() const override { return batches_; }
  bool complete() const override { return schema_ != nullptr; }
  Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) override {
    schema_ = schema;
    return Status::OK();
  }
  Status OnMessage(codec::IpcMessage message) override {
    if (message.body->size() > kMaxMetadataBytes) {
      return Error(ErrorKind::kResourceExhausted,
                   "a message of metadata of {} bytes, at most {}", message.body->size(),
                   kMaxMetadataBytes);
    }
    auto batch = Decode(message, schema_);
    if (!batch.ok()) {
      return Error(ErrorKind::kCorrupt, "not a batch of metadata: {}",
                   batch.status().message());
    }
    ++batches_;
    return inbox_->Put({std::move(batch).ValueUnsafe(), reader_, Status::OK()});
  }
  void Finish(const Status& status) override {
    (void)inbox_->Put({nullptr, reader_, status});
  }

 private:
  const std::shared_ptr<BatchInbox> inbox_;
  const size_t reader_;
  const std::string ticket_;
  const bool can_resume_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t batches_ = 0;
};

std::shared_ptr<flight::MessageSink> BatchInbox::SinkFor(
    std::shared_ptr<BatchInbox> inbox, size_t reader, std::string ticket,
    bool can_resume) {
  return std::make_shared<Sink>(std::move(inbox), reader, std::move(ticket), can_resume);
}

Status BatchInbox::Put(Taken taken) {
  std::unique_lock lock(mutex_);
  const bool is_end = taken.batch == nullptr;
  changed_.wait(lock, [&] { return closed_ || is_end || taken_.size() < kMaxBatches; });
  if (closed_) return Error(ErrorKind::kCancelled, "nobody takes the answer");
  taken_.push_back(std::move(taken));
  changed_.notify_all();
  return Status::OK();
}

Result<std::optional<BatchInbox::Taken>> BatchInbox::Take(
    SteadyTime deadline, const flight::Interrupt& interrupt) {
  std::unique_lock lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const bool ready,
                        flight::WaitUntil(lock, changed_, deadline, interrupt,
                                          [&] { return !taken_.empty(); }));
  if (!ready) return std::nullopt;
  std::optional<Taken> first = std::move(taken_.front());
  taken_.pop_front();
  changed_.notify_all();
  return first;
}

void BatchInbox::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace carryall::client
