#include "carryall/wire/json_text.h"
#include "carryall/wire/request.h"

namespace carryall::wire {
namespace {

class ArgumentWriter {
 public:
  explicit ArgumentWriter(std::string* out) : out_(out) {}

  void Text(std::string_view name, std::string_view value) {
    Key(name);
    AppendJsonText(value, out_);
  }
  void Text(std::string_view name, const std::optional<std::string>& value) {
    if (value) return Text(name, std::string_view(*value));
    Key(name);
    out_->append("null");
  }
  void Integer(std::string_view name, int64_t value) {
    Key(name);
    out_->append(std::to_string(value));
  }
  void Time(std::string_view name, const std::optional<GpsTime>& value) {
    if (value) return Integer(name, value->ns());
    Key(name);
    out_->append("null");
  }
  template <typename Range, typename ToText>
  void Texts(std::string_view name, const Range& values, ToText to_text) {
    Key(name);
    out_->append("[");
    const char* separator = "";
    for (const auto& value : values) {
      out_->append(separator);
      AppendJsonText(to_text(value), out_);
      separator = ", ";
    }
    out_->append("]");
  }
  void Texts(std::string_view name, const std::vector<std::string>& values) {
    Texts(name, values, [](const std::string& s) { return std::string_view(s); });
  }

 private:
  void Key(std::string_view name) {
    out_->append(first_ ? "\"" : ", \"").append(name).append("\": ");
    first_ = false;
  }
  std::string* out_;
  bool first_ = true;
};

void Write(const FindArgs& args, ArgumentWriter* out) {
  out->Text("pattern", std::string_view(args.pattern));
  out->Texts("data_type", args.data_types, [](DataType t) { return Name(t); });
  out->Integer("min_rate", args.min_rate);
  out->Integer("max_rate", args.max_rate);
  out->Texts("publisher", args.publishers);
  out->Time("time", args.time);
  out->Text("replay_id", args.replay_id);
}

void Write(const DescribeArgs& args, ArgumentWriter* out) {
  out->Texts("channels", args.channels);
  out->Time("time", args.time);
  out->Text("replay_id", args.replay_id);
}

void Write(const StreamArgs& args, ArgumentWriter* out) {
  out->Texts("channels", args.channels);
  out->Time("start", args.start);
  out->Time("end", args.end);
  out->Time("replay_start", args.replay_start);
  out->Time("replay_end", args.replay_end);
  out->Text("replay_id", args.replay_id);
}

void Write(const PublisherArgs& args, ArgumentWriter* out) {
  out->Text("publisher_id", std::string_view(args.publisher_id));
  out->Text("replay_id", args.replay_id);
}

}  // namespace

std::string SerializeRequest(const Request& request) {
  std::string out;
  out.append("{\"request\": \"").append(Name(request.type)).append("\", \"args\": {");
  ArgumentWriter writer(&out);
  std::visit([&](const auto& args) { Write(args, &writer); }, request.args);
  out.append("}, \"version\": \"").append(kSchemaVersion).append("\"}");
  return out;
}

}  // namespace carryall::wire
