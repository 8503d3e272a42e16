#include "carryall/codec/batch_meta.h"

#include <arrow/ipc/writer.h>
#include <gtest/gtest.h>

#include "carryall/codec/encoder.h"
#include "carryall/codec/samples_for_test.h"

namespace carryall::codec {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

IpcMessage Example(Body body = Body::kPlain) {
  Random random(1);
  const auto channels = RandomChannels(5, {16}, &random);
  const Duration second = Duration::FromSeconds(1);
  const auto samples = RandomBlockSamples(*channels, second, &random);
  const auto batch = Value(ToColumnBatch(
      MakeBlock(GpsTime::FromSeconds(1), second, channels, samples, &random)));
  return ToMessage(*batch, body);
}

TEST(BatchMeta, FindsWhatArrowWrote) {
  for (Body body : {Body::kPlain, Body::kLz4, Body::kZstd}) {
    const IpcMessage message = Example(body);
    BatchMeta meta;
    ASSERT_OK(ParseBatchMeta(message.metadata->data(), message.metadata->size(), &meta));
    EXPECT_EQ(meta.rows, 1);
    EXPECT_EQ(meta.body_length, message.body->size());
    EXPECT_EQ(meta.node_count, 11);
    EXPECT_EQ(meta.buffer_count, 22);
    EXPECT_EQ(meta.node(0).length, 1);
    EXPECT_EQ(meta.node(2).length, 16);
    EXPECT_EQ(meta.codec, body == Body::kPlain ? BodyCodec::kNone
                          : body == Body::kLz4 ? BodyCodec::kLz4Frame
                                               : BodyCodec::kZstd);
    ASSERT_GE(meta.rows_at, 0);
    EXPECT_EQ(Load<int64_t>(message.metadata->data() + meta.rows_at), 1);
    ASSERT_GE(meta.body_length_at, 0);
    EXPECT_EQ(Load<int64_t>(message.metadata->data() + meta.body_length_at),
              message.body->size());
  }
}

TEST(BatchMeta, RefusesOtherMessages) {
  const auto schema = arrow::schema({arrow::field("time", arrow::int64())});
  arrow::ipc::IpcPayload payload;
  const arrow::ipc::DictionaryFieldMapper mapper;
  ASSERT_OK(arrow::ipc::GetSchemaPayload(*schema, arrow::ipc::IpcWriteOptions::Defaults(),
                                         mapper, &payload));
  BatchMeta meta;
  const Status status =
      ParseBatchMeta(payload.metadata->data(), payload.metadata->size(), &meta);
  EXPECT_EQ(KindOf(status), ErrorKind::kCorrupt) << status.ToString();
}

TEST(BatchMeta, RefusesEveryTruncation) {
  const IpcMessage message = Example();
  for (int64_t size = 0; size < message.metadata->size(); ++size) {
    const std::vector<uint8_t> bytes(message.metadata->data(),
                                     message.metadata->data() + size);
    BatchMeta meta;
    ParseBatchMeta(bytes.data(), size, &meta).ok();  // the sanitizer watches
    if (size < message.metadata->size() / 2) {
      EXPECT_FALSE(ParseBatchMeta(bytes.data(), size, &meta).ok()) << size;
    }
  }
}

}  // namespace
}  // namespace carryall::codec
