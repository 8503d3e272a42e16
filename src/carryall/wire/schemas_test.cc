#include "carryall/wire/schemas.h"

#include <arrow/builder.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carryall::wire {
namespace {

using ::testing::HasSubstr;

Channel Full() {
  Channel channel;
  channel.name = "X1:CNF-CHAN_A";
  channel.data_type = DataType::kFloat16;
  channel.sample_rate = *SampleRate::Make(512);
  channel.publisher = "PUBX";
  channel.partition_id = "PUBX_CNF_AB12CD";
  channel.partition_index = 4294967295u;
  channel.stride = Duration::FromNs(62'500'000);
  channel.max_latency = Duration::FromSeconds(1);
  channel.replay_id = "RUN1";
  return channel;
}

Channel Bare() {
  Channel channel;
  channel.name = "Z1:NOSUB";
  return channel;
}

template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> Column(std::vector<std::optional<Value>> values) {
  Builder builder;
  for (const auto& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}
std::shared_ptr<arrow::Array> Texts(std::vector<std::optional<std::string>> values) {
  return Column<arrow::StringBuilder>(std::move(values));
}
std::shared_ptr<arrow::Array> Rates(std::vector<std::optional<int32_t>> values) {
  return Column<arrow::Int32Builder>(std::move(values));
}

std::shared_ptr<arrow::RecordBatch> Batch(
    std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>> columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const int64_t rows = arrays.empty() ? 0 : arrays[0]->length();
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, arrays);
}

// Protocol 2.3, 2.4, 2.6, 2.7.
TEST(SchemasTest, ColumnsAreThoseOfTheProtocol) {
  EXPECT_EQ(MetadataSchema()->ToString(),
            "channel: string not null\ndata_type: string not null\n"
            "sample_rate: int32 not null\npartition_id: string\npartition_index: uint32\n"
            "publisher: string\nstride: uint64\nmax_latency: uint64\nreplay_id: string");
  EXPECT_EQ(CountSchema()->ToString(), "count: int64");
  EXPECT_EQ(PublishSchema()->ToString(), "properties: map<string, string> not null");
  EXPECT_EQ(PartitionSchema()->ToString(),
            "channel: string not null\ndata_type: string not null\n"
            "sample_rate: int32 not null\npartition_id: string\npartition_index: uint32");
}

TEST(MetadataTest, ChannelsComeBackEqual) {
  const std::vector<Channel> channels = {Full(), Bare()};
  const auto batches = EncodeMetadata(channels);
  ASSERT_TRUE(batches.ok()) << batches.status();
  ASSERT_EQ(batches->size(), 1);
  EXPECT_TRUE((*batches)[0]->schema()->Equals(*MetadataSchema(), true));
  const auto back = DecodeMetadata(*(*batches)[0]);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, channels);
}

TEST(MetadataTest, PartitionRowsLeaveOutTheRest) {
  const auto batches = EncodeMetadata({Full()}, PartitionSchema());
  ASSERT_TRUE(batches.ok()) << batches.status();
  EXPECT_TRUE((*batches)[0]->schema()->Equals(*PartitionSchema(), true));
  const Channel back = DecodeMetadata(*(*batches)[0])->at(0);
  EXPECT_EQ(back.partition_index, 4294967295u);
  EXPECT_EQ(back.publisher, std::nullopt);
}

TEST(MetadataTest, F12BatchesHaveAtMostAThousandRows) {
  std::vector<Channel> channels;
  for (int i = 0; i < 2500; ++i) {
    channels.push_back(Bare());
    channels.back().name = fmt::format("A:B-{}", i);
  }
  const auto batches = *EncodeMetadata(channels);
  ASSERT_EQ(batches.size(), 3);
  EXPECT_EQ(batches[0]->num_rows(), 1000);
  EXPECT_EQ(batches[2]->num_rows(), 500);
  EXPECT_EQ(DecodeMetadata(*batches[2])->back().name, "A:B-2499");
  EXPECT_TRUE(EncodeMetadata({})->empty());
}

TEST(MetadataTest, ColumnsAreTakenByNameOfAnyIntegerWidth) {
  const auto batch = Batch({{"sample_rate", Column<arrow::UInt64Builder, uint64_t>({16})},
                            {"surprise", Texts({"x"})},
                            {"data_type", Texts({"f8"})},
                            {"stride", Column<arrow::Int8Builder, int8_t>({0})},
                            {"channel", Texts({"A:B"})}});
  const auto channels = DecodeMetadata(*batch);
  ASSERT_TRUE(channels.ok()) << channels.status();
  EXPECT_EQ(channels->at(0).sample_rate.hz(), 16);
  EXPECT_EQ(channels->at(0).data_type, DataType::kFloat64);
  EXPECT_EQ(channels->at(0).stride, std::nullopt);
}

TEST(MetadataTest, SlicedBatchesDecode) {
  const auto batch = (*EncodeMetadata({Full(), Bare()}))[0]->Slice(1);
  EXPECT_EQ(DecodeMetadata(*batch)->at(0), Bare());
}

