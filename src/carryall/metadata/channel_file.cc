#include "carryall/metadata/channel_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "carryall/base/log.h"

namespace carryall::metadata {
namespace {

constexpr uintmax_t kMaxFileBytes = uintmax_t{512} << 20;
constexpr std::string_view kPartitionCounters = "__internal_partition_metadata";

// "channel 'X1:A'", "[common]": whose field a message is about.
struct Place {
  const std::string& file;
  std::string owner;

  Status Wrong(const toml::node& node, std::string_view what) const {
    return Error(ErrorKind::kInvalidArgument, "{}:{}: {}: {}", file,
                 node.source().begin.line, owner, what);
  }
  Status Wrong(const toml::node& node, std::string_view field,
               std::string_view wanted) const {
    return Wrong(node, fmt::format("{} must be {}, got {}", field, wanted, Show(node)));
  }

  static std::string Show(const toml::node& node) {
    if (node.is_table()) return "a table";
    if (node.is_array()) return "an array";
    std::ostringstream out;
    node.visit([&](const auto& value) { out << value; });
    std::string text = std::move(out).str();
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    return text;
  }
};

std::string ExtraText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return std::move(out).str();
}

// A whole number, also where it is written 16.0.
std::optional<int64_t> WholeNumber(const toml::node& node) {
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) {
    const double value = number->get();
    if (std::trunc(value) == value && std::abs(value) < 0x1p63) {
      return static_cast<int64_t>(value);
    }
  }
  return std::nullopt;
}

// The fields of a channel table; what is not there stays empty.
struct Fields {
  std::optional<DataType> data_type;
  std::optional<SampleRate> sample_rate;
  std::optional<std::string> publisher, partition_id, replay_id;
  std::optional<uint32_t> partition_index;
  std::optional<Duration> stride, max_latency;
  std::map<std::string, std::string> extras;
};

class FieldReader {
 public:
  FieldReader(const Place& place, Fields* out) : place_(place), out_(out) {}

  Status Read(std::string_view key, const toml::node& node) {
    if (key == "data_type") return ReadDataType(node);
    if (key == "sample_rate") return ReadRate(node);
    if (key == "publisher") return ReadText(key, node, &out_->publisher);
    if (key == "partition_id") return ReadText(key, node, &out_->partition_id);
    if (key == "replay_id") return ReadText(key, node, &out_->replay_id);
    if (key == "stride") return ReadDuration(key, node, 1, &out_->stride);
    if (key == "max_latency") return ReadDuration(key, node, 0, &out_->max_latency);
    if (key == "partition_index") return ReadIndex(node);
    if (key == "time") {
      return WholeNumber(node) ? Status::OK()
                               : place_.Wrong(node, key, "a whole number of ns");
    }
    out_->extras[std::string(key)] = ExtraText(node);
    return Status::OK();
  }

 private:
  Status ReadText(std::string_view key, const toml::node& node,
                  std::optional<std::string>* out) {
    const auto* text = node.as_string();
    if (text == nullptr || text->get().empty()) {
      return place_.Wrong(node, key, "text that is not empty");
    }
    *out = text->get();
    return Status::OK();
  }
  Status ReadDataType(const toml::node& node) {
    const auto* text = node.as_string();
    if (text == nullptr) return place_.Wrong(node, "data_type", "text");
    const Result<DataType> type = DataTypeFromName(text->get());
    if (!type.ok()) return place_.Wrong(node, "data_type: " + type.status().message());
    out_->data_type = *type;
    return Status::OK();
  }
  Status ReadRate(const toml::node& node) {
    const std::optional<int64_t> hz = WholeNumber(node);
    const Result<SampleRate> rate = SampleRate::Make(hz.value_or(0));
    if (!rate.ok()) {
      return place_.Wrong(node, "sample_rate",
                          "a whole number of Hz from 1 to 2147483647");
    }
    out_->sample_rate = *rate;
    return Status::OK();
  }
  Status ReadDuration(std::string_view key, const toml::node& node, int64_t minimum,
                      std::optional<Duration>* out) {
    const std::optional<int64_t> ns = WholeNumber(node);
    if (!ns || *ns < minimum) {
      return place_.Wrong(node, key,
                          fmt::format("a whole number of ns from {}", minimum));
    }
    *out = Duration::FromNs(*ns);
    return Status::OK();
  }
  Status ReadIndex(const toml::node& node) {
    const std::optional<int64_t> index = WholeNumber(node);
    if (!index || *index < 0 || *index > std::numeric_limits<uint32_t>::max()) {
      return place_.Wrong(node, "partition_index", "a whole number from 0 to 4294967295");
    }
    out_->partition_index = static_cast<uint32_t>(*index);
    return Status::OK();
  }

