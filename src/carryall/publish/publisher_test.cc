#include "carryall/publish/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "carryall/flight/series_testing.h"
#include "carryall/publish/site_testing.h"

namespace carryall::publish {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Duration kSecond = Duration::FromSeconds(1);
constexpr GpsTime At(int64_t s) { return GpsTime::FromSeconds(s); }

Channel Known(std::string name, int64_t hz, DataType type, std::string partition,
              uint32_t index) {
  Channel channel = flight::TestChannel(std::move(name), hz, kSecond, type);
  channel.publisher = "PUB";
  channel.partition_id = std::move(partition);
  channel.partition_index = index;
  return channel;
}

/// Two partitions: doubles in P, integers in Q.
std::vector<Channel> Channels() {
  return {Known("X1:A", 4, DataType::kFloat64, "P", 0),
          Known("X1:N", 2, DataType::kInt32, "Q", 5),
          Known("X1:B", 2, DataType::kFloat64, "P", 1)};
}

class PublisherTest : public testing::Test {
 protected:
  std::unique_ptr<Publisher> Make(PublisherOptions options = {}) {
    options.id = "PUB";
    options.server.url = site_.url();
    return *Publisher::Make(std::move(options));
  }
  std::unique_ptr<Publisher> Opened(PublisherOptions options = {}) {
    auto publisher = Make(std::move(options));
    const Status status = publisher->Open();
    EXPECT_TRUE(status.ok()) << status.ToString();
    return publisher;
  }

  /// Sample n of a channel, counted from GPS 0, is n; missing ones where the test says.
  static SeriesBlock Block(std::vector<Channel> channels, GpsTime time,
                           const flight::Missing& missing = {},
                           Duration duration = kSecond) {
    const auto set = flight::SetOf(std::move(channels));
    std::vector<SampleView> views;
    std::vector<MemoryOwner> owners;
    for (const Channel& channel : set->channels()) {
      const int64_t first = channel.sample_rate.SamplesIn(time - GpsTime());
      const int64_t count = channel.sample_rate.SamplesIn(duration);
      const int width = ByteWidth(channel.data_type);
      auto bytes =
          std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count * width + 64));
      uint8_t* bits = bytes->data() + count * width;
      SampleView view{bytes->data(), nullptr, 0, count, channel.data_type};
      for (int64_t i = 0; i < count; ++i) {
        const auto real = static_cast<double>(first + i);
        const auto whole = static_cast<int32_t>(first + i);
        const void* from = width == 8 ? static_cast<const void*>(&real) : &whole;
        std::memcpy(bytes->data() + i * width, from, static_cast<size_t>(width));
        if (missing && missing(channel, first + i)) {
          view.validity = bits;
        } else {
          bits[i / 8] |= static_cast<uint8_t>(1 << (i % 8));
        }
      }
      views.push_back(view);
      owners.push_back(std::move(bytes));
    }
    return SeriesBlock(time, duration, set, std::move(views), std::move(owners));
  }

  /// What the block after `at` is refused with.
  static std::string Refused(Publisher* publisher, const SeriesBlock& block) {
    const Status status = publisher->Publish(block);
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << status.ToString();
    return status.message();
  }

  /// "time: id [samples] id [samples]".
  static std::string Text(const arrow::RecordBatch& batch) {
    EXPECT_TRUE(batch.ValidateFull().ok());
    const auto& times = static_cast<const arrow::Int64Array&>(*batch.column(0));
    const auto& ids = static_cast<const arrow::UInt32Array&>(*batch.column(1));
    const auto& lists = static_cast<const arrow::ListArray&>(*batch.column(2));
    std::string text = fmt::format("{}:", FormatSeconds(times.Value(0)));
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      EXPECT_EQ(times.Value(row), times.Value(0));
      std::string samples;
      const auto values = lists.value_slice(row);
      for (int64_t i = 0; i < values->length(); ++i) {
        samples += (i > 0 ? " " : "") + (*values->GetScalar(i))->ToString();
      }
      text += fmt::format(" {} [{}]", ids.Value(row), samples);
    }
    return text;
  }
  std::vector<std::string> Topic(const std::string& partition, size_t count) {
    std::vector<std::string> texts;
    for (const auto& batch : site_.Read(partition, count)) texts.push_back(Text(*batch));
    return texts;
  }

  Site site_{Channels()};
};

