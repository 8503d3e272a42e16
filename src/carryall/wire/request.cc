#include "carryall/wire/request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace carryall::wire {
namespace {

using Json = nlohmann::json;

constexpr int kMaxJsonDepth = 16;
// Every value but the first of its array or object follows a comma.
constexpr size_t kMaxJsonCommas = kMaxRequestChannels + 10'000;
constexpr size_t kMaxNamesInText = 50;

constexpr std::array<std::string_view, 6> kTypeNames = {"Find",   "Count",   "Describe",
                                                        "Stream", "Publish", "Partition"};
// The types that the schema of Find and Count lets through.
constexpr std::array<DataType, 6> kFilterTypes = {DataType::kUint32,  DataType::kUint64,
                                                  DataType::kInt32,   DataType::kInt64,
                                                  DataType::kFloat32, DataType::kFloat64};

// Bounds depth and number of values before anything is allocated for them.
Status CheckShape(std::string_view json) {
  int depth = 0;
  size_t commas = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) {
        return Error(ErrorKind::kResourceExhausted,
                     "request is nested deeper than {} levels", kMaxJsonDepth);
      }
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',' && ++commas > kMaxJsonCommas) {
      return Error(ErrorKind::kResourceExhausted,
                   "request is too large: more than {} values, channels among them",
                   kMaxJsonCommas);
    }
  }
  return Status::OK();
}