  const Place& place_;
  Fields* out_;
};

Status ReadFields(const toml::table& table, const Place& place, Fields* out) {
  FieldReader reader(place, out);
  for (const auto& [key, node] : table) ARROW_RETURN_NOT_OK(reader.Read(key.str(), node));
  return Status::OK();
}

Result<PublisherConfig> ReadPublisher(const toml::table& table, const std::string& file) {
  const Place place{file, "[publisher]"};
  PublisherConfig out;
  out.line = static_cast<int>(table.source().begin.line);
  Fields fields;
  FieldReader reader(place, &fields);
  for (const auto& [key, node] : table) {
    if (key == "publisher_id") {
      ARROW_RETURN_NOT_OK(reader.Read("publisher", node));
    } else if (key == "stride" || key == "max_latency" || key == "replay_id") {
      ARROW_RETURN_NOT_OK(reader.Read(key.str(), node));
    } else if (key == "dynamic") {
      const auto* dynamic = node.as_boolean();
      if (dynamic == nullptr) return place.Wrong(node, key.str(), "true or false");
      out.dynamic = dynamic->get();
    } else {
      Log(LogLevel::kWarning, "{}:{}: [publisher]: unknown key is ignored: {}", file,
          node.source().begin.line, key.str());
    }
  }
  if (!fields.publisher) return place.Wrong(table, "publisher_id is missing");
  if (!fields.stride) return place.Wrong(table, "stride is missing");
  if (!fields.max_latency) return place.Wrong(table, "max_latency is missing");
  out.publisher_id = *fields.publisher;
  out.stride = *fields.stride;
  out.max_latency = *fields.max_latency;
  out.replay_id = fields.replay_id;
  return out;
}

Result<ChannelConfig> ReadChannel(std::string_view name, const toml::table& table,
                                  const std::string& file, const Fields& common,
                                  const std::optional<PublisherConfig>& publisher) {
  const Place place{file, fmt::format("channel '{}'", name)};
  if (const auto parts = ParseChannelName(name); !parts.ok()) {
    return Error(ErrorKind::kInvalidArgument, "{}:{}: {}", file,
                 table.source().begin.line, parts.status().message());
  }
  Fields fields = common;
  ARROW_RETURN_NOT_OK(ReadFields(table, place, &fields));
  if (!fields.data_type) return place.Wrong(table, "data_type is missing");
  if (!fields.sample_rate) return place.Wrong(table, "sample_rate is missing");
  if (publisher) {
    fields.publisher = publisher->publisher_id;
    fields.stride = publisher->stride;
    fields.max_latency = publisher->max_latency;
    fields.replay_id = publisher->replay_id;
  }
  if (fields.stride && !fields.sample_rate->Divides(*fields.stride)) {
    return place.Wrong(table,
                       fmt::format("stride of {} ns holds no whole number of samples at "
                                   "sample_rate {}",
                                   fields.stride->ns(), fields.sample_rate->hz()));
  }
  ChannelConfig out;
  out.channel.name = name;
  out.channel.data_type = *fields.data_type;
  out.channel.sample_rate = *fields.sample_rate;
  out.channel.publisher = std::move(fields.publisher);
  out.channel.partition_id = std::move(fields.partition_id);
  out.channel.partition_index = fields.partition_index;
  out.channel.stride = fields.stride;
  out.channel.max_latency = fields.max_latency;
  out.channel.replay_id = std::move(fields.replay_id);
  out.extras = std::move(fields.extras);
  out.file = file;
  out.line = static_cast<int>(table.source().begin.line);
  return out;
}

