#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "carryall/base/time.h"
#include "carryall/model/data_type.h"

namespace carryall::wire {

/// Version of the request schema we speak, stamped on every request and ticket we write.
inline constexpr std::string_view kSchemaVersion = "0.5.0";

/// Caps on anything a peer can send us; exceeding one is kResourceExhausted, but for a
/// pattern that is too long, which is kInvalidArgument as any other bad pattern.
inline constexpr size_t kMaxRequestBytes = 64 << 20;
inline constexpr size_t kMaxRequestChannels = 400'000;
inline constexpr size_t kMaxPatternBytes = 1024;

enum class RequestType { kFind, kCount, kDescribe, kStream, kPublish, kPartition };

/// "Find", "Count", ...: the name on the wire.
std::string_view Name(RequestType type);

/// The arguments that a request has, required or not.
std::vector<std::string_view> ArgumentNames(RequestType type);

/// Arguments of Find and Count. Pattern: RE2 syntax, anchored at the start only.
struct FindArgs {
  std::string pattern = ".*";
  std::vector<DataType> data_types;     ///< empty: any
  int64_t min_rate = 0;                 ///< Hz, inclusive; saturated to int64
  int64_t max_rate = 4294967295;        ///< Hz, inclusive; saturated to int64
  std::vector<std::string> publishers;  ///< empty: any
  std::optional<GpsTime> time;
  std::optional<std::string> replay_id;
};

struct DescribeArgs {
  std::vector<std::string> channels;
  std::optional<GpsTime> time;
  std::optional<std::string> replay_id;
};

struct StreamArgs {
  std::vector<std::string> channels;
  std::optional<GpsTime> start;  ///< nothing: from now
  std::optional<GpsTime> end;    ///< nothing: for ever
  std::optional<GpsTime> replay_start;
  std::optional<GpsTime> replay_end;
  std::optional<std::string> replay_id;
};

/// Arguments of Publish and Partition.
struct PublisherArgs {
  std::string publisher_id;
  std::optional<std::string> replay_id;
};

/// One request, as a descriptor command or a ticket carries it.
struct Request {
  RequestType type = RequestType::kFind;
  std::variant<FindArgs, DescribeArgs, StreamArgs, PublisherArgs> args;
  std::optional<std::string> version;  ///< the sender's schema version, if it said one

  const FindArgs& find() const { return std::get<FindArgs>(args); }
  const DescribeArgs& describe() const { return std::get<DescribeArgs>(args); }
  const StreamArgs& stream() const { return std::get<StreamArgs>(args); }
  const PublisherArgs& publisher() const { return std::get<PublisherArgs>(args); }
};

/// Parses and checks the JSON of a descriptor or ticket (protocol sections 1.1-1.8).
/// Not JSON, not an object, unknown request type: kInvalidArgument. Well-formed but
/// against the schema (missing or mistyped argument, value out of range, non-text
/// version): kInvalidRequest. Arguments the type does not have: kUnknownArgument, naming
/// them sorted and both versions. Integers may be written 1.0 or 1e18; times beyond int64
/// saturate.
Result<Request> ParseRequest(std::string_view json);

/// The JSON of a request, stamped with kSchemaVersion; ParseRequest reads it back equal.
std::string SerializeRequest(const Request& request);

}  // namespace carryall::wire
