#include "carryall/client/client_testing.h"
#include "carryall/flight/tcp_relay_testing.h"

namespace carryall::client {
namespace {

using flight::TcpRelay;
using testing::ElementsAre;
using testing::HasSubstr;

class FetchTest : public ClientTest {
 protected:
  // All channels of a result as text.
  static std::vector<std::string> Rows(const Result<SeriesBlock>& block) {
    if (!block.ok()) return {block.status().message()};
    std::vector<std::string> rows;
    for (size_t i = 0; i < block->size(); ++i) rows.push_back(Samples(*block, i));
    return rows;
  }
};

TEST_F(FetchTest, GivesTheSpanInOneBlockWithChannelsInTheOrderAskedFor) {
  const auto block = Fetch({"X1:SLOW", "X1:B"}, Span(10, 14));
  EXPECT_THAT(Rows(block), ElementsAre("10 11 12 13", "20 21 22 23 24 25 26 27"));
  EXPECT_EQ(block->time(), At(10));
  EXPECT_EQ(block->duration(), kSecond * 4);
  EXPECT_EQ((*block->channels())[0].name, "X1:SLOW");
  EXPECT_EQ(block->view(1).data_type, DataType::kInt32);
}

TEST_F(FetchTest, RepeatedNamesAreOneChannel) {
  EXPECT_EQ(Rows(Fetch({"X1:B", "X1:B"}, Span(10, 11))).size(), 1u);
}

TEST_F(FetchTest, GivesExactlyTheSpanWhateverTheServersStrides) {
  EXPECT_THAT(Rows(Fetch({"X1:A"}, Span(10.25, 11.75))),
              ElementsAre("41 42 43 44 45 46"));
  // The server was asked for whole strides of all channels.
  std::optional<wire::StreamArgs> asked;
  platform_.stream = [&](const wire::StreamArgs& args) {
    asked = args;
    return platform_.Serve(args);
  };
  EXPECT_THAT(Rows(Fetch({"X1:A", "X1:SLOW"}, Span(11, 13))),
              ElementsAre("44 45 46 47 48 49 50 51", "11 12"));
  EXPECT_EQ(asked->start, At(10));
  EXPECT_EQ(asked->end, At(14));
}

TEST_F(FetchTest, TimesBetweenSamplesAreRefused) {
  const Status status = Fetch({"X1:A"}, Span(10, 10.1)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("X1:A"));
}

TEST_F(FetchTest, SpansThatMakeNoSenseAreRefusedBeforeAnythingIsAsked) {
  platform_.plan = [](const wire::Request&) -> Result<std::vector<FakeServer::Endpoint>> {
    return Error(ErrorKind::kInternal, "was asked");
  };
  StreamOptions options = Span(10, 10);
  EXPECT_THAT(Rows(Fetch({"X1:A"}, options)), ElementsAre(HasSubstr("[10, 10)")));
  EXPECT_THAT(Rows(Fetch({"X1:A"}, Span(10, 9))), ElementsAre(HasSubstr("[10, 9)")));
  options.duration = kSecond;
  EXPECT_EQ(KindOf(Fetch({"X1:A"}, options).status()), ErrorKind::kInvalidArgument);
  options = {};
  options.end = At(10);
  EXPECT_EQ(KindOf(Fetch({"X1:A"}, options).status()), ErrorKind::kInvalidArgument);
  options = Span(10, 11);
  options.on_gap = mux::OnGap::kSkip;
  EXPECT_EQ(KindOf(Fetch({"X1:A"}, options).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(Fetch({}, Span(10, 11)).status()), ErrorKind::kInvalidArgument);
}

TEST_F(FetchTest, AStartAloneIsOneNativeBlock) {
  StreamOptions options;
  options.start = At(10);
  EXPECT_THAT(Rows(Fetch({"X1:B", "X1:SLOW"}, options)),
              ElementsAre("20 21 22 23", "10 11"));
  options.start = At(10.5);
  const auto block = Fetch({"X1:A"}, options);
  EXPECT_EQ(block->time(), At(10.5));
  EXPECT_THAT(Rows(block), ElementsAre("42 43 44 45"));
}

TEST_F(FetchTest, LiveFormsTakeBlocksFromTheFirstOneOn) {
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    EXPECT_FALSE(args.start.has_value());
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(100), At(105), kSecond));
  };
  const auto newest = Fetch({"X1:B"}, {});
  EXPECT_EQ(newest->time(), At(100));
  EXPECT_THAT(Rows(newest), ElementsAre("200 201"));
  StreamOptions options;
  options.duration = Duration::FromMs(2500);
  EXPECT_THAT(Rows(Fetch({"X1:B"}, options)), ElementsAre("200 201 202 203 204 205"));
  options.duration = kSecond * 60;
  const Status early = Fetch({"X1:B"}, options).status();
  EXPECT_EQ(KindOf(early), ErrorKind::kUnavailable) << early.ToString();
}

