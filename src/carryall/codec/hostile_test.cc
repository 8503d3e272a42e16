// Bytes that are not what they claim to be. The assertions are few: what matters is that
// the sanitizers, under which this runs too, see no access outside of a message.
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include <cstring>

#include "carryall/codec/batch_meta.h"
#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

const GpsTime kStart = GpsTime::FromSeconds(1'187'008'882);
const Duration kStride = Duration::FromMs(125);

struct Stream {
  std::shared_ptr<const ChannelSet> channels;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<IpcMessage> messages;
};

Stream MakeStream(Form form, Compression compression, Random* random) {
  Stream stream;
  stream.channels = RandomChannels(4, {16, 64}, random);
  auto encoder = Value(
      StreamEncoder::Make(stream.channels, EncodeOptions{form, compression, kStride}));
  stream.schema = encoder->schema();
  for (int64_t strides : {1, 3}) {
    const auto samples = RandomBlockSamples(*stream.channels, kStride * strides, random);
    const auto payload = Value(encoder->Encode(
        MakeBlock(kStart, kStride * strides, stream.channels, samples, random)));
    std::vector<uint8_t> body;
    for (const auto& piece : payload.body_buffers) {
      if (piece == nullptr) continue;
      body.insert(body.end(), piece->data(), piece->data() + piece->size());
      body.resize((body.size() + 7) / 8 * 8);
    }
    stream.messages.push_back({payload.metadata, arrow::Buffer::FromVector(body)});
  }
  return stream;
}

/// A copy that the address sanitizer guards on both sides.
std::shared_ptr<arrow::Buffer> CopyOf(const std::vector<uint8_t>& bytes) {
  return arrow::Buffer::FromVector(std::vector<uint8_t>(bytes));
}

std::vector<uint8_t> BytesOf(const arrow::Buffer& buffer) {
  return {buffer.data(), buffer.data() + buffer.size()};
}

void Mutate(std::vector<uint8_t>* bytes, Random* random) {
  if (bytes->empty()) return;
  const auto pick = [&](size_t n) { return static_cast<size_t>((*random)() % n); };
  switch (pick(4)) {
    case 0:
      (*bytes)[pick(bytes->size())] ^= static_cast<uint8_t>(1 << pick(8));
      break;
    case 1:
      bytes->resize(pick(bytes->size()));
      break;
    default: {
      const int64_t values[] = {0,  -1, 1,     7,         8,         INT32_MAX, INT32_MIN,
                                16, 64, 65536, INT64_MAX, INT64_MIN, -8,        1 << 30};
      const size_t width = pick(2) == 0 ? 4 : 8;
      if (bytes->size() < width) return;
      const size_t at = pick(bytes->size() - width + 1) / 4 * 4;
      if (at + width <= bytes->size())
        std::memcpy(bytes->data() + at, &values[pick(14)], width);
    }
  }
}

/// Reads all that the blocks say there is.
uint64_t TouchAll(const std::vector<SeriesBlock>& blocks) {
  uint64_t sum = 0;
  for (const SeriesBlock& block : blocks) {
    EXPECT_TRUE(block.Validate().ok());
    EXPECT_GT(block.duration().ns(), 0);
    for (const SampleView view : block.views()) {
      EXPECT_GE(view.length, 0);
      if (view.values == nullptr) continue;
      for (int64_t i = 0; i < view.length * ByteWidth(view.data_type); ++i) {
        sum += view.values[i];
      }
      for (int64_t i = 0; view.validity != nullptr && i < view.length; ++i) {
        const int64_t bit = view.validity_offset + i;
        sum += (view.validity[bit / 8] >> (bit % 8)) & 1;
      }
    }
  }
  return sum;
}

class EveryForm : public ::testing::TestWithParam<std::tuple<Form, Compression>> {};

TEST_P(EveryForm, MutatedMessagesAreRefusedOrReadable) {
  const auto [form, compression] = GetParam();
  Random random(61);
  DecodeLimits limits;
  limits.max_body_bytes = 1 << 20;
  limits.max_decompressed_bytes = 1 << 20;
  int refused = 0, accepted = 0;
  for (int round = 0; round < 12; ++round) {
    const Stream stream = MakeStream(form, compression, &random);
    auto decoder = Value(StreamDecoder::Make(stream.schema, stream.channels, {}, limits));
    for (int i = 0; i < 500; ++i) {
      const IpcMessage& good = stream.messages[random() % stream.messages.size()];
      std::vector<SeriesBlock> blocks;
      if (random() % 4 == 0) {
        ASSERT_OK(decoder->Decode(good, &blocks));
        blocks.clear();
      }
      std::vector<uint8_t> metadata = BytesOf(*good.metadata), body = BytesOf(*good.body);
      for (uint64_t n = 1 + random() % 3; n > 0; --n) {
        Mutate(random() % 2 == 0 ? &metadata : &body, &random);
      }
      const Status status = decoder->Decode({CopyOf(metadata), CopyOf(body)}, &blocks);
      if (status.ok()) {
        ++accepted;
        TouchAll(blocks);
      } else {
        ++refused;
        EXPECT_TRUE(blocks.empty());
        const ErrorKind kind = KindOf(status);
        EXPECT_TRUE(kind == ErrorKind::kCorrupt || kind == ErrorKind::kResourceExhausted)
            << status.ToString();
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 100);
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Form, Compression>>& info) {
  const Compression compression = std::get<1>(info.param);
  return std::string(std::get<0>(info.param) == Form::kColumn ? "columns_" : "rows_") +
         (compression == Compression::kNone  ? "plain"
          : compression == Compression::kLz4 ? "lz4"
                                             : "zstd");
}

INSTANTIATE_TEST_SUITE_P(Codec, EveryForm,
                         ::testing::Combine(::testing::Values(Form::kColumn, Form::kRow),
                                            ::testing::Values(Compression::kNone,
                                                              Compression::kLz4,
                                                              Compression::kZstd)),
                         NameOf);

/// A decoder and a good message of gap-free float64 columns.
struct Fixture {
  explicit Fixture(Compression compression = Compression::kNone, DecodeLimits limits = {},
                   arrow::MemoryPool* pool = arrow::default_memory_pool()) {
    Random random(62);
    channels = MakeChannels({{64, DataType::kFloat64}, {64, DataType::kFloat64}});
    EncodeOptions options{Form::kColumn, compression, kStride};
    auto encoder = Value(StreamEncoder::Make(channels, options));
    const std::vector<Samples> samples = {
        RandomSamples(DataType::kFloat64, 16, 0, &random),
        RandomSamples(DataType::kFloat64, 16, 0, &random)};
    const auto payload = Value(
        encoder->Encode(MakeBlock(kStart, kStride * 2, channels, samples, &random)));
    for (const auto& piece : payload.body_buffers) {
      if (piece == nullptr) continue;
      body.insert(body.end(), piece->data(), piece->data() + piece->size());
      body.resize((body.size() + 7) / 8 * 8);
    }
    metadata = BytesOf(*payload.metadata);
    decoder = Value(StreamDecoder::Make(encoder->schema(), channels, {}, limits, pool));
  }

  Status Decode() {
    std::vector<SeriesBlock> blocks;
    return decoder->Decode({CopyOf(metadata), CopyOf(body)}, &blocks);
  }
  BatchMeta Meta() const {
    BatchMeta meta;
    EXPECT_TRUE(
        ParseBatchMeta(metadata.data(), static_cast<int64_t>(metadata.size()), &meta)
            .ok());
    return meta;
  }
  /// Overwrites a buffer's place in the metadata.
  void SetPlace(int64_t buffer, int64_t offset, int64_t length) {
    uint8_t* at = metadata.data() + (Meta().buffers - metadata.data()) + buffer * 16;
    Store(at, offset);
    Store(at + 8, length);
  }

  std::shared_ptr<const ChannelSet> channels;
  std::vector<uint8_t> metadata, body;
  std::unique_ptr<StreamDecoder> decoder;
};

TEST(Hostile, AForgedDecompressedLengthIsRefusedBeforeAllocation) {
  for (Compression compression : {Compression::kLz4, Compression::kZstd}) {
    for (int64_t claim : {int64_t{20} << 30, INT64_MAX, (int64_t{1} << 30) + 1}) {
      arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
      Fixture fixture(compression, {}, &pool);
      ASSERT_OK(fixture.Decode());
      const int64_t before = pool.max_memory();
      const BatchMeta::Place values = fixture.Meta().buffer(5);
      Store(fixture.body.data() + values.offset, claim);
      const Status status = fixture.Decode();
      EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted) << status.ToString();
      EXPECT_EQ(pool.max_memory(), before);
    }
  }
}

TEST(Hostile, ManyBuffersThatAddUpToTooMuchAreRefused) {
  DecodeLimits limits;
  limits.max_decompressed_bytes = 200;  // each column has 128 bytes of samples
  Fixture fixture(Compression::kZstd, limits);
  EXPECT_EQ(KindOf(fixture.Decode()), ErrorKind::kResourceExhausted);
}

TEST(Hostile, CompressedBytesThatLieAboutTheirLengthAreCorrupt) {
  for (int64_t claim : {127, 129, 1, -2}) {
    Fixture fixture(Compression::kLz4);
    Store(fixture.body.data() + fixture.Meta().buffer(5).offset, claim);
    EXPECT_EQ(KindOf(fixture.Decode()), ErrorKind::kCorrupt) << claim;
  }
}

TEST(Hostile, BuffersThatShareBytesAreRefused) {
  Fixture fixture;
  ASSERT_OK(fixture.Decode());
  const BatchMeta::Place values = fixture.Meta().buffer(5);
  fixture.SetPlace(9, values.offset, values.length);
  ASSERT_OK(fixture.Decode());  // as many bytes as there are: harmless
  const auto rows = static_cast<int64_t>(fixture.body.size()) / 8;
  ASSERT_GT(rows, 16);
  // Every buffer the whole body: more than was received.
  uint8_t* nodes =
      fixture.metadata.data() + (fixture.Meta().nodes - fixture.metadata.data());
  for (int64_t buffer : {5, 9}) {
    fixture.SetPlace(buffer, 0, static_cast<int64_t>(fixture.body.size()));
  }
  for (int64_t node : {2, 4}) Store(nodes + 16 * node, rows);
  EXPECT_EQ(KindOf(fixture.Decode()), ErrorKind::kCorrupt);
}

TEST(Hostile, PlacesOutsideTheBodyAreRefused) {
  const auto size = static_cast<int64_t>(Fixture().body.size());
  const std::vector<std::pair<int64_t, int64_t>> bad = {
      {size - 127, 128}, {size, 128}, {-8, 128}, {INT64_MAX, 128},
      {0, INT64_MAX},    {0, -1},     {0, 127},  {INT64_MAX - 64, 128}};
  for (const auto& [offset, length] : bad) {
    Fixture fixture;
    fixture.SetPlace(5, offset, length);
    EXPECT_EQ(KindOf(fixture.Decode()), ErrorKind::kCorrupt) << offset << " " << length;
  }
}

TEST(Hostile, LimitsHoldBeforeAnythingIsDone) {
  const auto expect = [](DecodeLimits limits) {
    Fixture fixture(Compression::kNone, limits);
    const Status status = fixture.Decode();
    EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted) << status.ToString();
  };
  ASSERT_OK(Fixture().Decode());
  DecodeLimits limits;
  limits.max_body_bytes = 100;
  expect(limits);
  limits = {};
  limits.max_rows = 1;
  expect(limits);
  limits = {};
  limits.max_samples = 31;
  expect(limits);
  limits = {};
  limits.max_views = 1;
  expect(limits);
}

TEST(Hostile, ATruncatedBodyIsRefusedAlsoBehindEqualMetadata) {
  Fixture fixture;
  ASSERT_OK(fixture.Decode());
  fixture.body.resize(fixture.body.size() - 8);
  EXPECT_EQ(KindOf(fixture.Decode()), ErrorKind::kCorrupt);
  std::vector<SeriesBlock> blocks;
  EXPECT_EQ(KindOf(fixture.decoder->Decode({CopyOf(fixture.metadata), nullptr}, &blocks)),
            ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf(fixture.decoder->Decode({nullptr, nullptr}, &blocks)),
            ErrorKind::kCorrupt);
}

TEST(Hostile, TimesAtTheEndOfTimeAreRefused) {
  Fixture fixture;
  Store(fixture.body.data(), INT64_MAX - 5);
  Store(fixture.body.data() + 8, INT64_MAX - 5);
  EXPECT_EQ(KindOf(fixture.Decode()), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace carryall::codec
