#include "carryall/flight/block_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/flight/flight_testing.h"
#include "carryall/flight/series_testing.h"
#include "carryall/wire/request.h"

namespace carryall::flight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Duration kStride = Duration::FromSeconds(1);

GpsTime At(int64_t s) { return GpsTime::FromSeconds(s); }

std::string Ticket(std::optional<GpsTime> start, std::optional<GpsTime> end) {
  wire::StreamArgs args;
  args.channels = {"X1:A", "X1:B"};
  args.start = start;
  args.end = end;
  return wire::SerializeRequest({wire::RequestType::kStream, args, std::nullopt});
}

class BlockSinkTest : public testing::Test {
 protected:
  void SetUp() override {
    // Request order, which is not the order of the columns.
    channels_ = SetOf({TestChannel("X1:B", 2, kStride),
                       TestChannel("X1:A", 4, kStride, DataType::kInt32)});
    Make(At(10), At(20));
  }
  void Make(std::optional<GpsTime> start, std::optional<GpsTime> end,
            bool reconnects = false) {
    BlockSink::Options options;
    options.ticket = Ticket(start, end);
    options.channels = channels_;
    options.start = start;
    options.end = end;
    options.reconnects = reconnects;
    sink_ = std::make_unique<BlockSink>(
        options,
        [this](const Delivery& delivery) {
          for (const SeriesBlock& block : delivery.blocks) blocks_.push_back(block);
          bytes_ += delivery.bytes;
          complete_until_ = delivery.complete_until();
          return refuse_;
        },
        [this](const Status& status) { ended_ = status; });
  }
  Status Begin(const ChannelSet& channels) {
    return sink_->OnSchema(TestSchema(channels));
  }
  Status Send(GpsTime time, Duration duration, bool more = false) {
    const auto payload = PayloadOf(*TestBatch(*channels_, time, duration));
    codec::IpcMessage message;
    message.metadata = payload.ipc_message.metadata;
    message.body = Body(payload);
    message.more = more;
    return sink_->OnMessage(message);
  }
  static std::shared_ptr<arrow::Buffer> Body(const Payload& payload) {
    std::string bytes;
    for (const auto& buffer : payload.ipc_message.body_buffers) {
      if (buffer != nullptr) bytes += buffer->ToString();
      bytes.resize((bytes.size() + 7) / 8 * 8);
    }
    return arrow::Buffer::FromString(std::move(bytes));
  }
  std::vector<std::string> Texts() const {
    std::vector<std::string> texts;
    for (const SeriesBlock& block : blocks_) texts.push_back(Text(block));
    return texts;
  }

  std::shared_ptr<const ChannelSet> channels_;
  std::unique_ptr<BlockSink> sink_;
  std::vector<SeriesBlock> blocks_;
  int64_t bytes_ = 0;
  GpsTime complete_until_;
  Status refuse_;
  std::optional<Status> ended_;
};

TEST_F(BlockSinkTest, BlocksCarryTheChannelsInTheOrderAskedFor) {
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride).ok());
  EXPECT_THAT(Texts(), ElementsAre("[10+1] 20 21"));
  EXPECT_EQ(Samples(blocks_[0], 1), "40 41 42 43");
  EXPECT_GT(bytes_, 0);
}

TEST_F(BlockSinkTest, AfterABreakTheTicketAsksForTheRest) {
  EXPECT_EQ(sink_->ticket(), Ticket(At(10), At(20)));
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride * 3).ok());
  EXPECT_TRUE(sink_->can_resume());
  EXPECT_FALSE(sink_->complete());
  EXPECT_EQ(sink_->ticket(), Ticket(At(13), At(20)));
}

TEST_F(BlockSinkTest, WhatAnotherLocationSendsAgainIsCutOff) {
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride * 3).ok());
  (void)sink_->ticket();
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(11), kStride).ok());
  ASSERT_TRUE(Send(At(12), kStride * 2).ok());
  EXPECT_THAT(Texts(), ElementsAre("[10+3] 20 21 22 23 24 25", "[13+1] 26 27"));
  EXPECT_EQ(Samples(blocks_[1], 1), "52 53 54 55");
}