TEST_F(FetchTest, GapsAreMissingSamples) {
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    auto batches = TestBatches(*set, At(10), At(13), kSecond,
                               [](const Channel&, int64_t n) { return n == 41; });
    batches.erase(batches.begin() + 1);
    return StreamOf(TestSchema(*set), std::move(batches));
  };
  EXPECT_THAT(Rows(Fetch({"X1:A"}, Span(10, 13))),
              ElementsAre("40 - 42 43 - - - - 48 49 50 51"));
  StreamOptions options = Span(10, 13);
  options.on_gap = mux::OnGap::kRaise;
  const Status status = Fetch({"X1:A"}, options).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kGap);
  EXPECT_THAT(status.message(), HasSubstr("[11, 12)"));
}

TEST_F(FetchTest, DuplicatesAndRepeatedSpansDoNoHarm) {
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    auto batches = TestBatches(*set, At(10), At(13), kSecond);
    batches.push_back(batches[0]);
    batches.insert(batches.begin() + 1, batches[1]);
    return StreamOf(TestSchema(*set), std::move(batches));
  };
  EXPECT_THAT(Rows(Fetch({"X1:B"}, Span(10, 13))), ElementsAre("20 21 22 23 24 25"));
}

TEST_F(FetchTest, EndpointsOfSeveralServersAreJoined) {
  FakePlatform other(SomeChannels());
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    const auto& args = request.stream();
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:B"}, args.start, args.end), {other.url()}},
        {FakePlatform::Ticket({"X1:SLOW", "X1:A"}, args.start, args.end), {kReuse}}};
  };
  EXPECT_THAT(Rows(Fetch({"X1:A", "X1:B", "X1:SLOW"}, Span(10, 12))),
              ElementsAre("40 41 42 43 44 45 46 47", "20 21 22 23", "10 11"));
}

// K4: the stock client cannot.
TEST_F(FetchTest, TimeSlicesAreJoinedAndTheirOverlapDropped) {
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:B"}, At(13), At(16)), {kReuse}},
        {FakePlatform::Ticket({"X1:B"}, At(10), At(14)), {kReuse}}};
  };
  EXPECT_THAT(Rows(Fetch({"X1:B"}, Span(10, 16))),
              ElementsAre("20 21 22 23 24 25 26 27 28 29 30 31"));
}

TEST_F(FetchTest, ChannelsThatNoEndpointCarriesAreNamed) {
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:A"}, At(10), At(11)), {kReuse}}};
  };
  const Status status = Fetch({"X1:A", "X1:B"}, Span(10, 11)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("X1:B"));
}

