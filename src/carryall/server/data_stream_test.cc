#include "carryall/server/data_stream.h"

#include <arrow/array.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "carryall/server/service_fixture.h"

namespace carryall::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using DataStreamTest = ServiceTest;

TEST_F(DataStreamTest, StreamsOneRowAStrideInNameOrder) {
  Start();
  auto reader =
      Get(Stream({"X1:CNF-B", "X1:CNF-A", "X1:CNF-B"}, kStart, kStart + kStride * 4));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto schema = *(*reader)->GetSchema();
  EXPECT_THAT(schema->field_names(), ElementsAre("time", "X1:CNF-A", "X1:CNF-B"));
  for (int stride = 0; stride < 4; ++stride) {
    const auto chunk = *(*reader)->Next();
    ASSERT_NE(chunk.data, nullptr);
    ASSERT_EQ(chunk.data->num_rows(), 1);
    EXPECT_TRUE(chunk.data->ValidateFull().ok());
    const auto& time = static_cast<const arrow::Int64Array&>(*chunk.data->column(0));
    EXPECT_EQ(time.Value(0), (kStart + kStride * stride).ns());
    const auto& list = static_cast<const arrow::ListArray&>(*chunk.data->column(2));
    const auto values = std::static_pointer_cast<arrow::Int64Array>(list.value_slice(0));
    ASSERT_EQ(values->length(), 32);
    EXPECT_EQ(values->Value(5), 512LL * 1'000'000'000 + 32 * stride + 5);
  }
  EXPECT_EQ((*reader)->Next()->data, nullptr);
}

TEST_F(DataStreamTest, PutsSeveralStridesIntoABatchForWhoAsks) {
  Start();
  af::FlightCallOptions options = Options();
  options.headers.emplace_back("x-carryall-accept", "rows=3; form=column; codec=none");
  auto reader = *client_->DoGet(
      options, af::Ticket{Stream({"X1:CNF-A"}, kStart, kStart + kStride * 7)});
  std::vector<int64_t> rows;
  for (auto chunk = *reader->Next(); chunk.data != nullptr; chunk = *reader->Next()) {
    rows.push_back(chunk.data->num_rows());
  }
  EXPECT_THAT(rows, ElementsAre(3, 3, 1));
  options.headers.back().second = "rows=x";
  EXPECT_TRUE(client_->DoGet(options, af::Ticket{Stream({"X1:CNF-A"}, kStart, kStart)})
                  .status()
                  .IsInvalid());
}

TEST_F(DataStreamTest, SendsChannelAfterChannelToWhoTakesThat) {
  Start();
  const std::string ticket =
      Stream({"X1:CNF-A", "X1:CNF-B"}, kStart, kStart + kStride * 66);
  struct Part {
    int64_t time;
    std::vector<uint32_t> ids;
    int64_t samples;
    bool more;
    bool operator==(const Part&) const = default;
  };
  const auto read = [&](const std::string& accept) {
    af::FlightCallOptions options = Options();
    options.headers.emplace_back("x-carryall-accept", accept);
    auto reader = *client_->DoGet(options, af::Ticket{ticket});
    std::vector<Part> parts;
    for (auto chunk = *reader->Next(); chunk.data != nullptr; chunk = *reader->Next()) {
      EXPECT_TRUE(chunk.data->ValidateFull().ok());
      Part part{
          static_cast<const arrow::Int64Array&>(*chunk.data->column(0)).Value(0),
          {},
          static_cast<const arrow::ListArray&>(*chunk.data->column(2)).values()->length(),
          chunk.app_metadata != nullptr};
      EXPECT_EQ(part.more ? chunk.app_metadata->ToString() : "more", "more");
      const auto& ids = static_cast<const arrow::UInt32Array&>(*chunk.data->column(1));
      for (int64_t i = 0; i < ids.length(); ++i) part.ids.push_back(ids.Value(i));
      parts.push_back(part);
    }
    return parts;
  };
  const auto at = [](int64_t strides) { return (kStart + kStride * strides).ns(); };
  // A stride is 1 and 32 samples: a batch of 40 has room for 41 strides of the wider one.
  EXPECT_EQ(read("rows=40; form=row; order=channel"),
            (std::vector<Part>{{at(0), {0}, 41, true},
                               {at(0), {1}, 41 * 32, false},
                               {at(41), {0, 1}, 25 * 33, false}}));
  EXPECT_EQ(read("rows=22; form=row"),
            (std::vector<Part>{{at(0), {0, 1}, 22 * 33, false},
                               {at(22), {0, 1}, 22 * 33, false},
                               {at(44), {0, 1}, 22 * 33, false}}));
}

TEST_F(DataStreamTest, SaysThatItIsAliveToWhoAsks) {
  FakeBehaviour silent;
  silent.silent = true;
  Start(silent);
  af::FlightCallOptions options = Options();
  options.headers.emplace_back("x-carryall-accept", "heartbeat=0.1; latency=0.25");
  auto reader = *client_->DoGet(options, af::Ticket{Stream({"X1:CNF-A"}, {}, {})});
  for (int i = 0; i < 3; ++i) {
    const auto chunk = reader->Next();
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    EXPECT_EQ(chunk->data, nullptr);
    ASSERT_NE(chunk->app_metadata, nullptr);
    EXPECT_EQ(chunk->app_metadata->ToString(), "heartbeat");
  }
  EXPECT_EQ(backend_->latency(), Duration::FromMs(250));
  reader->Cancel();
}

TEST_F(DataStreamTest, RefusesAStreamWhoseStridesDoNotFitIntoItsMemory) {
  ServerOptions options;
  options.limits.stream_memory_bytes = 100;
  Start({}, options);
  const Status error = ErrorOfGet(Stream({"X1:CNF-B"}, kStart, kStart + kStride));
  EXPECT_THAT(error.message(), HasSubstr("stream is too large"));
}

TEST_F(DataStreamTest, PassesOnTheErrorOfASource) {
  FakeBehaviour behaviour;
  behaviour.fail_after = 2;
  Start(behaviour);
  auto reader = *Get(Stream({"X1:CNF-A"}, kStart, {}));
  EXPECT_TRUE(reader->Next().ok());
  EXPECT_TRUE(reader->Next().ok());
  EXPECT_THAT(reader->Next().status().message(),
              HasSubstr("fake source fails as told [request: test]"));
}

TEST_F(DataStreamTest, RefusesMoreStreamsThanItsLimit) {
  FakeBehaviour silent;
  silent.silent = true;
  ServerOptions options;
  options.limits.max_streams = 2;
  Start(silent, options);
  auto first = *Get(Stream({"X1:CNF-A"}, {}, {}));
  auto second = *Get(Stream({"X1:CNF-A"}, {}, {}));
  ASSERT_TRUE(first->GetSchema().ok());
  ASSERT_TRUE(second->GetSchema().ok());
  const Status error = ErrorOfGet(Stream({"X1:CNF-A"}, {}, {}));
  EXPECT_EQ(CodeOf(error), af::FlightStatusCode::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("limit of 2 concurrent streams"));
  EXPECT_TRUE(Info(Find()).ok());
  first->Cancel();
  second->Cancel();
}

TEST_F(DataStreamTest, AStreamThatNobodyReadsCountsAgainstTheLimit) {
  ServerOptions options;
  options.limits.max_streams = 2;
  Start({}, options);
  // It has no end: what the transport takes ahead is soon full, and its call waits.
  auto unread = *Get(Stream({"X1:CNF-A"}, kStart, {}));
  ASSERT_TRUE(unread->GetSchema().ok());
  auto read = *Get(Stream({"X1:CNF-A"}, kStart, {}));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(read->Next().ok());
    const Status error = ErrorOfGet(Stream({"X1:CNF-A"}, kStart, {}));
    ASSERT_EQ(CodeOf(error), af::FlightStatusCode::Unavailable);
    ASSERT_THAT(error.message(), HasSubstr("limit of 2 concurrent streams"));
  }
  EXPECT_EQ(server_->counters().streams_refused.load(), 100);
  unread->Cancel();
  EXPECT_TRUE(Eventually([&] { return server_->counters().streams_open.load() == 1; }));
  auto next = *Get(Stream({"X1:CNF-A"}, kStart, {}));
  EXPECT_TRUE(next->Next().ok());
  read->Cancel();
  next->Cancel();
}

