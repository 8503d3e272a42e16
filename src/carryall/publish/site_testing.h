#pragma once

#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "carryall/flight/flight_testing.h"
#include "carryall/kafka/consumer.h"
#include "carryall/kafka/mock_cluster_testing.h"
#include "carryall/wire/request.h"
#include "carryall/wire/schemas.h"

namespace carryall::publish {

/// A server that knows one publisher, and the brokers it names. Registering a channel
/// puts it into the partition named after its subsystem.
class Site {
 public:
  explicit Site(std::vector<Channel> channels) : channels_(std::move(channels)) {
    for (const Channel& channel : channels_) MakeTopic(*channel.partition_id);
    properties = {{"bootstrap.servers", cluster.options().brokers}};
    server_->on_info = [](const std::string& command) {
      return std::vector<flight::FakeServer::Endpoint>{
          {command, {"arrow-flight-reuse-connection://?"}}};
    };
    server_->on_get = [this](const std::string& ticket) { return Get(ticket); };
    server_->on_exchange = [this](const std::string& command,
                                  const arrow::RecordBatchVector& sent) {
      return Partition(command, sent);
    };
  }
  ~Site() { server_->Stop(); }

  std::string url() const { return server_->url(); }

  kafka::MockCluster cluster;
  std::map<std::string, std::string> properties;
  std::optional<Status> refusal;  ///< of registrations
  int registered = 0;             ///< channels that were sent for registration

  void MakeTopic(const std::string& partition_id) {
    if (topics_.insert(partition_id).second) {
      cluster.CreateTopic("arrakis-" + partition_id);
    }
  }

  /// The batches in a partition's topic, as soon as there are `count`.
  std::vector<std::shared_ptr<arrow::RecordBatch>> Read(const std::string& partition_id,
                                                        size_t count) const {
    auto consumer = *kafka::Consumer::Make({cluster.options()});
    const std::string topic = "arrakis-" + partition_id;
    EXPECT_TRUE(
        consumer->Assign({{topic, kafka::Position::Oldest()}}, kafka::Soon()).ok());
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    kafka::Polled polled;
    for (const auto wait = kafka::Soon(); batches.size() < count && !wait.Over();) {
      EXPECT_TRUE(consumer->Poll(100, &polled, wait).ok());
      for (kafka::Message& message : polled.messages) {
        EXPECT_FALSE(message.key().has_value());
        arrow::io::BufferReader source(kafka::Message::IntoBuffer(std::move(message)));
        auto options = arrow::ipc::IpcReadOptions::Defaults();
        options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
        auto reader = *arrow::ipc::RecordBatchStreamReader::Open(&source, options);
        batches.push_back(*reader->Next());
        EXPECT_EQ(*reader->Next(), nullptr);
      }
    }
    EXPECT_EQ(batches.size(), count);
    return batches;
  }

  /// How many messages a topic holds.
  int64_t Count(const std::string& partition_id) const {
    auto consumer = *kafka::Consumer::Make({cluster.options()});
    const auto marks =
        *consumer->QueryWatermarks({"arrakis-" + partition_id}, kafka::Soon());
    EXPECT_TRUE(marks[0].status.ok()) << marks[0].status.ToString();
    return marks[0].end;
  }

 private:
  Result<flight::StreamPtr> Get(const std::string& ticket) {
    ARROW_ASSIGN_OR_RAISE(const auto request, wire::ParseRequest(ticket));
    if (request.type == wire::RequestType::kPublish) {
      ARROW_ASSIGN_OR_RAISE(auto batch, wire::EncodeProperties(properties));
      return flight::StreamOf(wire::PublishSchema(), {std::move(batch)});
    }
    ARROW_ASSIGN_OR_RAISE(auto rows, wire::EncodeMetadata(channels_));
    return flight::StreamOf(wire::MetadataSchema(), std::move(rows));
  }

  Result<arrow::RecordBatchVector> Partition(const std::string& command,
                                             const arrow::RecordBatchVector& sent) {
    ARROW_ASSIGN_OR_RAISE(const auto request, wire::ParseRequest(command));
    EXPECT_EQ(request.type, wire::RequestType::kPartition);
    EXPECT_EQ(request.publisher().publisher_id, "PUB");
    if (refusal) return *refusal;
    std::vector<Channel> answer;
    for (const auto& batch : sent) {
      ARROW_ASSIGN_OR_RAISE(auto channels, wire::DecodeMetadata(*batch));
      for (Channel& channel : channels) {
        ++registered;
        channel.partition_id =
            "NEW-" + std::string(ParseChannelName(channel.name)->subsystem);
        channel.partition_index = static_cast<uint32_t>(channels_.size());
        channel.publisher = "PUB";
        channel.stride = Duration::FromSeconds(1);
        MakeTopic(*channel.partition_id);
        channels_.push_back(channel);
        answer.push_back(channel);
      }
    }
    return wire::EncodeMetadata(answer, wire::PartitionSchema());
  }

  std::vector<Channel> channels_;
  std::set<std::string> topics_;
  std::unique_ptr<flight::FakeServer> server_ = flight::FakeServer::Start();
};

}  // namespace carryall::publish