TEST_F(FetchTest, OpaqueTicketsAreReadWhereThereIsOnlyOne) {
  platform_.server().on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    const auto request = wire::ParseRequest(ticket);
    if (request.ok()) return platform_.metadata(*request);
    wire::StreamArgs args;
    args.channels = {"X1:B"};
    args.start = At(10);
    args.end = At(12);
    return platform_.Serve(args);
  };
  size_t copies = 1;
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    std::vector<FakeServer::Endpoint> endpoints{{"sealed", {kReuse}}};
    if (copies == 2) endpoints.push_back({"sealed too", {kReuse}});
    return endpoints;
  };
  EXPECT_THAT(Rows(Fetch({"X1:B"}, Span(10, 12))), ElementsAre("20 21 22 23"));
  copies = 2;
  EXPECT_EQ(KindOf(Fetch({"X1:B"}, Span(10, 12)).status()), ErrorKind::kCorrupt);
}

TEST_F(FetchTest, ADeadFirstLocationIsNoHindrance) {
  std::string dead;
  {
    const FakePlatform gone({});
    dead = gone.url();
  }
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    if (request.type == wire::RequestType::kStream) {
      endpoints[0].locations = {dead, kReuse};
    }
    return endpoints;
  };
  EXPECT_THAT(Rows(Fetch({"X1:B"}, Span(10, 12))), ElementsAre("20 21 22 23"));
}

TEST_F(FetchTest, AServerThatDiesMidStreamIsReplacedWithoutLossOrRepetition) {
  FakePlatform replica(SomeChannels());
  std::vector<std::optional<GpsTime>> asked;
  replica.stream = [&](const wire::StreamArgs& args) {
    asked.push_back(args.start);
    return replica.Serve(args);
  };
  TcpRelay relay(platform_.server().port());
  Gate sent;
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(10), At(13), kSecond), [&] {
      sent.Open();
      platform_.gate.Wait();
      return Status::OK();
    });
  };
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    if (request.type == wire::RequestType::kStream) {
      endpoints[0].locations = {relay.url(), replica.url()};
    }
    return endpoints;
  };
  CallContext context;
  int64_t bytes = 0;
  context.progress = [&](const CallContext::Progress& progress) {
    bytes = progress.bytes;
    if (progress.complete_until == At(13)) relay.Break();
  };
  const auto block = client_->Fetch({"X1:B"}, Span(10, 16), context);
  EXPECT_THAT(Rows(block), ElementsAre("20 21 22 23 24 25 26 27 28 29 30 31"));
  EXPECT_THAT(asked, ElementsAre(At(13)));
  EXPECT_GT(bytes, 0);
}

TEST_F(FetchTest, AServerThatShutsDownMidStreamIsAnErrorNotAGap) {
  // The stream ends with OK, as a server that shuts down ends it; then nobody answers.
  platform_.stream =
      [&, calls = 0](const wire::StreamArgs& args) mutable -> Result<StreamPtr> {
    if (++calls > 1) return Error(ErrorKind::kUnavailable, "shutting down");
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(10), At(13), kSecond));
  };
  const Status status = Fetch({"X1:B"}, Span(10, 16)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status.ToString();
}

TEST_F(FetchTest, AStallIsATimeoutNamingEndpointAndChannels) {
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(10), At(11), kSecond),
                    platform_.Stall());
  };
  ClientOptions options;
  options.silence_timeout = Duration::FromMs(200);
  client_ = MakeClient(options);
  const Status status = Fetch({"X1:B", "X1:A"}, Span(10, 16)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(platform_.url()));
  EXPECT_THAT(status.message(), HasSubstr("X1:B +1 more"));
}

TEST_F(FetchTest, StoppingDoesNotWaitForConnectionsThatAreBeingMade) {
  TcpRelay mute(0);
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    std::vector<FakeServer::Endpoint> endpoints;
    for (const char* name : {"X1:A", "X1:B", "X1:SLOW"}) {
      endpoints.push_back({FakePlatform::Ticket({name}, At(10), At(12)), {mute.url()}});
    }
    return endpoints;
  };
  CallContext context;
  context.poll = [] { return Error(ErrorKind::kCancelled, "Ctrl-C"); };
  const Status status =
      client_->Fetch({"X1:A", "X1:B", "X1:SLOW"}, Span(10, 12), context).status();
  EXPECT_EQ(status.message(), "Ctrl-C");
}