// The tables at the top of the file, in the order they stand there.
Result<std::vector<std::pair<std::string_view, const toml::table*>>> TablesInOrder(
    const toml::table& root, const std::string& file) {
  std::vector<std::pair<std::string_view, const toml::table*>> out;
  for (const auto& [key, node] : root) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return Error(ErrorKind::kInvalidArgument,
                   "{}:{}: expected a table for a channel, got the value of key '{}'",
                   file, node.source().begin.line, key.str());
    }
    out.emplace_back(key.str(), table);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    const toml::source_position &x = a.second->source().begin,
                                &y = b.second->source().begin;
    return std::pair(x.line, x.column) < std::pair(y.line, y.column);
  });
  return out;
}

Result<toml::table> ParseToml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return Error(ErrorKind::kInvalidArgument, "{}:{}: not TOML: {}", file,
                 e.source().begin.line, e.description());
  } catch (const std::exception& e) {
    return Error(ErrorKind::kInvalidArgument, "{}: not TOML: {}", file, e.what());
  }
}

}  // namespace

Result<ChannelFile> ParseChannelFile(std::string_view text, const std::string& file) {
  ARROW_ASSIGN_OR_RAISE(const toml::table root, ParseToml(text, file));
  ARROW_ASSIGN_OR_RAISE(const auto tables, TablesInOrder(root, file));
  ChannelFile out;
  Fields common;
  if (const toml::table* table = root["common"].as_table()) {
    ARROW_RETURN_NOT_OK(ReadFields(*table, Place{file, "[common]"}, &common));
    for (const auto& [key, value] : std::exchange(common.extras, {})) {
      Log(LogLevel::kWarning, "{}: [common]: '{}' is no channel field and is ignored",
          file, key);
    }
  }
  if (const toml::table* table = root["publisher"].as_table()) {
    ARROW_ASSIGN_OR_RAISE(out.publisher, ReadPublisher(*table, file));
  }
  out.channels.reserve(tables.size());
  for (const auto& [name, table] : tables) {
    if (name == "common" || name == "publisher" || name == kPartitionCounters) continue;
    ARROW_ASSIGN_OR_RAISE(ChannelConfig channel,
                          ReadChannel(name, *table, file, common, out.publisher));
    out.channels.push_back(std::move(channel));
  }
  return out;
}

Result<ChannelFile> ReadChannelFile(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) {
    const bool absent = error == std::errc::no_such_file_or_directory;
    return Error(absent ? ErrorKind::kNotFound : ErrorKind::kIo,
                 "cannot read channel file: {}: {}", error.message(), path);
  }
  if (size > kMaxFileBytes) {
    return Error(ErrorKind::kResourceExhausted,
                 "channel file is too large: {} bytes, limit {} bytes: {}", size,
                 kMaxFileBytes, path);
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  if (!in || !in.read(text.data(), static_cast<std::streamsize>(size))) {
    return Error(ErrorKind::kIo, "cannot read channel file: {}: {}", std::strerror(errno),
                 path);
  }
  return ParseChannelFile(text, path);
}

Result<std::vector<ChannelConfig>> ReadChannelFiles(
    const std::vector<std::string>& paths) {
  std::vector<ChannelConfig> out;
  for (const std::string& path : paths) {
    ARROW_ASSIGN_OR_RAISE(ChannelFile file, ReadChannelFile(path));
    std::move(file.channels.begin(), file.channels.end(), std::back_inserter(out));
  }
  std::unordered_map<std::string_view, const ChannelConfig*> seen;
  seen.reserve(out.size());
  for (const ChannelConfig& config : out) {
    const auto [first, fresh] = seen.emplace(config.channel.name, &config);
    if (!fresh && first->second->channel.replay_id == config.channel.replay_id) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel '{}' is in two files: {}:{} and {}:{}", config.channel.name,
                   first->second->file, first->second->line, config.file, config.line);
    }
  }
  return out;
}

}  // namespace carryall::metadata
