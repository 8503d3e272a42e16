#include "carryall/codec/samples_for_test.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <arrow/util/compression.h>
#include <fmt/format.h>

#include <cstring>

namespace carryall::codec::testing {
namespace {

bool BitAt(const uint8_t* bits, int64_t i) { return (bits[i / 8] >> (i % 8)) & 1; }

std::vector<uint8_t> ToBits(const std::vector<bool>& flags, int64_t offset) {
  std::vector<uint8_t> bits(flags.size() / 8 + static_cast<size_t>(offset) / 8 + 2, 0x5A);
  for (size_t i = 0; i < flags.size(); ++i) {
    const size_t at = i + static_cast<size_t>(offset);
    const auto bit = static_cast<uint8_t>(1 << (at % 8));
    bits[at / 8] =
        static_cast<uint8_t>(flags[i] ? bits[at / 8] | bit : bits[at / 8] & ~bit);
  }
  return bits;
}

}  // namespace

int64_t Samples::missing() const {
  return std::count(present.begin(), present.end(), false);
}

Samples Samples::Part(int64_t begin, int64_t count) const {
  const int64_t width = ByteWidth(type);
  return {type,
          {bytes.begin() + begin * width, bytes.begin() + (begin + count) * width},
          {present.begin() + begin, present.begin() + begin + count}};
}

Samples RandomSamples(DataType type, int64_t count, double gap_fraction, Random* random) {
  Samples out{type, {}, {}};
  for (int64_t i = 0; i < count; ++i) {
    const bool present = std::generate_canonical<double, 32>(*random) >= gap_fraction;
    out.present.push_back(present);
    for (int b = 0; b < ByteWidth(type); ++b) {
      const auto byte = static_cast<uint8_t>((*random)());
      out.bytes.push_back(present ? byte : uint8_t{0});
    }
  }
  return out;
}

Samples AllMissing(DataType type, int64_t count) {
  return {type, std::vector<uint8_t>(static_cast<size_t>(count * ByteWidth(type))),
          std::vector<bool>(static_cast<size_t>(count))};
}

Samples SamplesOf(const SampleView& view) {
  Samples out = AllMissing(view.data_type, view.length);
  if (view.values == nullptr) return out;
  const int width = ByteWidth(view.data_type);
  // A copy of the whole range makes sanitizers look at all of it, gaps included.
  std::vector<uint8_t> all(view.values, view.values + view.length * width);
  for (int64_t i = 0; i < view.length; ++i) {
    if (view.validity != nullptr && !BitAt(view.validity, view.validity_offset + i))
      continue;
    out.present[static_cast<size_t>(i)] = true;
    std::memcpy(out.bytes.data() + i * width, all.data() + i * width,
                static_cast<size_t>(width));
  }
  return out;
}

Samples SamplesOf(const arrow::Array& array) {
  const DataType type = Value(DataTypeFromArrow(*array.type()));
  Samples out = AllMissing(type, array.length());
  const int width = ByteWidth(type);
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) continue;
    out.present[static_cast<size_t>(i)] = true;
    std::memcpy(out.bytes.data() + i * width,
                array.data()->buffers[1]->data() + (array.offset() + i) * width,
                static_cast<size_t>(width));
  }
  return out;
}

Samples Join(const std::vector<Samples>& parts) {
  Samples out{parts.front().type, {}, {}};
  for (const Samples& part : parts) {
    out.bytes.insert(out.bytes.end(), part.bytes.begin(), part.bytes.end());
    out.present.insert(out.present.end(), part.present.begin(), part.present.end());
  }
  return out;
}

std::shared_ptr<const ChannelSet> MakeChannels(const std::vector<ChannelSpec>& specs) {
  std::vector<Channel> channels;
  for (const ChannelSpec& spec : specs) {
    Channel channel;
    channel.name = fmt::format("X1:TEST-CH_{:03}", channels.size());
    channel.data_type = spec.type;
    channel.sample_rate = Value(SampleRate::Make(spec.hz));
    channels.push_back(std::move(channel));
  }
  return Value(ChannelSet::Make(std::move(channels)));
}

std::shared_ptr<const ChannelSet> RandomChannels(int count,
                                                 const std::vector<int64_t>& rates,
                                                 Random* random) {
  std::vector<ChannelSpec> specs;
  for (int i = 0; i < count; ++i) {
    specs.push_back({rates[(*random)() % rates.size()],
                     static_cast<DataType>((*random)() % kDataTypeCount)});
  }
  return MakeChannels(specs);
}