TEST_F(BlockSinkTest, ASpanWithChannelsToComeIsAskedForAgain) {
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride * 3).ok());
  ASSERT_TRUE(Send(At(13), kStride * 7, /*more=*/true).ok());
  EXPECT_EQ(complete_until_, At(13));
  EXPECT_FALSE(sink_->complete());
  EXPECT_EQ(sink_->ticket(), Ticket(At(13), At(20)));
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(13), kStride * 7, /*more=*/true).ok());
  ASSERT_TRUE(Send(At(13), kStride * 7).ok());
  EXPECT_EQ(complete_until_, At(20));
  EXPECT_TRUE(sink_->complete());
  EXPECT_EQ(blocks_.size(), 4u);
}

TEST_F(BlockSinkTest, DuplicatesOfOneServerAreForTheMuxToJudge) {
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride).ok());
  ASSERT_TRUE(Send(At(10), kStride).ok());
  EXPECT_EQ(blocks_.size(), 2u);
}

TEST_F(BlockSinkTest, IsCompleteAtTheEndOfItsSpan) {
  EXPECT_FALSE(sink_->complete());
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(19), kStride).ok());
  EXPECT_TRUE(sink_->complete());
  Make(At(20), At(10));
  EXPECT_TRUE(sink_->complete());
  Make(std::nullopt, std::nullopt);
  EXPECT_TRUE(sink_->complete());
}

TEST_F(BlockSinkTest, ALiveReadCannotResumeOnceItHasGivenSomething) {
  Make(std::nullopt, std::nullopt);
  EXPECT_TRUE(sink_->can_resume());
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride).ok());
  EXPECT_FALSE(sink_->can_resume());
}

TEST_F(BlockSinkTest, ALiveReadThatReconnectsResumesInThePast) {
  Make(std::nullopt, std::nullopt, /*reconnects=*/true);
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride).ok());
  EXPECT_TRUE(sink_->can_resume());
  EXPECT_FALSE(sink_->complete());
  EXPECT_TRUE(sink_->expects_more());
  EXPECT_EQ(sink_->ticket(), Ticket(At(11), std::nullopt));
  // With an end that is over, it may well be that nothing more comes.
  Make(std::nullopt, At(12), /*reconnects=*/true);
  EXPECT_FALSE(sink_->expects_more());
  ASSERT_TRUE(Begin(*channels_).ok());
  ASSERT_TRUE(Send(At(10), kStride).ok());
  EXPECT_FALSE(sink_->complete());
  ASSERT_TRUE(Send(At(11), kStride).ok());
  EXPECT_TRUE(sink_->complete());
}

TEST_F(BlockSinkTest, ASchemaOfSomethingElseIsCorruptNamingTheColumn) {
  const auto stranger = SetOf({TestChannel("X1:C", 2, kStride)});
  const Status unknown = Begin(*stranger);
  EXPECT_EQ(KindOf(unknown), ErrorKind::kCorrupt) << unknown.ToString();
  EXPECT_THAT(unknown.message(), HasSubstr("X1:C"));
  const auto other_type = SetOf({TestChannel("X1:A", 4, kStride, DataType::kFloat64)});
  const Status type = Begin(*other_type);
  EXPECT_EQ(KindOf(type), ErrorKind::kCorrupt) << type.ToString();
  EXPECT_THAT(type.message(), HasSubstr("X1:A"));
}

TEST_F(BlockSinkTest, AConsumersErrorComesBackAndNothingCountsAsDelivered) {
  ASSERT_TRUE(Begin(*channels_).ok());
  refuse_ = Error(ErrorKind::kCancelled, "enough");
  EXPECT_EQ(Send(At(10), kStride).message(), "enough");
  EXPECT_EQ(sink_->ticket(), Ticket(At(10), At(20)));
}

TEST_F(BlockSinkTest, TheEndIsPassedOn) {
  sink_->Finish(Error(ErrorKind::kTimeout, "too long"));
  EXPECT_EQ(ended_->message(), "too long");
}

}  // namespace
}  // namespace carryall::flight
