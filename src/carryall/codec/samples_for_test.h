#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "carryall/codec/ipc_message.h"
#include "carryall/model/series_block.h"

/// What the tests of codec share: samples as plain bytes and flags, and ways to and from
/// them that do not go through codec.
namespace carryall::codec::testing {

using Random = std::mt19937_64;

#define ASSERT_OK(expression)                                               \
  do {                                                                      \
    const ::arrow::Status status_ = ::arrow::ToStatus(expression);          \
    ASSERT_TRUE(status_.ok()) << #expression << ": " << status_.ToString(); \
  } while (false)

/// The value of a result that must be OK.
template <typename T>
T Value(Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.status().ToString();
    std::abort();
  }
  return std::move(result).ValueOrDie();
}

struct Samples {
  DataType type = DataType::kFloat64;
  std::vector<uint8_t> bytes;  ///< zero behind gaps
  std::vector<bool> present;

  bool operator==(const Samples&) const = default;
  int64_t size() const { return static_cast<int64_t>(present.size()); }
  int64_t missing() const;
  Samples Part(int64_t begin, int64_t count) const;
};

Samples RandomSamples(DataType type, int64_t count, double gap_fraction, Random* random);
Samples AllMissing(DataType type, int64_t count);
/// Reads every byte a view has.
Samples SamplesOf(const SampleView& view);
Samples SamplesOf(const arrow::Array& array);
Samples Join(const std::vector<Samples>& parts);

struct ChannelSpec {
  int64_t hz;
  DataType type;
};
/// Names X1:TEST-CH_000, _001, ...
std::shared_ptr<const ChannelSet> MakeChannels(const std::vector<ChannelSpec>& specs);
/// `count` channels of random types and of these rates.
std::shared_ptr<const ChannelSet> RandomChannels(int count,
                                                 const std::vector<int64_t>& rates,
                                                 Random* random);

/// A block that holds the samples at odd addresses and bit offsets, with rubbish behind
/// gaps; `all_missing` channels without any memory.
SeriesBlock MakeBlock(GpsTime time, Duration duration,
                      std::shared_ptr<const ChannelSet> channels,
                      const std::vector<Samples>& samples, Random* random);
/// Random samples for every channel: some without gaps, some with, some all missing.
std::vector<Samples> RandomBlockSamples(const ChannelSet& channels, Duration duration,
                                        Random* random);

std::shared_ptr<arrow::Array> ToArray(const Samples& samples);

/// One cell of a list column: nothing is a null list.
using Cell = std::optional<Samples>;
/// A list array of the cells. Null lists may hold samples nobody should see; `lead`
/// samples come before the first list.
std::shared_ptr<arrow::Array> ToListArray(DataType type, const std::vector<Cell>& cells,
                                          int64_t lead, Random* random);

enum class Body { kPlain, kLz4, kZstd };
/// The batch as Arrow writes it; `odd`: at an address that is aligned for nothing.
IpcMessage ToMessage(const arrow::RecordBatch& batch, Body body = Body::kPlain,
                     bool odd = false);
std::shared_ptr<arrow::Buffer> CopyToOddAddress(const arrow::Buffer& buffer);

}  // namespace carryall::codec::testing