// A value as a message may quote it: short, printable.
std::string Quote(const Json& value) {
  if (value.is_array()) return fmt::format("an array of {}", value.size());
  if (value.is_object()) return "an object";
  std::string text =
      value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

// A JSON number without a fractional part, saturated to int64 (draft-07: 1.0 is an
// integer, true is not).
std::optional<int64_t> AsInteger(const Json& value) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  if (value.is_number_unsigned()) {
    return static_cast<int64_t>(
        std::min<uint64_t>(value.get<uint64_t>(), static_cast<uint64_t>(kMax)));
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  if (!std::isfinite(number) || std::trunc(number) != number) return std::nullopt;
  if (number >= 0x1p63) return kMax;
  if (number < -0x1p63) return kMin;
  return static_cast<int64_t>(number);
}

// Reads the arguments of one request. The first error sticks; every name that is asked
// for counts as known.
class ArgumentReader {
 public:
  ArgumentReader(std::string_view type, Json& args) : type_(type), args_(args) {}

  std::string Text(const char* name) {
    Json* value = Required(name);
    if (value == nullptr) return {};
    if (!value->is_string()) return Fail(name, "text", *value), std::string();
    return std::move(value->get_ref<std::string&>());
  }

  std::optional<std::string> OptionalText(const char* name) {
    Json* value = Known(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_string()) return Fail(name, "text or null", *value), std::nullopt;
    return std::move(value->get_ref<std::string&>());
  }

  int64_t Integer(const char* name, std::optional<int64_t> minimum) {
    Json* value = Required(name);
    if (value == nullptr) return 0;
    const std::optional<int64_t> out = AsInteger(*value);
    if (!out) return Fail(name, "an integer", *value), 0;
    if (minimum && *out < *minimum) {
      return Fail(name, fmt::format("at least {}", *minimum), *value), 0;
    }
    return *out;
  }

  std::optional<GpsTime> Time(const char* name, bool required) {
    Json* value = required ? Required(name) : Known(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    const std::optional<int64_t> out = AsInteger(*value);
    if (!out) return Fail(name, "an integer (GPS ns) or null", *value), std::nullopt;
    return GpsTime::FromNs(*out);
  }

  std::vector<std::string> Texts(const char* name) {
    std::vector<std::string> out;
    Json* value = Required(name);
    if (value == nullptr) return out;
    if (!value->is_array()) return Fail(name, "an array of text", *value), out;
    if (value->size() > kMaxRequestChannels && status_.ok()) {
      status_ = Error(ErrorKind::kResourceExhausted,
                      "request is too large: argument '{}' of {} has {} items, limit {}",
                      name, type_, value->size(), kMaxRequestChannels);
      return out;
    }
    out.reserve(value->size());
    for (Json& item : *value) {
      if (!item.is_string()) return Fail(name, "an array of text", item), out;
      out.push_back(std::move(item.get_ref<std::string&>()));
    }
    return out;
  }

  std::vector<DataType> DataTypes(const char* name) {
    std::vector<DataType> out;
    for (const std::string& text : Texts(name)) {
      const auto* found = std::find_if(kFilterTypes.begin(), kFilterTypes.end(),
                                       [&](DataType t) { return Name(t) == text; });
      if (found == kFilterTypes.end()) {
        Fail(name, "of uint32, uint64, int32, int64, float32, float64", Json(text));
        break;
      }
      if (std::find(out.begin(), out.end(), *found) == out.end()) out.push_back(*found);
    }
    return out;
  }

  /// The names that were asked for, in that order.
  const std::vector<std::string_view>& known() const { return known_; }

  // What went wrong: first the schema, then the names that nobody asked for.
  Status Finish(const std::optional<std::string>& version) const {
    ARROW_RETURN_NOT_OK(status_);
    std::vector<std::string> unknown;  // sorted: Json keeps members in a std::map
    for (const auto& [name, value] : args_.items()) {
      if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
        unknown.push_back(name.substr(0, 64));
      }
    }
    if (unknown.empty()) return Status::OK();
    const size_t count = unknown.size();
    unknown.resize(std::min(count, kMaxNamesInText));
    return Error(ErrorKind::kUnknownArgument,
                 "unknown argument{} in {} request: {}{} (request has {}, server has {})",
                 count > 1 ? "s" : "", type_, fmt::to_string(fmt::join(unknown, ", ")),
                 count > kMaxNamesInText
                     ? fmt::format(" and {} more", count - kMaxNamesInText)
                     : "",
                 version ? fmt::format("schema version {}", version->substr(0, 64))
                         : "no schema version",
                 kSchemaVersion);
  }

 private:
  Json* Known(const char* name) {
    known_.emplace_back(name);
    const auto it = args_.find(name);
    return it == args_.end() ? nullptr : &*it;
  }
  Json* Required(const char* name) {
    Json* value = Known(name);
    if (value == nullptr && status_.ok()) {
      status_ = Error(ErrorKind::kInvalidRequest,
                      "invalid request: {} lacks the argument '{}'", type_, name);
    }
    return value;
  }
  void Fail(const char* name, std::string_view wanted, const Json& got) {
    if (!status_.ok()) return;
    status_ = Error(ErrorKind::kInvalidRequest,
                    "invalid request: argument '{}' of {} must be {}, got {}", name,
                    type_, wanted, Quote(got));
  }

  std::string_view type_;
  Json& args_;
  std::vector<std::string_view> known_;
  Status status_;
};

FindArgs ReadFind(ArgumentReader& in) {
  FindArgs out;
  out.pattern = in.Text("pattern");
  out.data_types = in.DataTypes("data_type");
  out.min_rate = in.Integer("min_rate", 0);
  out.max_rate = in.Integer("max_rate", std::nullopt);
  out.publishers = in.Texts("publisher");
  out.time = in.Time("time", /*required=*/true);
  out.replay_id = in.OptionalText("replay_id");
  return out;
}

DescribeArgs ReadDescribe(ArgumentReader& in) {
  DescribeArgs out;
  out.channels = in.Texts("channels");
  out.time = in.Time("time", /*required=*/true);
  out.replay_id = in.OptionalText("replay_id");
  return out;
}

StreamArgs ReadStream(ArgumentReader& in) {
  StreamArgs out;
  out.channels = in.Texts("channels");
  out.start = in.Time("start", /*required=*/true);
  out.end = in.Time("end", /*required=*/true);
  out.replay_start = in.Time("replay_start", /*required=*/false);
  out.replay_end = in.Time("replay_end", /*required=*/false);
  out.replay_id = in.OptionalText("replay_id");
  return out;
}

PublisherArgs ReadPublisher(ArgumentReader& in) {
  PublisherArgs out;
  out.publisher_id = in.Text("publisher_id");
  out.replay_id = in.OptionalText("replay_id");
  return out;
}

decltype(Request::args) ReadArguments(RequestType type, ArgumentReader& in) {
  switch (type) {
    case RequestType::kFind:
    case RequestType::kCount:
      return ReadFind(in);
    case RequestType::kDescribe:
      return ReadDescribe(in);
    case RequestType::kStream:
      return ReadStream(in);
    case RequestType::kPublish:
    case RequestType::kPartition:
      break;
  }
  return ReadPublisher(in);
}

Result<Request> ReadEnvelope(Json& root) {
  if (!root.is_object()) {
    return Error(ErrorKind::kInvalidArgument, "request is not a JSON object, got {}",
                 Quote(root));
  }
  const auto type = root.find("request");
  const auto args = root.find("args");
  if (type == root.end() || !type->is_string()) {
    return Error(ErrorKind::kInvalidArgument, "request has no type: key 'request' {}",
                 type == root.end() ? "is missing"
                                    : fmt::format("must be text, got {}", Quote(*type)));
  }
  const auto* name = std::find(kTypeNames.begin(), kTypeNames.end(),
                               type->get_ref<const std::string&>());
  if (name == kTypeNames.end()) {
    return Error(ErrorKind::kInvalidArgument,
                 "unknown request type, expected one of {}: {}",
                 fmt::to_string(fmt::join(kTypeNames, ", ")), Quote(*type));
  }
  if (args == root.end() || !args->is_object()) {
    return Error(
        ErrorKind::kInvalidArgument, "{} request has no arguments: key 'args' {}", *name,
        args == root.end() ? "is missing"
                           : fmt::format("must be an object, got {}", Quote(*args)));
  }
  Request out;
  out.type = static_cast<RequestType>(name - kTypeNames.begin());
  if (const auto version = root.find("version"); version != root.end()) {
    if (!version->is_string()) {
      return Error(ErrorKind::kInvalidRequest,
                   "invalid request: version of {} must be text, got {}", *name,
                   Quote(*version));
    }
    out.version = version->get<std::string>();
  }
  return out;
}

}  // namespace

