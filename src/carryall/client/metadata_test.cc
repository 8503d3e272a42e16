#include "carryall/client/client_testing.h"

namespace carryall::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MetadataTest : public ClientTest {
 protected:
  Status FindNames(std::vector<std::string>* names) {
    return client_->Find({}, [&](const Channel& channel) {
      names->push_back(channel.name);
      return true;
    });
  }
};

TEST_F(MetadataTest, FindVisitsEveryChannel) {
  std::vector<std::string> names;
  ASSERT_TRUE(FindNames(&names).ok());
  EXPECT_THAT(names, ElementsAre("X1:A", "X1:B", "X1:SLOW"));
}

TEST_F(MetadataTest, FindSendsItsArguments) {
  std::optional<wire::Request> asked;
  platform_.plan = [&](const wire::Request& request) {
    asked = request;
    return FakePlatform::Here(request);
  };
  wire::FindArgs args;
  args.pattern = "X1:.*";
  args.data_types = {DataType::kFloat32};
  args.min_rate = 16;
  args.publishers = {"P"};
  args.time = At(5);
  ASSERT_TRUE(client_->Find(args, [](const Channel&) { return true; }).ok());
  EXPECT_EQ(asked->find().pattern, "X1:.*");
  EXPECT_THAT(asked->find().data_types, ElementsAre(DataType::kFloat32));
  EXPECT_EQ(asked->find().min_rate, 16);
  EXPECT_THAT(asked->find().publishers, ElementsAre("P"));
  EXPECT_EQ(asked->find().time, At(5));
}

// F5 and F6: what the schema refuses does not leave the client.
TEST_F(MetadataTest, ArgumentsThatTheSchemaRefusesAreNotSent) {
  platform_.plan = [](const wire::Request&) -> Result<std::vector<FakeServer::Endpoint>> {
    return Error(ErrorKind::kInternal, "was asked");
  };
  wire::FindArgs args;
  args.data_types = {DataType::kFloat16};
  EXPECT_EQ(KindOf(client_->Count(args).status()), ErrorKind::kInvalidRequest);
  args = {};
  args.min_rate = -1;
  EXPECT_EQ(KindOf(client_->Count(args).status()), ErrorKind::kInvalidRequest);
}

TEST_F(MetadataTest, FindStopsWhenTheVisitorHasEnough) {
  int visited = 0;
  ASSERT_TRUE(client_->Find({}, [&](const Channel&) { return ++visited < 2; }).ok());
  EXPECT_EQ(visited, 2);
}

// K2: two endpoints with the same ticket are two servers.
TEST_F(MetadataTest, FindAsksEveryEndpointAndVisitsDuplicatesOnce) {
  FakePlatform other({TestChannel("X1:B", 2, kSecond), TestChannel("Y1:C", 2, kSecond)});
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints.push_back({endpoints[0].ticket, {other.url()}});
    return endpoints;
  };
  std::vector<std::string> names;
  ASSERT_TRUE(FindNames(&names).ok());
  EXPECT_THAT(names, testing::UnorderedElementsAre("X1:A", "X1:B", "X1:SLOW", "Y1:C"));
}

TEST_F(MetadataTest, AFailingEndpointDoesNotKeepTheOthersBack) {
  std::string dead;
  {
    const FakePlatform gone({});
    dead = gone.url();
  }
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints.push_back({endpoints[0].ticket, {dead}});
    return endpoints;
  };
  std::vector<std::string> names;
  const Status status = FindNames(&names);
  EXPECT_EQ(names.size(), 3u);
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(dead));
}

TEST_F(MetadataTest, AReplicaAnswersForALocationThatIsDown) {
  std::string dead;
  {
    const FakePlatform gone({});
    dead = gone.url();
  }
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints[0].locations = {dead, kReuse};
    return endpoints;
  };
  std::vector<std::string> names;
  ASSERT_TRUE(FindNames(&names).ok());
  EXPECT_EQ(names.size(), 3u);
}

TEST_F(MetadataTest, CountsAreSummedOverEndpoints) {
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints.push_back({endpoints[0].ticket, {platform_.url()}});
    return endpoints;
  };
  EXPECT_EQ(*client_->Count({}), 6);
}

