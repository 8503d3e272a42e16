#include "carryall/proxy/ssh_url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "carryall/wire/url.h"

namespace carryall::proxy {
namespace {

constexpr std::string_view kScheme = "ssh://";
constexpr size_t kMaxUrlBytes = 1024;

Status Wrong(std::string_view url, std::string_view what) {
  return Error(ErrorKind::kInvalidArgument,
               "invalid ssh URL, ssh://[user@]host[:port][::server[:port]]: {}: '{}'",
               what, url.substr(0, 200));
}

bool IsWord(std::string_view text, std::string_view also) {
  return !text.empty() && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
                  c == '.' || c == '_' || also.find(c) != std::string_view::npos;
         });
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0;
}

}  // namespace

bool IsSshUrl(std::string_view url) { return url.starts_with(kScheme); }

Result<SshUrl> ParseSshUrl(std::string_view url) {
  if (!IsSshUrl(url)) return Wrong(url, "another scheme");
  if (url.size() > kMaxUrlBytes) return Wrong(url, "longer than 1024 bytes");
  std::string_view rest = url.substr(kScheme.size());
  std::string_view user;
  if (const size_t at = rest.find('@'); at != std::string_view::npos) {
    user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (!IsWord(user, "+")) return Wrong(url, "no user name before the @");
  }
  // An address with colons stands in brackets.
  const size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
  if (bracket == std::string_view::npos) return Wrong(url, "'[' without ']'");
  const size_t host_end = std::min(rest.find(':', bracket), rest.size());
  const std::string_view host = rest.substr(0, host_end);
  if (bracket > 0 ? bracket + 1 != host_end || !IsWord(host.substr(1, bracket - 1), ":%")
                  : !IsWord(host, "")) {
    return Wrong(url, "no host");
  }
  rest.remove_prefix(host_end);
  const size_t there = rest.find("::");
  std::string_view port = rest.substr(0, there);
  if (port.starts_with(':')) port.remove_prefix(1);
  if (!port.empty() && !IsPort(port)) {
    return Wrong(url, "the port must be a number from 1 to 65535");
  }
  SshUrl out;
  out.destination = fmt::format("ssh://{}{}{}{}{}", user, user.empty() ? "" : "@", host,
                                port.empty() ? "" : ":", port);
  if (there != std::string_view::npos) {
    out.server = rest.substr(there + 2);
    if (const auto server = wire::ParseServerUrl(out.server); !server.ok()) {
      return WithContext(server.status(), url);
    }
    if (out.server.empty()) return Wrong(url, "no server after the ::");
  }
  return out;
}

}  // namespace carryall::proxy