std::string_view Name(RequestType type) { return kTypeNames[static_cast<size_t>(type)]; }

std::vector<std::string_view> ArgumentNames(RequestType type) {
  Json none = Json::object();
  ArgumentReader in(Name(type), none);
  ReadArguments(type, in);
  return in.known();
}

Result<Request> ParseRequest(std::string_view json) {
  if (json.size() > kMaxRequestBytes) {
    return Error(ErrorKind::kResourceExhausted,
                 "request is too large: {} bytes, limit {} bytes", json.size(),
                 kMaxRequestBytes);
  }
  ARROW_RETURN_NOT_OK(CheckShape(json));
  Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) {
    return Error(ErrorKind::kInvalidArgument,
                 "request is not JSON text in UTF-8 ({} bytes)", json.size());
  }
  ARROW_ASSIGN_OR_RAISE(Request out, ReadEnvelope(root));
  ArgumentReader in(Name(out.type), root["args"]);
  out.args = ReadArguments(out.type, in);
  ARROW_RETURN_NOT_OK(in.Finish(out.version));
  if (const auto* find = std::get_if<FindArgs>(&out.args);
      find != nullptr && find->pattern.size() > kMaxPatternBytes) {
    return Error(ErrorKind::kInvalidArgument,
                 "pattern is too long: {} bytes, limit {} bytes", find->pattern.size(),
                 kMaxPatternBytes);
  }
  return out;
}

}  // namespace carryall::wire
