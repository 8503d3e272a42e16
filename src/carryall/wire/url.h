#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/base/status.h"

namespace carryall::wire {

inline constexpr uint16_t kDefaultPort = 31206;

/// Location that means "the server you asked".
inline constexpr std::string_view kReuseLocation = "arrow-flight-reuse-connection://?";
/// Whether an endpoint location is that one, however it is completed.
bool IsReuseLocation(std::string_view location);
/// Whether a location asks to read Kafka directly ("kafka://host:port[,host:port]").
bool IsKafkaLocation(std::string_view location);
/// The locations of brokers "[kafka://]host[:port][,...]": one each, "kafka://host:port".
/// kInvalidArgument naming the text if one of them is none.
Result<std::vector<std::string>> KafkaLocations(std::string_view brokers);

/// Where a server is, or where to bind one.
struct ServerUrl {
  bool tls = false;  ///< scheme grpc+tls
  std::string host;  ///< name or address; IPv6 without brackets
  uint16_t port = kDefaultPort;

  /// "grpc://host:port", IPv6 in brackets.
  std::string ToString() const;
  bool operator==(const ServerUrl&) const = default;
};

/// A server's URL as users write it (protocol 1.9): without a scheme grpc, without a port
/// 31206, without a host localhost. Schemes: grpc, grpc+tcp, grpc+tls. kInvalidArgument
/// naming the text and what is wrong with it: another scheme, a port that is none, an
/// IPv6 address without brackets, a path, credentials. ssh URLs are kUnsupported.
Result<ServerUrl> ParseServerUrl(std::string_view url);

/// The same for binding: the port may be 0 (any free one), "0" and "-" are a free port of
/// 127.0.0.1, TLS is kUnsupported.
Result<ServerUrl> ParseBindUrl(std::string_view url);

/// `url`, or where it is empty ARRAKIS_SERVER, or where that is not set localhost: as
/// written, and parsed.
std::string NamedServer(std::string_view url);
Result<ServerUrl> ResolveServerUrl(std::string_view url);

}  // namespace carryall::wire