TEST_F(PublisherTest, ABlockBecomesAMessageInEachPartition) {
  auto publisher = Opened();
  EXPECT_EQ(publisher->registration()->channels()->size(), 3u);
  ASSERT_TRUE(publisher->Publish(Block(Channels(), At(10))).ok());
  EXPECT_EQ(publisher->confirmed(), 1);
  // In another order, with gaps and without.
  std::vector<Channel> turned = Channels();
  std::reverse(turned.begin(), turned.end());
  ASSERT_TRUE(publisher
                  ->Publish(Block(turned, At(12),
                                  [](const Channel& channel, int64_t n) {
                                    return channel.name == "X1:B" || n == 49;
                                  }))
                  .ok());
  EXPECT_EQ(Topic("P", 2),
            (std::vector<std::string>{"10: 0 [40 41 42 43] 1 [20 21]",
                                      "12: 0 [48 null 50 51] 1 [null null]"}));
  EXPECT_EQ(Topic("Q", 2), (std::vector<std::string>{"10: 5 [20 21]", "12: 5 [24 25]"}));
  EXPECT_TRUE(publisher->Close().ok());
  EXPECT_EQ(KindOf(publisher->Publish(Block(Channels(), At(13)))),
            ErrorKind::kUnsupported);
}

TEST_F(PublisherTest, RefusesBlocksThatAreNotAsRegistered) {
  auto publisher = Opened();
  const auto changed = [](auto change) {
    std::vector<Channel> channels = Channels();
    change(channels);
    return Block(std::move(channels), At(10));
  };
  EXPECT_THAT(Refused(publisher.get(), changed([](auto& c) { c[0].name = "X1:Z"; })),
              HasSubstr("channel X1:Z is not registered"));
  EXPECT_THAT(Refused(publisher.get(),
                      changed([](auto& c) { c[0].data_type = DataType::kUint64; })),
              HasSubstr("X1:A is registered with data type float64"));
  EXPECT_THAT(Refused(publisher.get(),
                      changed([](auto& c) { c[2].sample_rate = *SampleRate::Make(8); })),
              HasSubstr("X1:B is registered with 2 Hz"));
  EXPECT_THAT(Refused(publisher.get(), changed([](auto& c) { c.pop_back(); })),
              AllOf(HasSubstr("2 of 3"), HasSubstr("X1:B is missing")));
  EXPECT_THAT(Refused(publisher.get(), Block(Channels(), At(10), {}, kSecond * 2)),
              HasSubstr("lasts 2 s, the registered stride is 1 s"));
  EXPECT_THAT(Refused(publisher.get(), Block(Channels(), At(10) + Duration::FromMs(500))),
              HasSubstr("multiple of the stride"));
  SeriesBlock short_one = Block(Channels(), At(10));
  std::vector<SampleView> views = short_one.views();
  views[1].length = 1;
  EXPECT_THAT(Refused(publisher.get(), SeriesBlock(At(10), kSecond, short_one.channels(),
                                                   views, short_one.owners())),
              HasSubstr("channel X1:N has 1 samples of int32"));
  ASSERT_TRUE(publisher->Publish(Block(Channels(), At(10))).ok());
  for (int64_t again : {10, 9}) {
    EXPECT_THAT(Refused(publisher.get(), Block(Channels(), At(again))),
                HasSubstr("not later than the one before it at 10"));
  }
  EXPECT_EQ(site_.Count("P"), 1);
}

TEST_F(PublisherTest, FewerChannelsWhereThatWasChosen) {
  PublisherOptions options;
  options.partial = true;
  auto publisher = Opened(options);
  std::vector<Channel> some = Channels();
  some.erase(some.begin(), some.begin() + 2);
  ASSERT_TRUE(publisher->Publish(Block(some, At(1))).ok());
  ASSERT_TRUE(publisher->Publish(Block(Channels(), At(2))).ok());
  EXPECT_EQ(Topic("P", 2),
            (std::vector<std::string>{"1: 1 [2 3]", "2: 0 [8 9 10 11] 1 [4 5]"}));
  EXPECT_EQ(site_.Count("Q"), 1);
}

TEST_F(PublisherTest, AMessageThatIsTooLargeIsNotSent) {
  // Messages of one channel have 608 bytes and 8 for each sample, and 8 more with gaps.
  const std::vector<Channel> fits = {Known("X1:S", 30, DataType::kFloat64, "S", 0)};
  const std::vector<Channel> full = {Known("X1:S", 49, DataType::kFloat64, "S", 0)};
  PublisherOptions options;
  options.id = "PUB";
  options.max_message_bytes = 1000;
  const flight::Missing some = [](const Channel&, int64_t n) { return n % 5 == 0; };
  for (const auto& channels : {fits, full}) {
    Site site(channels);
    options.server.url = site.url();
    const auto publisher = *Publisher::Make(options);
    ASSERT_TRUE(publisher->Open().ok());
    const Status status = publisher->Publish(Block(channels, At(1), some));
    if (channels[0] == fits[0]) {
      EXPECT_TRUE(status.ok()) << status.ToString();
      continue;
    }
    EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("1008 bytes, at most 1000"),
                                        HasSubstr("partition S (channel X1:S)")));
    EXPECT_EQ(site.Count("S"), 0);
  }
}

