// Zero copies, asserted. The counter exists in debug builds only, such as the one that
// the sanitizers run with.
#include <gtest/gtest.h>

#include "carryall/codec/assemble.h"
#include "carryall/codec/copy_counter.h"
#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kSecond = Duration::FromSeconds(1);

/// Bytes copied while it lives; where nobody counts, nothing to check.
class Copies {
 public:
#ifndef NDEBUG
  static constexpr bool kCounts = true;
  int64_t bytes() const { return g_copied_sample_bytes - before_; }

 private:
  int64_t before_ = g_copied_sample_bytes;
#else
  static constexpr bool kCounts = false;
  int64_t bytes() const { return 0; }
#endif
};

TEST(Copies, DecodingWithoutGapsCopiesNothingInEitherForm) {
  Random random(71);
  const auto channels =
      MakeChannels({{16384, DataType::kFloat32}, {512, DataType::kInt16}});
  const std::vector<Samples> samples = {
      RandomSamples(DataType::kFloat32, 16384, 0, &random),
      RandomSamples(DataType::kInt16, 512, 0, &random)};
  for (Form form : {Form::kColumn, Form::kRow}) {
    EncodeOptions options{form, Compression::kNone, Duration::FromNs(62'500'000)};
    auto encoder = Value(StreamEncoder::Make(channels, options));
    auto decoder = Value(StreamDecoder::Make(encoder->schema(), channels));
    for (int message = 0; message < 3; ++message) {
      const auto payload =
          Value(encoder->Encode(MakeBlock(kStart, kSecond, channels, samples, &random)));
      std::vector<uint8_t> body;
      for (const auto& piece : payload.body_buffers) {
        body.insert(body.end(), piece->data(), piece->data() + piece->size());
      }
      const auto held = arrow::Buffer::FromVector(std::move(body));
      std::vector<SeriesBlock> blocks;
      const Copies copies;
      ASSERT_OK(decoder->Decode({payload.metadata, held}, &blocks));
      EXPECT_EQ(copies.bytes(), 0);
      ASSERT_EQ(blocks.size(), 1u);
      for (const SampleView view : blocks[0].views()) {
        EXPECT_GE(view.values, held->data());
        EXPECT_LT(view.values, held->data() + held->size());
      }
    }
  }
}

TEST(Copies, AFetchCopiesEverySampleOnce) {
  Random random(72);
  const auto channels = MakeChannels({{4096, DataType::kFloat64}});
  const auto samples = RandomSamples(DataType::kFloat64, 4096, 0, &random);
  const auto block = MakeBlock(kStart, kSecond, channels, {samples}, &random);
  auto assembler =
      Value(SpanAssembler::Make(kStart, kStart + kSecond, channels, 1 << 20));
  const Copies copies;
  ASSERT_OK(assembler->Place(block, std::vector<int32_t>{0}));
  ASSERT_OK(assembler->Place(block, std::vector<int32_t>{0}));
  EXPECT_EQ(SamplesOf(assembler->Finish().view(0)), samples);
  if (Copies::kCounts) {
    EXPECT_EQ(copies.bytes(), 4096 * 8);
  }
}

TEST(Copies, AFetchKeepsWhatIsAWholeResultAndAligned) {
  Random random(74);
  const auto channels =
      MakeChannels({{4096, DataType::kFloat64}, {16, DataType::kInt32}});
  int kept = 0;
  for (int round = 0; round < 40; ++round) {
    const std::vector<Samples> samples = {
        RandomSamples(DataType::kFloat64, 4096, 0, &random),
        RandomSamples(DataType::kInt32, 16, 0, &random)};
    const auto block = MakeBlock(kStart, kSecond, channels, samples, &random);
    auto assembler =
        Value(SpanAssembler::Make(kStart, kStart + kSecond, channels, 1 << 20));
    const Copies copies;
    ASSERT_OK(assembler->Place(block, std::vector<int32_t>{0, -1}, Placing::kKeep));
    ASSERT_OK(assembler->Place(block, std::vector<int32_t>{0, 1}, Placing::kCopy));
    const auto result = assembler->Finish();
    EXPECT_EQ(SamplesOf(result.view(0)), samples[0]);
    EXPECT_EQ(SamplesOf(result.view(1)), samples[1]);
    const bool aligned = reinterpret_cast<uintptr_t>(block.view(0).values) % 8 == 0;
    EXPECT_EQ(result.view(0).values == block.view(0).values, aligned);
    EXPECT_NE(result.view(1).values, block.view(1).values);
    if (Copies::kCounts) {
      EXPECT_EQ(copies.bytes(), (aligned ? 0 : 4096 * 8) + 16 * 4);
    }
    kept += aligned ? 1 : 0;
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 40);
}

TEST(Copies, WritingReferencesBigRuns) {
  Random random(73);
  const auto channels = MakeChannels({{16384, DataType::kFloat64}});
  const auto samples = RandomSamples(DataType::kFloat64, 16384, 0, &random);
  const auto block = MakeBlock(kStart, kSecond, channels, {samples}, &random);
  EncodeOptions options;
  options.form = Form::kRow;
  auto encoder = Value(StreamEncoder::Make(channels, options));
  const Copies copies;
  const auto payload = Value(encoder->Encode(block));
  EXPECT_EQ(payload.body_buffers.back()->data(), block.view(0).values);
  EXPECT_EQ(copies.bytes(), 0);
}

}  // namespace
}  // namespace carryall::codec