TEST_F(MetadataTest, DescribeAnswersInTheOrderAskedForAndEachOnce) {
  wire::DescribeArgs args;
  args.channels = {"X1:SLOW", "X1:A", "X1:SLOW"};
  const auto channels = *client_->Describe(args);
  ASSERT_EQ(channels.size(), 2u);
  EXPECT_EQ(channels[0].name, "X1:SLOW");
  EXPECT_EQ(channels[1], SomeChannels()[0]);
}

TEST_F(MetadataTest, WhatCameWithThePlanIsNotReadAgain) {
  const Channel a = SomeChannels()[0];
  int read = 0;
  platform_.metadata = [&](const wire::Request&) -> Result<StreamPtr> {
    ++read;
    return Error(ErrorKind::kUnavailable, "nobody is to ask");
  };
  wire::DescribeArgs args;
  args.channels = {"X1:A"};
  platform_.server().plan_metadata = *wire::FormatDescription({&a});
  EXPECT_EQ(*client_->Describe(args), std::vector<Channel>{a});
  EXPECT_EQ(read, 0);
  // What did not come is.
  args.channels = {"X1:A", "X1:SLOW"};
  EXPECT_THAT(client_->Describe(args).status().message(), HasSubstr("nobody is to ask"));
  EXPECT_EQ(read, 1);
  platform_.server().plan_metadata = "nonsense";
  EXPECT_FALSE(client_->Describe(args).ok());
  EXPECT_EQ(read, 2);
}

// Q4: what vanished from the plan is reported.
TEST_F(MetadataTest, DescribeNamesTheChannelsThatNoServerDescribes) {
  wire::DescribeArgs args;
  args.channels = {"X1:A", "X1:NOPE"};
  const Status status = client_->Describe(args).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("X1:NOPE"));
  EXPECT_EQ(KindOf(client_->Describe({}).status()), ErrorKind::kInvalidArgument);
}

TEST_F(MetadataTest, RowsOfAnUnknownTypeOrRateAreCorrupt) {
  const auto schema = arrow::schema({arrow::field("channel", arrow::utf8()),
                                     arrow::field("data_type", arrow::utf8()),
                                     arrow::field("sample_rate", arrow::int32())});
  const auto row = [&](const std::string& type, int32_t rate) {
    arrow::StringBuilder names, types;
    arrow::Int32Builder rates;
    EXPECT_TRUE(names.Append("X1:A").ok() && types.Append(type).ok() &&
                rates.Append(rate).ok());
    return arrow::RecordBatch::Make(schema, 1,
                                    {*names.Finish(), *types.Finish(), *rates.Finish()});
  };
  wire::DescribeArgs args;
  args.channels = {"X1:A"};
  for (const auto& [type, rate] :
       {std::pair{"complex64", 16}, std::pair{"float64", -1}}) {
    platform_.metadata = [&](const wire::Request&) -> Result<StreamPtr> {
      return StreamOf(schema, {row(type, rate)});
    };
    const Status status = client_->Describe(args).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kCorrupt) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("X1:A"));
  }
  platform_.metadata = [&](const wire::Request&) -> Result<StreamPtr> {
    return StreamOf(schema, {row("float64", 16)});
  };
  EXPECT_EQ((*client_->Describe(args))[0].sample_rate.hz(), 16);
}

TEST_F(MetadataTest, ErrorsOfTheServerKeepTheirKind) {
  platform_.metadata = [](const wire::Request&) -> Result<StreamPtr> {
    return Error(ErrorKind::kInvalidArgument, "pattern is wrong: '('");
  };
  const Status status = client_->Find({}, [](const Channel&) { return true; });
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("pattern is wrong: '('"));
}

TEST_F(MetadataTest, AnAnswerThatStallsIsATimeoutNamingTheServer) {
  platform_.metadata = [&](const wire::Request& request) -> Result<StreamPtr> {
    ARROW_ASSIGN_OR_RAISE(auto batches, wire::EncodeMetadata(SomeChannels()));
    return StreamOf(wire::MetadataSchema(), std::move(batches), platform_.Stall());
  };
  ClientOptions options;
  options.answer_timeout = Duration::FromMs(200);
  client_ = MakeClient(options);
  std::vector<std::string> names;
  const Status status = FindNames(&names);
  EXPECT_EQ(names.size(), 3u);
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(platform_.url()));
}