TEST_F(FetchTest, TheCallerCanStopIt) {
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    return StreamOf(TestSchema(*platform_.Set(args)), {}, platform_.Stall());
  };
  std::stop_source stop;
  CallContext context;
  context.stop = stop.get_token();
  context.poll = [&] {
    stop.request_stop();
    return Status::OK();
  };
  const Status status = client_->Fetch({"X1:B"}, Span(10, 16), context).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kCancelled);
}

// K10.
TEST_F(FetchTest, AChannelWithoutAStrideIsRefusedByName) {
  Channel bare = TestChannel("X1:BARE", 2, kSecond);
  bare.stride.reset();
  FakePlatform platform({bare});
  ClientOptions options;
  options.url = platform.url();
  const auto client = *Client::Make(options);
  const Status status = client->Fetch({"X1:BARE"}, Span(10, 11)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("X1:BARE"));
}

TEST_F(FetchTest, AHugeClaimIsRefusedBeforeMemoryIsTaken) {
  StreamOptions options = Span(0, 4e9);
  options.max_result_bytes = 1 << 20;
  const Status status = Fetch({"X1:A"}, options).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted) << status.ToString();
}

TEST_F(FetchTest, HostileBytesAreCorruptNamingTheServer) {
  const auto set = SetOf({SomeChannels()[0]});
  const auto whole = PayloadOf(*TestBatch(*set, At(10), kSecond));
  const auto serve = [&](std::function<void(flight::Payload*)> spoil) {
    platform_.stream = [&, spoil](const wire::StreamArgs&) -> Result<StreamPtr> {
      return std::make_unique<ScriptedStream>(
          TestSchema(*set),
          [&, spoil, sent = false]() mutable -> Result<flight::Payload> {
            if (std::exchange(sent, true)) return flight::Payload{};
            flight::Payload payload = whole;
            spoil(&payload);
            return payload;
          });
    };
    return Fetch({"X1:A"}, Span(10, 11)).status();
  };
  ASSERT_TRUE(serve([](flight::Payload*) {}).ok());
  const Status truncated = serve([](flight::Payload* payload) {
    auto& buffers = payload->ipc_message.body_buffers;
    buffers.back() = arrow::SliceBuffer(buffers.back(), 0, 8);
    payload->ipc_message.body_length -= 24;
  });
  EXPECT_EQ(KindOf(truncated), ErrorKind::kCorrupt) << truncated.ToString();
  EXPECT_THAT(truncated.message(), HasSubstr(platform_.url()));
  const Status garbage = serve([](flight::Payload* payload) {
    payload->ipc_message.metadata = arrow::Buffer::FromString(std::string(200, '\x7f'));
  });
  EXPECT_EQ(KindOf(garbage), ErrorKind::kCorrupt) << garbage.ToString();
  // Offsets that point far outside the values.
  const Status wild = serve([](flight::Payload* payload) {
    const int32_t offsets[2] = {0, 0x7fffffff};
    for (auto& buffer : payload->ipc_message.body_buffers) {
      if (buffer != nullptr && buffer->size() == sizeof offsets &&
          reinterpret_cast<const int32_t*>(buffer->data())[1] == 4) {
        buffer = arrow::Buffer::FromString(
            std::string(reinterpret_cast<const char*>(offsets), sizeof offsets));
      }
    }
  });
  EXPECT_EQ(KindOf(wild), ErrorKind::kCorrupt) << wild.ToString();
}

