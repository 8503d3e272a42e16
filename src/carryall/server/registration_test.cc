#include "carryall/server/registration.h"

#include <arrow/array.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "carryall/server/service_fixture.h"
#include "carryall/wire/schemas.h"
#include "carryall/wire/url.h"

namespace carryall::server {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

// Puts every channel of publisher "P" into one partition and remembers what it was asked.
class FakeRegistrar final : public backend::Registrar {
 public:
  Result<std::map<std::string, std::string>> PublisherProperties(
      std::string_view publisher_id,
      const std::optional<std::string>& replay_id) override {
    if (publisher_id != "P") return Error(ErrorKind::kPermissionDenied, "who is that?");
    return std::map<std::string, std::string>{{"bootstrap.servers", "h1:9092,h2:9092"},
                                              {"linger.ms", "2"}};
  }
  Result<std::vector<Channel>> Register(std::string_view publisher_id,
                                        const std::optional<std::string>& replay_id,
                                        std::vector<Channel> channels) override {
    if (publisher_id != "P") return Error(ErrorKind::kPermissionDenied, "who is that?");
    asked = channels;
    for (size_t i = 0; i < channels.size(); ++i) {
      channels[i].partition_id = "P_ABC_0";
      channels[i].partition_index = static_cast<uint32_t>(i);
    }
    return channels;
  }
  std::vector<Channel> asked;
};

class RegistrationTest : public ServiceTest {
 protected:
  void SetUp() override { Start({.registrar = &registrar_}); }

  // One exchange: what is uploaded, and what comes back.
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Exchange(
      const std::string& command,
      const std::vector<std::shared_ptr<arrow::RecordBatch>>& upload,
      const std::shared_ptr<arrow::Schema>& schema = wire::PartitionSchema()) {
    ARROW_ASSIGN_OR_RAISE(
        auto call,
        client_->DoExchange(Options(), af::FlightDescriptor::Command(command)));
    ARROW_RETURN_NOT_OK(call.writer->Begin(schema));
    for (const auto& batch : upload) {
      // A refusal may come before everything is said.
      if (!call.writer->WriteRecordBatch(*batch).ok()) break;
    }
    (void)call.writer->DoneWriting();
    auto batches = call.reader->ToRecordBatches();
    const Status closed = call.writer->Close();
    ARROW_RETURN_NOT_OK(closed);
    ARROW_RETURN_NOT_OK(batches.status());
    EXPECT_TRUE((*call.reader->GetSchema())->Equals(*wire::PartitionSchema(), true));
    return batches;
  }

  FakeRegistrar registrar_;
};

std::vector<Channel> Some(int count) {
  std::vector<Channel> out;
  for (int i = 0; i < count; ++i) {
    Channel& channel = out.emplace_back();
    channel.name = fmt::format("H1:ABC-{:06}", count - i);
    channel.data_type = i % 2 == 0 ? DataType::kFloat32 : DataType::kInt16;
    channel.sample_rate = *SampleRate::Make(1 + i);
  }
  return out;
}

std::string PublisherOf(RequestType type, const std::string& id) {
  return Json(type, wire::PublisherArgs{id, {}});
}

TEST_F(RegistrationTest, PublishIsPlannedHereWithTheRequestAsTicket) {
  const std::string command =
      R"({ "args": {"replay_id": null, "publisher_id": "P"}, "request": "Publish"})";
  auto info = Info(command);
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ((*info)->endpoints().size(), 1);
  EXPECT_EQ((*info)->endpoints()[0].ticket.ticket, command);
  EXPECT_EQ((*info)->endpoints()[0].locations[0].ToString(), wire::kReuseLocation);
  arrow::ipc::DictionaryMemo memo;
  EXPECT_TRUE((*(*info)->GetSchema(&memo))->Equals(*wire::PublishSchema()));
}

TEST_F(RegistrationTest, PublishGivesTheProperties) {
  auto table = Read(Publisher(RequestType::kPublish));
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ((*table)->num_rows(), 1);
  EXPECT_TRUE((*table)->schema()->Equals(*wire::PublishSchema()));
  ASSERT_TRUE((*table)->ValidateFull().ok());
  EXPECT_EQ((*table)->column(0)->GetScalar(0).ValueOrDie()->ToString(),
            "map<string, string>[{key:string = bootstrap.servers, value:string = "
            "h1:9092,h2:9092}, {key:string = linger.ms, value:string = 2}]");
  EXPECT_EQ(CodeOf(ErrorOfGet(PublisherOf(RequestType::kPublish, "Q"))),
            af::FlightStatusCode::Unauthorized);
}

TEST_F(RegistrationTest, ChannelsComeBackInTheirOrderInBatchesOfAThousand) {
  const std::vector<Channel> channels = Some(2500);
  auto upload = *wire::EncodeMetadata(channels, wire::PartitionSchema());
  auto answer = Exchange(Publisher(RequestType::kPartition), upload);
  ASSERT_TRUE(answer.ok()) << answer.status();
  std::vector<int64_t> rows;
  size_t at = 0;
  for (const auto& batch : *answer) {
    rows.push_back(batch->num_rows());
    for (const Channel& channel : *wire::DecodeMetadata(*batch)) {
      EXPECT_EQ(channel.name, channels[at].name);
      EXPECT_EQ(channel.data_type, channels[at].data_type);
      EXPECT_EQ(channel.sample_rate, channels[at].sample_rate);
      EXPECT_EQ(channel.partition_index, at);
      ++at;
    }
  }
  EXPECT_THAT(rows, ElementsAre(1000, 1000, 500));
  EXPECT_EQ(at, 2500);
  EXPECT_EQ(registrar_.asked, channels);
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(g_lines_mutex);
    return testing::Value(
        g_lines, Contains(ContainsRegex("registered: publisher=P channels=2500")));
  }));
}