TEST_F(PublisherTest, ABlockWhoseWaitEndedIsWaitedForAgainAndNotSentTwice) {
  auto publisher = Opened();
  ASSERT_TRUE(publisher->Publish(Block(Channels(), At(1))).ok());
  site_.cluster.Down();
  const Status status =
      publisher->Publish(Block(Channels(), At(2)), Duration::FromMs(50));
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status.ToString();
  EXPECT_THAT(status.message(), AllOf(HasSubstr("publisher PUB"), HasSubstr("block at 2"),
                                      HasSubstr("partition P")));
  client::CallContext stopped;
  stopped.poll = [] { return Error(ErrorKind::kCancelled, "enough"); };
  EXPECT_EQ(KindOf(publisher->Publish(Block(Channels(), At(2)), {}, stopped)),
            ErrorKind::kCancelled);
  site_.cluster.Up();
  ASSERT_TRUE(publisher->Publish(Block(Channels(), At(2))).ok());
  EXPECT_EQ(publisher->confirmed(), 2);
  EXPECT_EQ(site_.Count("P"), 2);
  EXPECT_EQ(site_.Count("Q"), 2);
}

TEST_F(PublisherTest, OnlyWhatWasNotDeliveredIsSentAgain) {
  auto publisher = Opened();
  site_.cluster.SetTopicError("arrakis-Q", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const Status status = publisher->Publish(Block(Channels(), At(1)));
  EXPECT_EQ(KindOf(status), ErrorKind::kNotFound) << status.ToString();
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("partition Q (channel X1:N)"), HasSubstr("127.0.0.1:")));
  EXPECT_EQ(publisher->confirmed(), 0);
  site_.cluster.SetTopicError("arrakis-Q", RD_KAFKA_RESP_ERR_NO_ERROR);
  // librdkafka does not learn at once that the topic is there.
  Status again = publisher->Publish(Block(Channels(), At(1)));
  for (const auto wait = kafka::Soon(); !again.ok() && !wait.Over();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    again = publisher->Publish(Block(Channels(), At(1)));
  }
  ASSERT_TRUE(again.ok()) << again.ToString();
  EXPECT_EQ(site_.Count("P"), 1);
  EXPECT_EQ(site_.Count("Q"), 1);
}

TEST_F(PublisherTest, BlocksSentAheadAreConfirmedByFlush) {
  auto publisher = Opened();
  for (int64_t s = 1; s <= 50; ++s) {
    ASSERT_TRUE(publisher->Send(Block(Channels(), At(s))).ok());
  }
  ASSERT_TRUE(publisher->Flush().ok());
  EXPECT_EQ(publisher->confirmed(), 50);
  const auto texts = Topic("Q", 50);
  for (int64_t s = 1; s <= 50; ++s) {
    EXPECT_EQ(texts[static_cast<size_t>(s - 1)],
              fmt::format("{}: 5 [{} {}]", s, 2 * s, 2 * s + 1));
  }
}

TEST_F(PublisherTest, RegistersOnlyWhatTheServerDoesNotHave) {
  auto publisher = Make();
  Channel fresh = flight::TestChannel("X1:NEW-1", 4, kSecond);
  std::vector<Channel> all = Channels();
  all.push_back(fresh);
  const Status status = publisher->Register(all);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(site_.registered, 1);
  EXPECT_EQ(publisher->registration()->channels()->size(), 4u);
  ASSERT_TRUE(publisher->Open().ok());
  ASSERT_TRUE(publisher->Publish(Block(all, At(3))).ok());
  EXPECT_EQ(Topic("NEW-NEW", 1), (std::vector<std::string>{"3: 3 [12 13 14 15]"}));
}

TEST_F(PublisherTest, SaysWhyItCannotBeOpened) {
  auto publisher = Make();
  EXPECT_EQ(KindOf(publisher->Publish(Block(Channels(), At(1)))),
            ErrorKind::kUnsupported);
  site_.refusal = Error(ErrorKind::kPermissionDenied, "PUB is not dynamic");
  const Status refused =
      publisher->Register({flight::TestChannel("X1:NEW-1", 4, kSecond)});
  EXPECT_EQ(KindOf(refused), ErrorKind::kPermissionDenied);
  EXPECT_THAT(refused.message(), AllOf(HasSubstr("not dynamic"), HasSubstr("X1:NEW-1")));
  site_.properties = {{"linger.ms", "5"}};
  EXPECT_THAT(publisher->Open().message(), HasSubstr("names no brokers"));
  site_.properties = {{"bootstrap.servers", site_.cluster.options().brokers},
                      {"no.such.property", "1"}};
  EXPECT_THAT(publisher->Open().message(), HasSubstr("no.such.property"));
  EXPECT_FALSE(Publisher::Make({}).ok());
  PublisherOptions none;
  none.id = "PUB";
  none.server.url = "grpc://127.0.0.1:1";
  EXPECT_EQ(KindOf((*Publisher::Make(none))->Open()), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace carryall::publish
