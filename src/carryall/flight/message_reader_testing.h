#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "carryall/flight/flight_testing.h"
#include "carryall/flight/message_reader.h"

namespace carryall::flight {

inline std::shared_ptr<arrow::Schema> OneColumn() {
  return arrow::schema({arrow::field("x", arrow::int64())});
}

inline std::shared_ptr<arrow::RecordBatch> Row(int64_t value) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.Append(value).ok());
  return arrow::RecordBatch::Make(OneColumn(), 1, {*builder.Finish()});
}

/// Wants the numbers 0, 1, ... below `wanted`; its ticket says which comes next.
class Numbers final : public MessageSink {
 public:
  explicit Numbers(int64_t wanted) : wanted_(wanted) {}

  std::string ticket() override { return std::to_string(next_); }
  bool can_resume() const override { return resumable; }
  int64_t progress() const override { return next_; }
  bool complete() const override { return next_ >= wanted_; }
  bool expects_more() const override { return endless; }
  void OnBreak() override { ++breaks; }
  Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) override {
    ++schemas;
    EXPECT_TRUE(schema->Equals(*OneColumn()));
    return Status::OK();
  }
  Status OnMessage(codec::IpcMessage message) override {
    entered.Open();
    if (hold != nullptr) hold->Wait();
    ARROW_RETURN_NOT_OK(refuse);
    int64_t value = 0;
    // The last eight bytes of value data of a one-row batch.
    EXPECT_GE(message.body->size(), 8);
    std::memcpy(&value, message.body->data(), sizeof value);
    EXPECT_EQ(value, next_);
    ++next_;
    arrived.Open();
    return Status::OK();
  }
  void Finish(const Status& status) override {
    outcome = status;
    finished.Open();
  }

  bool resumable = true;
  bool endless = false;
  Status refuse;
  Gate* hold = nullptr;
  Gate entered, arrived, finished;
  Status outcome;
  int schemas = 0;
  int breaks = 0;
  int64_t next() const { return next_; }

 private:
  const int64_t wanted_;
  int64_t next_ = 0;
};

/// A reader of two servers that send numbers.
class MessageReaderTest : public testing::Test {
 protected:
  // Every server sends the numbers from the ticket's on.
  static StreamPtr From(
      const std::string& ticket, int64_t until,
      std::function<Status()> last = [] { return Status::OK(); }) {
    std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
    for (int64_t i = std::stoll(ticket); i < until; ++i) rows.push_back(Row(i));
    return StreamOf(OneColumn(), std::move(rows), std::move(last));
  }
  void SetUp() override {
    for (FakeServer* server : {a_.get(), b_.get()}) {
      server->on_get = [](const std::string& ticket) -> Result<StreamPtr> {
        return From(ticket, 5);
      };
    }
  }
  void TearDown() override {
    gate_.Open();
    reader_.reset();
  }
  std::shared_ptr<Numbers> Read(std::vector<std::string> urls, ReadOptions options = {},
                                std::shared_ptr<Numbers> sink = nullptr) {
    if (sink == nullptr) sink = std::make_shared<Numbers>(5);
    options.urls = std::move(urls);
    options.what = "X1:A +3 more";
    reader_ = MessageReader::Start(pool_, std::move(options), sink);
    return sink;
  }
  std::shared_ptr<Numbers> ReadToEnd(std::vector<std::string> urls,
                                     std::shared_ptr<Numbers> sink = nullptr) {
    sink = Read(std::move(urls), {}, std::move(sink));
    EXPECT_TRUE(sink->finished.WaitBriefly());
    return sink;
  }
  // Waits until the reader's deadline, then ends it.
  Status ExpireAtDeadline() {
    for (;;) {
      const Status status = reader_->Expired(SteadyNow());
      if (!status.ok()) return status;
      std::this_thread::sleep_until(
          std::min(reader_->deadline(), SteadyNow() + std::chrono::milliseconds(10)));
    }
  }

  Gate gate_;
  std::unique_ptr<FakeServer> a_ = FakeServer::Start();
  std::unique_ptr<FakeServer> b_ = FakeServer::Start();
  std::shared_ptr<ConnectionPool> pool_ =
      std::make_shared<ConnectionPool>(ConnectionOptions{});
  std::unique_ptr<MessageReader> reader_;
};

}  // namespace carryall::flight
