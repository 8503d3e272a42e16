#include "carryall/wire/url.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace carryall::wire {
namespace {

constexpr size_t kMaxUrlBytes = 1024;
constexpr std::string_view kKafkaScheme = "kafka://";

Status Wrong(std::string_view url, std::string_view what) {
  return Error(ErrorKind::kInvalidArgument, "invalid server URL: {}: '{}'", what,
               url.substr(0, 200));
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '.' || c == '-' || c == '_';
}

bool IsAddressCharacter(char c) { return IsHostCharacter(c) || c == ':' || c == '%'; }

// Splits the scheme off `rest`.
Status ReadScheme(std::string_view url, std::string_view* rest, ServerUrl* out) {
  const size_t end = url.find("://");
  if (end == std::string_view::npos) return Status::OK();
  const std::string_view scheme = url.substr(0, end);
  *rest = url.substr(end + 3);
  if (scheme == "ssh") {
    return Error(ErrorKind::kUnsupported, "no ssh URL can be used here: '{}'", url);
  }
  out->tls = scheme == "grpc+tls";
  if (scheme != "grpc" && scheme != "grpc+tcp" && !out->tls) {
    return Wrong(url,
                 fmt::format("unknown scheme '{}', expected grpc, grpc+tcp or grpc+tls",
                             scheme.substr(0, 32)));
  }
  return Status::OK();
}

// Takes the host off `rest`, leaving ":port" or nothing.
Status ReadHost(std::string_view url, std::string_view* rest, ServerUrl* out) {
  if (rest->starts_with('[')) {
    const size_t end = rest->find(']');
    if (end == std::string_view::npos) return Wrong(url, "'[' without ']'");
    out->host = rest->substr(1, end - 1);
    if (out->host.find(':') == std::string::npos ||
        !std::all_of(out->host.begin(), out->host.end(), IsAddressCharacter)) {
      return Wrong(url, "no IPv6 address between the brackets");
    }
    *rest = rest->substr(end + 1);
    return Status::OK();
  }
  const size_t end = std::min(rest->find(':'), rest->size());
  out->host = end == 0 ? "localhost" : rest->substr(0, end);
  if (!std::all_of(out->host.begin(), out->host.end(), IsHostCharacter)) {
    return Wrong(url, "the host has a character that no host name has");
  }
  *rest = rest->substr(end);
  if (std::count(rest->begin(), rest->end(), ':') > 1) {
    return Wrong(url, "an IPv6 address needs brackets, as in [::1]:31206");
  }
  return Status::OK();
}

Result<ServerUrl> Parse(std::string_view url, int lowest_port) {
  if (url.size() > kMaxUrlBytes) return Wrong(url, "longer than 1024 bytes");
  ServerUrl out;
  std::string_view rest = url;
  ARROW_RETURN_NOT_OK(ReadScheme(url, &rest, &out));
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return Wrong(url, "a server has no path, query or fragment");
  }
  if (rest.find('@') != std::string_view::npos) {
    return Wrong(url, "no credentials in a URL");
  }
  ARROW_RETURN_NOT_OK(ReadHost(url, &rest, &out));
  if (rest.empty() || rest == ":") return out;
  rest.remove_prefix(1);
  int port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (error != std::errc() || end != rest.data() + rest.size() || port < lowest_port ||
      port > 65535) {
    return Wrong(url,
                 fmt::format("the port must be a number from {} to 65535", lowest_port));
  }
  out.port = static_cast<uint16_t>(port);
  return out;
}

}  // namespace

bool IsReuseLocation(std::string_view location) {
  return location.starts_with(kReuseLocation.substr(0, kReuseLocation.find("//")));
}

bool IsKafkaLocation(std::string_view location) {
  return location.starts_with(kKafkaScheme);
}

Result<std::vector<std::string>> KafkaLocations(std::string_view brokers) {
  std::vector<std::string> locations;
  std::string_view rest = brokers;
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    std::string_view broker = rest.substr(0, comma);
    if (more) rest.remove_prefix(comma + 1);
    while (broker.starts_with(' ')) broker.remove_prefix(1);
    while (broker.ends_with(' ')) broker.remove_suffix(1);
    if (broker.starts_with(kKafkaScheme)) broker.remove_prefix(kKafkaScheme.size());
    if (broker.ends_with('/')) broker.remove_suffix(1);
    const auto fits = [](char c) {
      return IsAddressCharacter(c) || c == '[' || c == ']';
    };
    if (broker.empty() || !std::all_of(broker.begin(), broker.end(), fits)) {
      return Error(ErrorKind::kInvalidArgument,
                   "brokers must be [kafka://]host:port[,host:port...], not '{}'",
                   brokers.substr(0, 200));
    }
    locations.push_back(fmt::format("{}{}", kKafkaScheme, broker));
  }
  return locations;
}

std::string ServerUrl::ToString() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "grpc+tls" : "grpc", brackets ? "[" : "",
                     host, brackets ? "]" : "", port);
}

Result<ServerUrl> ParseServerUrl(std::string_view url) { return Parse(url, 1); }

Result<ServerUrl> ParseBindUrl(std::string_view url) {
  if (url == "0" || url == "-") return ServerUrl{false, "127.0.0.1", 0};
  ARROW_ASSIGN_OR_RAISE(ServerUrl out, Parse(url, 0));
  if (out.tls) {
    return Error(ErrorKind::kUnsupported, "this server has no TLS, use grpc://: '{}'",
                 url);
  }
  return out;
}

std::string NamedServer(std::string_view url) {
  if (!url.empty()) return std::string(url);
  const char* variable = std::getenv("ARRAKIS_SERVER");
  return variable == nullptr ? "" : variable;
}

Result<ServerUrl> ResolveServerUrl(std::string_view url) {
  const Result<ServerUrl> out = ParseServerUrl(NamedServer(url));
  if (!out.ok() && url.empty()) return WithContext(out.status(), "ARRAKIS_SERVER");
  return out;
}

}  // namespace carryall::wire
