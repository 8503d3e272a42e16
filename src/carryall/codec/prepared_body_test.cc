#include "carryall/codec/prepared_body.h"

#include <gtest/gtest.h>

#include "carryall/codec/block_writer.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kStride = Duration::FromMs(125);

/// Memory in which blocks lie alike, one behind the other: long runs and short ones,
/// neighbours and not, and a channel that is always missing.
struct Memory {
  static constexpr int64_t kBlockBytes = 100'000;

  explicit Memory(Random* random) {
    for (uint8_t& byte : *bytes) byte = static_cast<uint8_t>((*random)());
    std::vector<SampleView> list;
    int64_t at = 3;
    for (size_t i = 0; i < channels->size(); ++i) {
      const Channel& channel = (*channels)[i];
      const int64_t samples = channel.sample_rate.SamplesIn(kStride * 2);
      list.push_back({bytes->data() + at, nullptr, 0, samples, channel.data_type});
      at += samples * ByteWidth(channel.data_type) + (i % 2 == 0 ? 0 : 5);
    }
    list[2] = SampleView::Missing(list[2].data_type, list[2].length);
    views = ViewList(std::move(list));
  }
  SeriesBlock Block(int64_t n, Duration duration = kStride * 2) const {
    return SeriesBlock(kStart + kStride * (2 * n), duration, channels,
                       views.Moved(n * kBlockBytes), OwnerList(MemoryOwner(bytes)));
  }

  std::shared_ptr<const ChannelSet> channels = MakeChannels({{8, DataType::kFloat32},
                                                             {8, DataType::kFloat32},
                                                             {64, DataType::kFloat64},
                                                             {16384, DataType::kFloat64},
                                                             {8, DataType::kUint8},
                                                             {32, DataType::kFloat64}});
  std::shared_ptr<std::vector<uint8_t>> bytes =
      std::make_shared<std::vector<uint8_t>>(6 * kBlockBytes);
  ViewList views;
};

TEST(PreparedBody, PayloadsAreThoseOfAnEncoderThatSawNothingBefore) {
  Random random(1);
  const Memory memory(&random);
  for (const Form form : {Form::kColumn, Form::kRow}) {
    const EncodeOptions options{form, Compression::kNone, kStride};
    const auto encoder = Value(StreamEncoder::Make(memory.channels, options));
    for (const int64_t n : {0, 1, 2, 5, 3, 4, 0}) {
      const auto fresh = Value(StreamEncoder::Make(memory.channels, options));
      const auto mine = Value(encoder->Encode(memory.Block(n)));
      const auto other = Value(fresh->Encode(memory.Block(n)));
      EXPECT_TRUE(mine.metadata->Equals(*other.metadata));
      EXPECT_EQ(mine.body_length, other.body_length);
      EXPECT_EQ(mine.body_buffers.size(), other.body_buffers.size());
      auto* const pool = arrow::default_memory_pool();
      EXPECT_TRUE(Value(JoinBody(mine, pool))->Equals(*Value(JoinBody(other, pool))))
          << n;
    }
  }
}

TEST(PreparedBody, LongRunsAreStillReferencedAndKeepTheirMemory) {
  Random random(2);
  std::optional<Memory> memory(std::in_place, &random);
  const auto encoder = Value(StreamEncoder::Make(memory->channels, {}));
  arrow::ipc::IpcPayload payload;
  for (int64_t n = 0; n < 4; ++n) payload = Value(encoder->Encode(memory->Block(n)));
  const std::vector<uint8_t> bytes = *memory->bytes;
  const std::weak_ptr<const void> owner = memory->bytes;
  const uint8_t* const begin = memory->bytes->data();
  memory.reset();
  EXPECT_FALSE(owner.expired());
  int64_t referenced = 0;
  for (const auto& piece : payload.body_buffers) {
    const int64_t at = piece->data() - begin;
    if (at < 0 || at >= static_cast<int64_t>(bytes.size())) continue;
    referenced += piece->size();
    EXPECT_EQ(
        std::memcmp(bytes.data() + at, piece->data(), static_cast<size_t>(piece->size())),
        0);
  }
  EXPECT_GT(referenced, 30'000);
  payload = {};
  EXPECT_TRUE(owner.expired());
}

TEST(PreparedBody, BlocksOfOtherLengthOrWithGapsAreWrittenAnew) {
  Random random(3);
  const Memory memory(&random);
  const auto encoder = Value(StreamEncoder::Make(memory.channels, {}));
  for (int64_t n = 0; n < 3; ++n) ASSERT_OK(encoder->Encode(memory.Block(n)));
  EXPECT_FALSE(encoder->Encode(memory.Block(3, kStride)).ok());
  std::vector<SampleView> views = memory.Block(3).views();
  const uint8_t bits = 0b10;
  views[0].validity = &bits;
  const ViewList gaps(std::move(views));
  for (int again = 0; again < 3; ++again) {
    const SeriesBlock block(kStart, kStride * 2, memory.channels, gaps, OwnerList());
    const auto payload = Value(encoder->Encode(block));
    const auto fresh = Value(StreamEncoder::Make(memory.channels, {}));
    EXPECT_TRUE(payload.metadata->Equals(*Value(fresh->Encode(block)).metadata));
  }
  ASSERT_OK(encoder->Encode(memory.Block(4)));
}

}  // namespace
}  // namespace carryall::codec