TEST_F(DataStreamTest, RefusesMoreUploadsThanItsLimit) {
  ServerOptions options;
  options.limits.max_uploads = 1;
  Start({}, options);
  // Flight's clients send the descriptor at once, which ends the call here; what counts
  // is that each gives its place back.
  // Refused at the start of the call or at its end, as the transport has it.
  const auto code_of_exchange = [&] {
    auto exchange = client_->DoExchange(Options(), af::FlightDescriptor::Command(Find()));
    return CodeOf(exchange.ok() ? exchange->writer->Close() : exchange.status());
  };
  // A place is free again a moment after the client has its answer.
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Eventually([&] {
      return code_of_exchange() == af::FlightStatusCode::Failed;
    })) << i;
  }
  options.limits.max_uploads = 0;
  server_.reset();
  Start({}, options);
  EXPECT_EQ(code_of_exchange(), af::FlightStatusCode::Unavailable);
}

TEST_F(DataStreamTest, NoticesACancelledClientWhileItsSourceIsSilent) {
  FakeBehaviour silent;
  silent.silent = true;
  Start(silent);
  auto reader = *Get(Stream({"X1:CNF-A"}, {}, {}));
  ASSERT_TRUE(reader->GetSchema().ok());
  EXPECT_EQ(server_->counters().streams_open.load(), 1);
  reader->Cancel();
  EXPECT_TRUE(Eventually([&] { return server_->counters().streams_open.load() == 0; }));
}

TEST_F(DataStreamTest, StoppingEndsStreamsThatAreReadWithOk) {
  FakeBehaviour silent;
  silent.silent = true;
  Start(silent);
  auto reader = *Get(Stream({"X1:CNF-A"}, {}, {}));
  ASSERT_TRUE(reader->GetSchema().ok());
  auto end = std::async(std::launch::async, [&] { return reader->Next(); });
  server_->Stop(Duration::FromSeconds(20));
  const auto chunk = end.get();
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ(chunk->data, nullptr);
}

TEST_F(DataStreamTest, StoppingDoesNotWaitForAClientThatReadsNothing) {
  Start();
  auto reader = *Get(Stream({"X1:CNF-B"}, kStart, {}));
  ASSERT_TRUE(reader->GetSchema().ok());
  server_->Stop(Duration::FromMs(200));  // hangs if it waits
  EXPECT_EQ(server_->counters().streams_open.load(), 0);
}

}  // namespace
}  // namespace carryall::server