SeriesBlock MakeBlock(GpsTime time, Duration duration,
                      std::shared_ptr<const ChannelSet> channels,
                      const std::vector<Samples>& samples, Random* random) {
  std::vector<SampleView> views;
  std::vector<MemoryOwner> owners;
  for (const Samples& s : samples) {
    if (s.size() > 0 && s.missing() == s.size()) {
      views.push_back(SampleView::Missing(s.type, s.size()));
      continue;
    }
    const int width = ByteWidth(s.type);
    const auto lead = static_cast<int64_t>((*random)() % 16);
    auto bytes = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(lead), 0xEE);
    for (int64_t i = 0; i < s.size() * width; ++i) {
      bytes->push_back(s.present[static_cast<size_t>(i / width)]
                           ? s.bytes[static_cast<size_t>(i)]
                           : uint8_t{0xEE});
    }
    SampleView view{bytes->data() + lead, nullptr, 0, s.size(), s.type};
    if (s.missing() > 0) {
      view.validity_offset = static_cast<int64_t>((*random)() % 20);
      auto bits =
          std::make_shared<std::vector<uint8_t>>(ToBits(s.present, view.validity_offset));
      view.validity = bits->data();
      owners.push_back(bits);
    }
    owners.push_back(bytes);
    views.push_back(view);
  }
  return SeriesBlock(time, duration, std::move(channels), std::move(views),
                     std::move(owners));
}

std::vector<Samples> RandomBlockSamples(const ChannelSet& channels, Duration duration,
                                        Random* random) {
  std::vector<Samples> out;
  for (const Channel& channel : channels.channels()) {
    const double fractions[] = {0, 0, 0.01, 0.5, 1};
    out.push_back(RandomSamples(channel.data_type,
                                channel.sample_rate.SamplesIn(duration),
                                fractions[(*random)() % 5], random));
  }
  return out;
}

std::shared_ptr<arrow::Array> ToArray(const Samples& samples) {
  return arrow::MakeArray(arrow::ArrayData::Make(
      ToArrow(samples.type), samples.size(),
      {samples.missing() == 0 ? nullptr
                              : arrow::Buffer::FromVector(ToBits(samples.present, 0)),
       arrow::Buffer::FromVector(samples.bytes)},
      samples.missing()));
}

std::shared_ptr<arrow::Array> ToListArray(DataType type, const std::vector<Cell>& cells,
                                          int64_t lead, Random* random) {
  std::vector<Samples> parts = {RandomSamples(type, lead, 0.2, random)};
  std::vector<int32_t> offsets = {static_cast<int32_t>(lead)};
  std::vector<bool> valid;
  for (const Cell& cell : cells) {
    const auto hidden = static_cast<int64_t>((*random)() % 4);
    parts.push_back(cell ? *cell : RandomSamples(type, hidden, 0.2, random));
    valid.push_back(cell.has_value());
    offsets.push_back(offsets.back() + static_cast<int32_t>(parts.back().size()));
  }
  const auto nulls = std::count(valid.begin(), valid.end(), false);
  return std::make_shared<arrow::ListArray>(
      arrow::list(ToArrow(type)), static_cast<int64_t>(cells.size()),
      arrow::Buffer::FromVector(offsets), ToArray(Join(parts)),
      nulls == 0 ? nullptr : arrow::Buffer::FromVector(ToBits(valid, 0)), nulls);
}

std::shared_ptr<arrow::Buffer> CopyToOddAddress(const arrow::Buffer& buffer) {
  const auto bytes = static_cast<size_t>(buffer.size());
  std::shared_ptr<arrow::Buffer> raw = Value(arrow::AllocateBuffer(buffer.size() + 1));
  if (bytes > 0) std::memcpy(raw->mutable_data() + 1, buffer.data(), bytes);
  return arrow::SliceBuffer(raw, 1, buffer.size());
}

IpcMessage ToMessage(const arrow::RecordBatch& batch, Body body, bool odd) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  if (body != Body::kPlain) {
    options.codec = Value(arrow::util::Codec::Create(
        body == Body::kLz4 ? arrow::Compression::LZ4_FRAME : arrow::Compression::ZSTD));
  }
  arrow::io::BufferReader reader(Value(arrow::ipc::SerializeRecordBatch(batch, options)));
  const auto message = Value(arrow::ipc::ReadMessage(&reader));
  if (!odd) return {message->metadata(), message->body()};
  return {CopyToOddAddress(*message->metadata()), CopyToOddAddress(*message->body())};
}

}  // namespace carryall::codec::testing
