#include "carryall/backend/kafka/metadata_records.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "carryall/wire/json_text.h"

namespace carryall::backend::kafka {

using carryall::catalogue::PublisherConfig;
using Json = nlohmann::json;

namespace {

constexpr size_t kMaxRecordBytes = 64 << 10;

// JSON as the stock servers write it, so that equal records are equal bytes.
class Writer {
 public:
  void Text(std::string_view key, const std::optional<std::string_view>& text) {
    Key(key);
    text ? wire::AppendJsonText(*text, &out_) : void(out_ += "null");
  }
  void Number(std::string_view key, const std::optional<int64_t>& number) {
    Key(key);
    out_ += number ? std::to_string(*number) : "null";
  }
  void Flag(std::string_view key, bool value) {
    Key(key);
    out_ += value ? "true" : "false";
  }
  std::string Finish() { return std::move(out_) + "}"; }

 private:
  void Key(std::string_view key) {
    out_ += out_.empty() ? "{" : ", ";
    out_.append("\"").append(key).append("\": ");
  }
  std::string out_;
};

std::optional<std::string_view> View(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::optional<int64_t> Ns(const std::optional<Duration>& duration) {
  return duration ? std::optional<int64_t>(duration->ns()) : std::nullopt;
}

// The fields of a record, each as it must be.
class Reader {
 public:
  static Result<Reader> Make(std::string_view key, std::string_view value) {
    Reader out(key);
    if (value.size() > kMaxRecordBytes) return out.Corrupt("it is too long");
    out.json_ = Json::parse(value, nullptr, /*allow_exceptions=*/false);
    if (!out.json_.is_object()) return out.Corrupt("it is no JSON object");
    return out;
  }

  Result<std::optional<std::string>> Text(const char* name) const {
    const Json* value = Find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return Corrupt(name);
    return value->get<std::string>();
  }
  // A whole number that is not negative; may be written 64.0.
  Result<std::optional<int64_t>> Number(const char* name) const {
    const Json* value = Find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned() && value->get<uint64_t>() <= INT64_MAX) {
      return value->get<int64_t>();
    }
    if (!value->is_number_float()) return Corrupt(name);
    const double number = value->get<double>();
    if (!(number >= 0 && number < 1e15 && number == std::floor(number))) {
      return Corrupt(name);
    }
    return static_cast<int64_t>(number);
  }
  Result<std::optional<Duration>> Timing(const char* name) const {
    ARROW_ASSIGN_OR_RAISE(const auto ns, Number(name));
    return ns ? std::optional<Duration>(Duration::FromNs(*ns)) : std::nullopt;
  }
  bool Flag(const char* name) const {
    const Json* value = Find(name);
    return value != nullptr && value->is_boolean() && value->get<bool>();
  }
  Status Corrupt(std::string_view what) const {
    return Error(ErrorKind::kCorrupt, "metadata record is wrong: {}: '{}'", what,
                 key_.substr(0, 256));
  }

 private:
  explicit Reader(std::string_view key) : key_(key) {}
  const Json* Find(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string_view key_;
  Json json_;
};

}  // namespace

ChannelDigest DigestOf(const std::vector<const Channel*>& channels) {
  std::vector<std::string> entries;
  entries.reserve(channels.size());
  const auto text = [](const auto& number) {
    return number ? std::to_string(*number) : std::string("None");
  };
  for (const Channel* channel : channels) {
    entries.push_back(
        fmt::format("{}\x1f{}\x1f{}\x1f{:g}\x1f{}\x1f{}\x1f{}\x1f{}\x1e", channel->name,
                    channel->replay_id.value_or(""), Name(channel->data_type),
                    static_cast<double>(channel->sample_rate.hz()),
                    channel->partition_id.value_or(""), text(channel->partition_index),
                    text(Ns(channel->stride)), text(Ns(channel->max_latency))));
  }
  std::sort(entries.begin(), entries.end());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (const std::string& entry : entries) {
    EVP_DigestUpdate(context.get(), entry.data(), entry.size());
  }
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), hash, &size);
  ChannelDigest out;
  for (unsigned int i = 0; i < size; ++i) out.hex += fmt::format("{:02x}", hash[i]);
  out.count = static_cast<int64_t>(channels.size());
  return out;
}

