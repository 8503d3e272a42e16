#include "carryall/wire/accept.h"

#include <algorithm>
#include <charconv>

namespace carryall::wire {
namespace {

constexpr size_t kMaxHeaderBytes = 1024;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

/// A count of at least 1; `most`, if it is more.
Result<int64_t> ReadCount(std::string_view key, std::string_view value, int64_t most) {
  uint64_t count = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), count);
  const bool too_large = error == std::errc::result_out_of_range;
  if (end != value.data() + value.size() || (error != std::errc() && !too_large) ||
      (count == 0 && !too_large)) {
    return Error(ErrorKind::kInvalidArgument,
                 "invalid {}: {} must be a whole number from 1, got '{}'", kAcceptHeader,
                 key, value);
  }
  if (too_large || count > static_cast<uint64_t>(most)) return most;
  return static_cast<int64_t>(count);
}

/// Whether the value is the second of the two that there are.
Result<bool> ReadChoice(std::string_view key, std::string_view value,
                        std::string_view first, std::string_view second) {
  if (value == first || value == second) return value == second;
  return Error(ErrorKind::kInvalidArgument, "invalid {}: {} must be {} or {}, got '{}'",
               kAcceptHeader, key, first, second, value);
}

Result<Duration> ReadSpan(std::string_view key, std::string_view value) {
  const Result<Duration> span = ParseSeconds(value);
  if (span.ok() && span->ns() > 0) return span;
  return Error(ErrorKind::kInvalidArgument,
               "invalid {}: {} must be seconds above 0, got '{}'", kAcceptHeader, key,
               value);
}

}  // namespace

Status CheckLatency(std::string_view what, Duration latency) {
  if (kLeastLatency <= latency && latency <= kLargestLatency) return Status::OK();
  return Error(ErrorKind::kInvalidArgument, "{} must be from {} to {}, got {}", what,
               ToString(kLeastLatency), ToString(kLargestLatency), ToString(latency));
}

std::string_view Name(Accept::Codec codec) {
  switch (codec) {
    case Accept::Codec::kNone:
      return "none";
    case Accept::Codec::kLz4:
      return "lz4";
    case Accept::Codec::kZstd:
      return "zstd";
  }
  return "none";
}

Result<Accept::Codec> CodecFromName(std::string_view name) {
  for (Accept::Codec codec :
       {Accept::Codec::kNone, Accept::Codec::kLz4, Accept::Codec::kZstd}) {
    if (name == Name(codec)) return codec;
  }
  return Error(ErrorKind::kInvalidArgument,
               "unknown compression, expected none, lz4 or zstd: '{}'",
               name.substr(0, 64));
}

Result<Accept> ParseAccept(std::string_view header) {
  if (header.size() > kMaxHeaderBytes) {
    return Error(ErrorKind::kInvalidArgument, "invalid {}: {} bytes, limit {}",
                 kAcceptHeader, header.size(), kMaxHeaderBytes);
  }
  Accept out;
  while (!header.empty()) {
    const size_t end = std::min(header.find(';'), header.size());
    const std::string_view part = Trim(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    const size_t equals = part.find('=');
    const std::string_view key = Trim(part.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? "" : Trim(part.substr(equals + 1));
    if (key == "rows") {
      ARROW_ASSIGN_OR_RAISE(out.rows, ReadCount(key, value, kMaxAcceptRows));
    } else if (key == "bytes") {
      ARROW_ASSIGN_OR_RAISE(out.bytes, ReadCount(key, value, INT64_MAX));
    } else if (key == "form") {
      ARROW_ASSIGN_OR_RAISE(const bool row, ReadChoice(key, value, "column", "row"));
      out.form = row ? Accept::Form::kRow : Accept::Form::kColumn;
    } else if (key == "order") {
      ARROW_ASSIGN_OR_RAISE(const bool channel,
                            ReadChoice(key, value, "time", "channel"));
      out.order = channel ? Accept::Order::kChannel : Accept::Order::kTime;
    } else if (key == "codec") {
      const Result<Accept::Codec> codec = CodecFromName(value);
      if (!codec.ok()) {
        return WithContext(codec.status(), fmt::format("invalid {}", kAcceptHeader));
      }
      out.codec = *codec;
    } else if (key == "describe") {
      ARROW_ASSIGN_OR_RAISE(out.describe, ReadChoice(key, value, "no", "yes"));
    } else if (key == "latency") {
      ARROW_ASSIGN_OR_RAISE(out.latency, ReadSpan(key, value));
      ARROW_RETURN_NOT_OK(
          CheckLatency(fmt::format("{} latency", kAcceptHeader), *out.latency));
    } else if (key == "heartbeat") {
      ARROW_ASSIGN_OR_RAISE(const Duration heartbeat, ReadSpan(key, value));
      out.heartbeat = std::max(heartbeat, kLeastHeartbeat);
    }
  }
  return out;
}

std::string FormatAccept(const Accept& accept) {
  std::string text = fmt::format(
      "rows={}; form={}; codec={}{}{}", accept.rows,
      accept.form == Accept::Form::kRow ? "row" : "column", Name(accept.codec),
      accept.order == Accept::Order::kChannel ? "; order=channel" : "",
      accept.describe ? "; describe=yes" : "");
  const auto add = [&](std::string_view key, const std::optional<Duration>& span) {
    if (span) text += fmt::format("; {}={}", key, FormatSeconds(span->ns()));
  };
  if (accept.bytes) text += fmt::format("; bytes={}", *accept.bytes);
  add("latency", accept.latency);
  add("heartbeat", accept.heartbeat);
  return text;
}

}  // namespace carryall::wire
