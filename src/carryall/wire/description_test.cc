#include "carryall/wire/description.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <gmock/gmock.h>

#include "carryall/wire/schemas.h"

namespace carryall::wire {
namespace {

Channel Make(const std::string& name) {
  Channel channel;
  channel.name = name;
  channel.data_type = DataType::kFloat32;
  channel.sample_rate = *SampleRate::Make(16384);
  channel.stride = Duration::FromNs(62'500'000);
  return channel;
}

TEST(Description, ComesBackWhole) {
  std::vector<Channel> channels;
  for (int i = 0; i < 2500; ++i) channels.push_back(Make(fmt::format("X1:DSC-{}", i)));
  std::vector<const Channel*> described;
  for (const Channel& channel : channels) described.push_back(&channel);
  const std::string bytes = FormatDescription(described).ValueOrDie();
  const auto back = ReadDescription(bytes).ValueOrDie();
  ASSERT_EQ(back.size(), channels.size());
  for (size_t i = 0; i < back.size(); ++i) EXPECT_EQ(back[i], channels[i]) << i;
  // At any address.
  const std::string shifted = "x" + bytes;
  EXPECT_EQ(ReadDescription(std::string_view(shifted).substr(1)).ValueOrDie().size(),
            channels.size());
}

TEST(Description, AnythingElseIsCorrupt) {
  const Channel channel = Make("X1:DSC-A");
  const std::string bytes = FormatDescription({&channel}).ValueOrDie();
  EXPECT_EQ(KindOf(ReadDescription("").status()), ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf(ReadDescription("nonsense").status()), ErrorKind::kCorrupt);
  for (size_t size = 1; size < bytes.size() - 8; ++size) {
    const auto read = ReadDescription(std::string_view(bytes).substr(0, size));
    if (read.ok()) continue;  // a stream may end after any message
    EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorrupt) << size;
  }
}

// Room is made for channels before their batch is validated.
TEST(Description, ClaimsOfManyChannelsAreNotBelieved) {
  const auto batch = EncodeMetadata({Make("X1:DSC-A")}).ValueOrDie().at(0);
  for (const int64_t rows : {int64_t{1} << 12, int64_t{1} << 40, int64_t{1} << 62}) {
    const auto claim = arrow::RecordBatch::Make(batch->schema(), rows, batch->columns());
    const auto bare =
        arrow::RecordBatch::Make(arrow::schema({}), rows, arrow::ArrayVector());
    EXPECT_EQ(KindOf(DecodeMetadata(*claim).status()), ErrorKind::kCorrupt) << rows;
    EXPECT_EQ(KindOf(DecodeMetadata(*bare).status()), ErrorKind::kCorrupt) << rows;
    const auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
    const auto writer = arrow::ipc::MakeStreamWriter(sink, batch->schema()).ValueOrDie();
    ASSERT_TRUE(writer->WriteRecordBatch(*claim).ok());
    ASSERT_TRUE(writer->WriteRecordBatch(*claim).ok());
    ASSERT_TRUE(writer->Close().ok());
    const auto read = ReadDescription(sink->Finish().ValueOrDie()->ToString());
    EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorrupt) << rows;
  }
}

}  // namespace
}  // namespace carryall::wire