std::string ChannelRecord(const Channel& channel) {
  Writer out;
  out.Text("name", std::string_view(channel.name));
  out.Text("data_type", Name(channel.data_type));
  out.Number("sample_rate", int64_t{channel.sample_rate.hz()});
  out.Number("time", std::nullopt);
  out.Text("publisher", View(channel.publisher));
  out.Text("partition_id", View(channel.partition_id));
  out.Number("partition_index", channel.partition_index
                                    ? std::optional<int64_t>(*channel.partition_index)
                                    : std::nullopt);
  out.Number("stride", Ns(channel.stride));
  out.Number("max_latency", Ns(channel.max_latency));
  out.Text("replay_id", View(channel.replay_id));
  return out.Finish();
}

std::string PublisherRecord(const PublisherConfig& publisher) {
  Writer out;
  out.Text("publisher_id", std::string_view(publisher.publisher_id));
  out.Number("stride", publisher.stride.ns());
  out.Number("max_latency", publisher.max_latency.ns());
  out.Flag("dynamic", publisher.dynamic);
  out.Text("replay_id", View(publisher.replay_id));
  return out.Finish();
}

std::string DigestRecord(const ChannelDigest& digest) {
  Writer out;
  out.Number("version", int64_t{1});
  out.Text("digest", std::string_view(digest.hex));
  out.Number("count", digest.count);
  return out.Finish();
}

Result<Channel> ParseChannelRecord(std::string_view key, std::string_view value) {
  ARROW_ASSIGN_OR_RAISE(const Reader reader, Reader::Make(key, value));
  Channel out;
  ARROW_ASSIGN_OR_RAISE(const auto name, reader.Text("name"));
  if (name != key) return reader.Corrupt("name");
  if (!carryall::catalogue::CheckChannelName(key).ok()) return reader.Corrupt("name");
  out.name = *name;
  ARROW_ASSIGN_OR_RAISE(const auto type, reader.Text("data_type"));
  if (const auto known = DataTypeFromName(type.value_or("")); known.ok()) {
    out.data_type = *known;
  } else {
    return reader.Corrupt("data_type");
  }
  ARROW_ASSIGN_OR_RAISE(const auto hz, reader.Number("sample_rate"));
  if (const auto rate = SampleRate::Make(hz.value_or(0)); rate.ok()) {
    out.sample_rate = *rate;
  } else {
    return reader.Corrupt("sample_rate");
  }
  ARROW_ASSIGN_OR_RAISE(out.publisher, reader.Text("publisher"));
  ARROW_ASSIGN_OR_RAISE(out.partition_id, reader.Text("partition_id"));
  ARROW_ASSIGN_OR_RAISE(const auto index, reader.Number("partition_index"));
  if (index.value_or(0) > UINT32_MAX) return reader.Corrupt("partition_index");
  if (index) out.partition_index = static_cast<uint32_t>(*index);
  ARROW_ASSIGN_OR_RAISE(out.stride, reader.Timing("stride"));
  ARROW_ASSIGN_OR_RAISE(out.max_latency, reader.Timing("max_latency"));
  ARROW_ASSIGN_OR_RAISE(out.replay_id, reader.Text("replay_id"));
  return out;
}

Result<PublisherConfig> ParsePublisherRecord(std::string_view value) {
  ARROW_ASSIGN_OR_RAISE(const Reader reader, Reader::Make(kPublisherKey, value));
  PublisherConfig out;
  ARROW_ASSIGN_OR_RAISE(const auto id, reader.Text("publisher_id"));
  ARROW_ASSIGN_OR_RAISE(const auto stride, reader.Timing("stride"));
  ARROW_ASSIGN_OR_RAISE(const auto max_latency, reader.Timing("max_latency"));
  if (!id || !stride || !max_latency) return reader.Corrupt("a field is missing");
  out.publisher_id = *id;
  out.stride = *stride;
  out.max_latency = *max_latency;
  out.dynamic = reader.Flag("dynamic");
  ARROW_ASSIGN_OR_RAISE(out.replay_id, reader.Text("replay_id"));
  if (const Status checked = carryall::catalogue::CheckPublisher(out); !checked.ok()) {
    return reader.Corrupt(checked.message());
  }
  return out;
}

Result<ChannelDigest> ParseDigestRecord(std::string_view value) {
  ARROW_ASSIGN_OR_RAISE(const Reader reader, Reader::Make(kDigestKey, value));
  ChannelDigest out;
  ARROW_ASSIGN_OR_RAISE(const auto version, reader.Number("version"));
  if (version != 1) return reader.Corrupt("version");
  ARROW_ASSIGN_OR_RAISE(const auto hex, reader.Text("digest"));
  ARROW_ASSIGN_OR_RAISE(const auto count, reader.Number("count"));
  if (!hex || !count) return reader.Corrupt("a field is missing");
  out.hex = *hex;
  out.count = *count;
  return out;
}

}  // namespace carryall::backend::kafka