TEST_F(RegistrationTest, OnlyNameTypeAndRateAreTakenFromAnUpload) {
  Channel channel = Some(1)[0];
  channel.partition_id = "elsewhere";
  channel.partition_index = 7;
  channel.publisher = "Q";
  ASSERT_TRUE(Exchange(Publisher(RequestType::kPartition),
                       *wire::EncodeMetadata({channel}), wire::MetadataSchema())
                  .ok());
  EXPECT_EQ(registrar_.asked, Some(1));
}

TEST_F(RegistrationTest, NothingToRegisterIsAnsweredWithASchema) {
  auto answer = Exchange(Publisher(RequestType::kPartition), {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->empty());
}

TEST_F(RegistrationTest, RefusalsHaveTheirCodesAndHarmNobody) {
  auto one = *wire::EncodeMetadata(Some(1), wire::PartitionSchema());
  EXPECT_EQ(CodeOf(Exchange(PublisherOf(RequestType::kPartition, "Q"), one).status()),
            af::FlightStatusCode::Unauthorized);
  EXPECT_EQ(CodeOf(Exchange(Publisher(RequestType::kPublish), one).status()),
            af::FlightStatusCode::Failed);
  EXPECT_EQ(CodeOf(ErrorOfGet(Publisher(RequestType::kPartition))),
            af::FlightStatusCode::Failed);
  // A name that is none.
  auto bad = Some(1);
  bad[0].name = "noname";
  const Status status = Exchange(Publisher(RequestType::kPartition),
                                 *wire::EncodeMetadata(bad, wire::PartitionSchema()))
                            .status();
  EXPECT_EQ(CodeOf(status), af::FlightStatusCode::Internal) << status;
  EXPECT_THAT(status.message(), HasSubstr("noname"));
  // Columns that are not what they should be.
  auto other = arrow::schema({arrow::field("x", arrow::int64())});
  auto batch = *arrow::RecordBatch::MakeEmpty(other);
  EXPECT_EQ(CodeOf(Exchange(Publisher(RequestType::kPartition), {batch}, other).status()),
            af::FlightStatusCode::Internal);
  EXPECT_TRUE(Exchange(Publisher(RequestType::kPartition), one).ok());
}

TEST_F(RegistrationTest, TooManyChannelsAreRefused) {
  const auto batches = *wire::EncodeMetadata(Some(1000), wire::PartitionSchema());
  const std::vector<std::shared_ptr<arrow::RecordBatch>> upload(401, batches[0]);
  const Status status = Exchange(Publisher(RequestType::kPartition), upload).status();
  EXPECT_EQ(CodeOf(status), af::FlightStatusCode::Unavailable) << status;
  EXPECT_THAT(status.message(), HasSubstr("limit 400000"));
  EXPECT_TRUE(registrar_.asked.empty());
}

TEST_F(RegistrationTest, SaysThatItTakesPublishers) {
  auto results = *client_->DoAction(Options(), af::Action{"server-info", nullptr});
  const auto info = nlohmann::json::parse((*results->Next())->body->ToString());
  EXPECT_EQ(info["capabilities"],
            (std::vector<std::string>{"find", "count", "describe", "stream", "publish",
                                      "partition"}));
}

TEST_F(RegistrationTest, ChannelsOfANewDomainAreServedAtOnce) {
  EXPECT_FALSE(Info(Describe({"N1:NEW-A"})).ok());
  auto channels = TestChannels();
  channels.push_back(FakeChannel("N1:NEW-A", 16, kStride));
  backend_->SetChannels(channels);
  EXPECT_TRUE(Info(Describe({"N1:NEW-A"})).ok());
  EXPECT_TRUE(Info(Stream({"N1:NEW-A"}, kStart, kStart + kStride)).ok());
  EXPECT_FALSE(Info(Describe({"O1:NEW-A"})).ok());
}

}  // namespace
}  // namespace carryall::server
