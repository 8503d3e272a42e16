#include "carryall/codec/body_codec.h"

#include <arrow/util/compression.h>

namespace carryall::codec {
namespace {

constexpr int64_t kPrefixBytes = 8;
constexpr int64_t kStoredAsIs = -1;

Status Lies(int64_t buffer) {
  return Error(ErrorKind::kCorrupt,
               "compressed buffer is not what it claims to be: number {}", buffer);
}

/// Where each buffer will be; the total is over no limit.
Status PlanPlaces(const BatchMeta& meta, const arrow::Buffer& body,
                  const DecodeLimits& limits, std::vector<BatchMeta::Place>* places,
                  int64_t* total) {
  places->reserve(static_cast<size_t>(meta.buffer_count));
  int64_t received = 0;
  for (int64_t i = 0; i < meta.buffer_count; ++i) {
    const BatchMeta::Place place = meta.buffer(i);
    if (place.length == 0) {
      places->push_back({*total, 0});
      continue;
    }
    if (place.length < kPrefixBytes || place.offset < 0 ||
        place.length > meta.body_length ||
        place.offset > meta.body_length - place.length) {
      return Lies(i);
    }
    received += place.length;
    if (received > meta.body_length) return Lies(i);
    auto plain = Load<int64_t>(body.data() + place.offset);
    if (plain == kStoredAsIs) plain = place.length - kPrefixBytes;
    if (plain < 0) return Lies(i);
    if (plain > limits.max_decompressed_bytes - *total) {
      return Error(
          ErrorKind::kResourceExhausted,
          "compressed record batch claims more than the {} bytes allowed: buffer {} "
          "of {} bytes claims {}",
          limits.max_decompressed_bytes, i, place.length, plain);
    }
    places->push_back({*total, plain});
    *total += RoundUp64(plain);
  }
  return Status::OK();
}

}  // namespace

Result<PlainBody> DecompressBody(const BatchMeta& meta, const arrow::Buffer& body,
                                 const DecodeLimits& limits, arrow::MemoryPool* pool) {
  PlainBody out;
  int64_t total = 0;
  RETURN_NOT_OK(PlanPlaces(meta, body, limits, &out.places, &total));
  ARROW_ASSIGN_OR_RAISE(const auto codec,
                        arrow::util::Codec::Create(meta.codec == BodyCodec::kLz4Frame
                                                       ? arrow::Compression::LZ4_FRAME
                                                       : arrow::Compression::ZSTD));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> plain,
                        arrow::AllocateBuffer(total, pool));
  for (int64_t i = 0; i < meta.buffer_count; ++i) {
    const BatchMeta::Place from = meta.buffer(i);
    const BatchMeta::Place to = out.places[static_cast<size_t>(i)];
    if (from.length == 0) continue;
    const uint8_t* src = body.data() + from.offset;
    uint8_t* dst = plain->mutable_data() + to.offset;
    if (Load<int64_t>(src) == kStoredAsIs) {
      std::memcpy(dst, src + kPrefixBytes, static_cast<size_t>(to.length));
    } else {
      const auto written = codec->Decompress(from.length - kPrefixBytes,
                                             src + kPrefixBytes, to.length, dst);
      if (!written.ok() || *written != to.length) return Lies(i);
    }
    std::memset(dst + to.length, 0,
                static_cast<size_t>(RoundUp64(to.length) - to.length));
  }
  out.body = std::move(plain);
  return out;
}

}  // namespace carryall::codec