// K8. Rows as Kafka and our compact form have them: `time, id, data`.
TEST_F(FetchTest, RowsOfIdsNobodyAskedForAreIgnored) {
  arrow::Int64Builder times;
  arrow::UInt32Builder ids;
  const auto values = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), values);
  for (const uint32_t id : {1u, 7u, 0u}) {
    ASSERT_TRUE(times.Append(At(10).ns()).ok() && ids.Append(id).ok() &&
                lists.Append().ok());
    ASSERT_TRUE(values->AppendValues(std::vector<int32_t>{int32_t(id), 5}).ok());
  }
  const auto schema = arrow::schema(
      {arrow::field("time", arrow::int64()), arrow::field("id", arrow::uint32()),
       arrow::field("data", arrow::list(arrow::int32()))},
      arrow::key_value_metadata({{"carryall.channels", "X1:B\nX1:STRANGER"}}));
  platform_.stream = [&](const wire::StreamArgs&) -> Result<StreamPtr> {
    return StreamOf(schema,
                    {arrow::RecordBatch::Make(
                        schema, 3, {*times.Finish(), *ids.Finish(), *lists.Finish()})});
  };
  EXPECT_THAT(Rows(Fetch({"X1:B"}, Span(10, 11))), ElementsAre("0 5"));
}

TEST_F(FetchTest, OurServersAreAskedForBigBatchesInTheCompactForm) {
  ASSERT_TRUE(Fetch({"X1:A"}, Span(10, 12)).ok());
  EXPECT_THAT(platform_.server().header("x-carryall-accept"),
              ElementsAre("rows=1024; form=row; codec=none; order=channel"));
  StreamOptions raise = Span(10, 12);
  raise.on_gap = mux::OnGap::kRaise;
  ASSERT_TRUE(Fetch({"X1:A"}, raise).ok());
  EXPECT_THAT(platform_.server().header("x-carryall-accept"),
              ElementsAre("rows=1024; form=row; codec=none"));
  ClientOptions options;
  options.compact = false;
  client_ = MakeClient(options);
  ASSERT_TRUE(Fetch({"X1:A"}, Span(10, 12)).ok());
  EXPECT_THAT(platform_.server().header("x-carryall-accept"), testing::IsEmpty());
}

TEST_F(FetchTest, DescriptionsThatComeWithThePlanAreNotAskedForAgain) {
  std::atomic<int> described = 0;
  platform_.plan = [&](const wire::Request& request) {
    described += request.type == wire::RequestType::kDescribe ? 1 : 0;
    return FakePlatform::Here(request);
  };
  wire::StreamArgs both;
  both.channels = {"X1:A", "X1:B"};
  const auto channels = platform_.Set(both)->channels();
  platform_.server().plan_metadata =
      *wire::FormatDescription({&channels[0], &channels[1]});
  const auto block = Fetch({"X1:B", "X1:A", "X1:B"}, Span(10, 12));
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(block->channels()->channels().at(0).name, "X1:B");
  EXPECT_EQ(block->channels()->size(), 2u);
  EXPECT_EQ(described, 0);

  // Not all of them, or no description at all.
  for (const std::string& bad :
       {*wire::FormatDescription({&channels[0]}), std::string("nonsense")}) {
    described = 0;
    platform_.server().plan_metadata = bad;
    EXPECT_TRUE(Fetch({"X1:A", "X1:B"}, Span(10, 12)).ok());
    EXPECT_EQ(described, 1);
  }
}

TEST_F(FetchTest, AllRequestsOfACallShareARequestId) {
  std::mutex mutex;  // requests of one call may be under way together
  std::set<std::string> ids;
  platform_.plan = [&](const wire::Request& request) {
    const std::lock_guard lock(mutex);
    ids.insert(platform_.server().header("x-request-id").at(0));
    return FakePlatform::Here(request);
  };
  ASSERT_TRUE(Fetch({"X1:A"}, Span(10, 12)).ok());
  ids.insert(platform_.server().header("x-request-id").at(0));
  EXPECT_EQ(ids.size(), 1u);
  ASSERT_TRUE(Fetch({"X1:A"}, Span(10, 12)).ok());
  EXPECT_EQ(ids.size(), 2u);
}

}  // namespace
}  // namespace carryall::client