TEST(MetadataTest, WrongColumnsAndRowsAreNamed) {
  const auto names = Texts({"A:B", "C:D"});
  const auto types = Texts({"int8", "int8"});
  const auto rates = Rates({1, 1});
  const std::pair<std::shared_ptr<arrow::RecordBatch>, std::string> cases[] = {
      {Batch({{"channel", names}, {"data_type", types}}), "'sample_rate'"},
      {Batch({{"channel", names},
              {"channel", names},
              {"data_type", types},
              {"sample_rate", rates}}),
       "'channel'"},
      {Batch({{"channel", rates}, {"data_type", types}, {"sample_rate", rates}}),
       "'channel' must be text"},
      {Batch({{"channel", names}, {"data_type", types}, {"sample_rate", types}}),
       "'sample_rate' must be integers"},
      {Batch({{"channel", names}, {"data_type", types}, {"sample_rate", Rates({1, 0})}}),
       "row 1 (channel 'C:D')"},
      {Batch({{"channel", names}, {"data_type", types}, {"sample_rate", Rates({1, {}})}}),
       "row 1 (channel 'C:D')"},
      {Batch({{"channel", Texts({"A:B", {}})},
              {"data_type", types},
              {"sample_rate", rates}}),
       "row 1"},
      {Batch({{"channel", Texts({"nocolon", "A:B"})},
              {"data_type", types},
              {"sample_rate", rates}}),
       "nocolon"},
      {Batch({{"channel", names},
              {"data_type", Texts({"int8", "bool"})},
              {"sample_rate", rates}}),
       "bool"},
      {Batch({{"channel", names},
              {"data_type", types},
              {"sample_rate", rates},
              {"stride", Column<arrow::UInt64Builder, uint64_t>({1, UINT64_MAX})}}),
       "row 1"},
      {Batch({{"channel", names},
              {"data_type", types},
              {"sample_rate", rates},
              {"partition_index", Rates({1, -1})}}),
       "partition_index"},
  };
  for (const auto& [batch, part] : cases) {
    const auto channels = DecodeMetadata(*batch);
    ASSERT_FALSE(channels.ok()) << part;
    EXPECT_EQ(KindOf(channels.status()), ErrorKind::kCorrupt);
    EXPECT_THAT(channels.status().message(), HasSubstr(part));
  }
}

TEST(MetadataTest, DamagedBatchesAreRefused) {
  // Offsets that point behind the text.
  const std::vector<int32_t> offsets = {0, 1'000'000};
  const auto damaged = arrow::MakeArray(arrow::ArrayData::Make(
      arrow::utf8(), 1,
      {nullptr, arrow::Buffer::FromVector(offsets), arrow::Buffer::FromString("A:B")}));
  const auto channels = DecodeMetadata(*Batch({{"channel", damaged},
                                               {"data_type", Texts({"int8"})},
                                               {"sample_rate", Rates({1})}}));
  ASSERT_FALSE(channels.ok());
  EXPECT_EQ(KindOf(channels.status()), ErrorKind::kCorrupt);
}

TEST(CountTest, RowsAreSummed) {
  EXPECT_EQ(*DecodeCount(**EncodeCount(6)), 6);
  EXPECT_EQ(*DecodeCount(*Batch({{"count", Rates({1, 2, 3})}})), 6);
}

TEST(CountTest, WhatIsNoCountIsRefused) {
  for (const auto& batch :
       {Batch({{"counts", Rates({1})}}), Batch({{"count", Texts({"1"})}}),
        Batch({{"count", Rates({-1})}}), Batch({{"count", Rates({{}})}}),
        Batch({{"count", Column<arrow::Int64Builder, int64_t>({INT64_MAX, 1})}})}) {
    const auto count = DecodeCount(*batch);
    ASSERT_FALSE(count.ok());
    EXPECT_EQ(KindOf(count.status()), ErrorKind::kCorrupt);
  }
}

TEST(PropertiesTest, AreOneRowOfAMap) {
  for (const auto& properties : std::vector<std::map<std::string, std::string>>{
           {}, {{"bootstrap.servers", "h1:9092"}, {"linger.ms", ""}}}) {
    const auto batch = *EncodeProperties(properties);
    ASSERT_TRUE(batch->ValidateFull().ok());
    EXPECT_TRUE(batch->schema()->Equals(*PublishSchema()));
    EXPECT_TRUE(batch->column(0)->type()->Equals(*PublishSchema()->field(0)->type()));
    ASSERT_EQ(batch->num_rows(), 1);
    const auto& map = static_cast<const arrow::MapArray&>(*batch->column(0));
    const auto& keys = static_cast<const arrow::StringArray&>(*map.keys());
    const auto& values = static_cast<const arrow::StringArray&>(*map.items());
    std::map<std::string, std::string> read;
    for (int64_t i = 0; i < map.value_length(0); ++i) {
      read[keys.GetString(i)] = values.GetString(i);
    }
    EXPECT_EQ(read, properties);
  }
}

}  // namespace
}  // namespace carryall::wire
