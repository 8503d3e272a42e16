#include "carryall/server/call.h"

#include <iterator>

#include "carryall/flight/status.h"
#include "carryall/wire/request_id.h"

namespace carryall::server {
namespace {

// The message travels three times in the trailers of a call, and 8 KiB is what every gRPC
// peer accepts of them.
constexpr size_t kMaxErrorBytes = 1500;
constexpr size_t kMaxLoggedBytes = 300;

// Builds "key=value key=value", leaving out what is empty.
class ArgumentLine {
 public:
  void Add(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!out_.empty()) out_ += ' ';
    fmt::format_to(std::back_inserter(out_), "{}={}", key,
                   Printable(value, kMaxLoggedBytes));
  }
  void Add(std::string_view key, int64_t value) { Add(key, fmt::to_string(value)); }
  void Add(std::string_view key, const std::optional<GpsTime>& value) {
    if (value) Add(key, value->ns());
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

void AddArgs(const wire::FindArgs& args, ArgumentLine& out) {
  std::vector<std::string_view> types;
  for (DataType type : args.data_types) types.push_back(Name(type));
  out.Add("pattern", std::string_view(args.pattern));
  out.Add("data_type", fmt::to_string(fmt::join(types, ",")));
  out.Add("min_rate", args.min_rate);
  out.Add("max_rate", args.max_rate);
  out.Add("publisher", fmt::to_string(fmt::join(args.publishers, ",")));
  out.Add("time", args.time);
}

void AddArgs(const wire::DescribeArgs& args, ArgumentLine& out) {
  out.Add("channels", static_cast<int64_t>(args.channels.size()));
  out.Add("time", args.time);
}

void AddArgs(const wire::StreamArgs& args, ArgumentLine& out) {
  out.Add("channels", static_cast<int64_t>(args.channels.size()));
  out.Add("start", args.start);
  out.Add("end", args.end);
  out.Add("replay_start", args.replay_start);
  out.Add("replay_end", args.replay_end);
}

void AddArgs(const wire::PublisherArgs& args, ArgumentLine& out) {
  out.Add("publisher_id", std::string_view(args.publisher_id));
}

// Bytes of the UTF-8 character at the front of `text`; 0 if there is none.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t want = byte(0) < 0x80           ? 1
                      : (byte(0) >> 5) == 0x06 ? 2
                      : (byte(0) >> 4) == 0x0e ? 3
                      : (byte(0) >> 3) == 0x1e ? 4
                                               : 0;
  if (want == 0 || want > text.size()) return 0;
  for (size_t i = 1; i < want; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return want;
}

}  // namespace

std::string Printable(std::string_view text, size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    if (out.size() + std::max<size_t>(bytes, 1) > max_bytes) return out + "...";
    const unsigned char first = static_cast<unsigned char>(text[0]);
    if (bytes == 0 || first < 0x20 || first == 0x7f) {
      out += '?';
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

std::string CompactArgs(const wire::Request& request) {
  ArgumentLine line;
  std::visit(
      [&](const auto& args) {
        AddArgs(args, line);
        line.Add("replay_id", args.replay_id.value_or(""));
      },
      request.args);
  return line.Take();
}

Call::Call(const arrow::flight::ServerCallContext& context) : peer_(context.peer()) {
  const auto& headers = context.incoming_headers();
  const auto found = headers.find(std::string(wire::kRequestIdHeader));
  id_ = wire::RequestId(found == headers.end() ? std::string_view() : found->second);
}

void Call::Access(std::string_view what, std::string_view args) const {
  Log(LogLevel::kInfo, "request={} peer={}{}{}", Printable(what, kMaxLoggedBytes), peer_,
      args.empty() ? "" : " ", args);
}

void Call::Access(std::string_view what, const wire::Request& request) const {
  if (LogEnabled(LogLevel::kInfo)) Access(what, CompactArgs(request));
  if (LogEnabled(LogLevel::kDebug)) {
    Log(LogLevel::kDebug, "request args: {}",
        Printable(wire::SerializeRequest(request), 1 << 20));
  }
}

std::string Call::Suffix() const { return wire::RequestIdSuffix(id_); }

Status Call::Finish(const Status& status) const {
  if (status.ok()) return status;
  const ErrorKind kind = KindOf(status);
  const std::string text = Printable(status.message(), kMaxErrorBytes);
  Log(kind == ErrorKind::kInternal ? LogLevel::kError : LogLevel::kDebug, "{}: {}",
      ErrorKindName(kind), text);
  return flight::ToFlightStatus(MakeError(kind, text + Suffix()));
}

}  // namespace carryall::server