TEST_F(MetadataTest, TheCallerCanStopAWait) {
  platform_.metadata = [&](const wire::Request&) -> Result<StreamPtr> {
    return StreamOf(wire::MetadataSchema(), {}, platform_.Stall());
  };
  CallContext context;
  context.poll = [] { return Error(ErrorKind::kCancelled, "Ctrl-C"); };
  EXPECT_EQ(client_->Count({}, context).status().message(), "Ctrl-C");
}

TEST_F(MetadataTest, ActionsGiveTheServersJson) {
  platform_.server().on_action = [](const std::string& type) {
    return "{\"" + type + "\":1}";
  };
  EXPECT_EQ(*client_->ServerInfo(), R"({"server-info":1})");
  EXPECT_EQ(*client_->Replays(), R"({"replays":1})");
}

TEST_F(MetadataTest, EndpointsAndDomainsComeFromTheScopeMap) {
  platform_.server().on_action = [](const std::string&) {
    return R"({"local_endpoint": null, "endpoints": {
      "grpc://z:1": {"scopes": {"H1": [], "L1": []}},
      "arrow-flight-reuse-connection://?": {"scopes": {"H1": [], "A1": []}},
      "grpc://a:1": {}}})";
  };
  EXPECT_THAT(*client_->Domains(), ElementsAre("A1", "H1", "L1"));
  EXPECT_THAT(*client_->Endpoints(),
              ElementsAre(platform_.url(), "grpc://a:1", "grpc://z:1"));
  platform_.server().on_action = [](const std::string&) { return "[]"; };
  EXPECT_EQ(KindOf(client_->Domains().status()), ErrorKind::kCorrupt);
}

TEST_F(MetadataTest, AnEndpointThatOnlyKafkaServesIsUnsupportedSayingSo) {
  platform_.plan = [](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints[0].locations = {"kafka://k1:9092", "kafka://k2:9092"};
    return endpoints;
  };
  const Status status = client_->Count({}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("kafka://k1:9092, kafka://k2:9092"));
}

TEST_F(MetadataTest, KafkaLocationsAreSkippedWhereThereIsAnother) {
  platform_.plan = [](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    endpoints[0].locations = {"kafka://k1:9092", kReuse};
    return endpoints;
  };
  EXPECT_EQ(*client_->Count({}), 3);
}

TEST_F(MetadataTest, OptionsThatMakeNoSenseAreRefused) {
  ClientOptions options;
  options.url = "http://x";
  EXPECT_EQ(KindOf(Client::Make(options).status()), ErrorKind::kInvalidArgument);
  options.url = "";
  options.codec = "rar";
  EXPECT_EQ(KindOf(Client::Make(options).status()), ErrorKind::kInvalidArgument);
  options.codec = "none";
  options.answer_timeout = Duration();
  EXPECT_EQ(KindOf(Client::Make(options).status()), ErrorKind::kInvalidArgument);
}

TEST(EnvironmentTest, GapAndDropPolicies) {
  ::unsetenv("ARRAKIS_ONGAP");
  ::unsetenv("ARRAKIS_ONDROP");
  EXPECT_EQ(*OnGapFromEnvironment(), mux::OnGap::kFill);
  EXPECT_EQ(*OnDropFromEnvironment(), mux::OnDrop::kIgnore);
  ::setenv("ARRAKIS_ONGAP", "raise", 1);
  ::setenv("ARRAKIS_ONDROP", "warn", 1);
  EXPECT_EQ(*OnGapFromEnvironment(), mux::OnGap::kRaise);
  EXPECT_EQ(*OnDropFromEnvironment(), mux::OnDrop::kWarn);
  ::setenv("ARRAKIS_ONGAP", "ignore", 1);
  ::setenv("ARRAKIS_ONDROP", "skip", 1);
  EXPECT_THAT(OnGapFromEnvironment().status().message(), HasSubstr("ARRAKIS_ONGAP"));
  EXPECT_THAT(OnDropFromEnvironment().status().message(), HasSubstr("ARRAKIS_ONDROP"));
  ::unsetenv("ARRAKIS_ONGAP");
  ::unsetenv("ARRAKIS_ONDROP");
}

}  // namespace
}  // namespace carryall::client
