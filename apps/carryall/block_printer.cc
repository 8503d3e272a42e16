#include "block_printer.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "channel_printer.h"
#include "format_flags.h"
#include "text.h"

namespace carryall::apps {
namespace {

class TablePrinter final : public BlockPrinter {
 public:
  explicit TablePrinter(Output* out) : out_(out), replaces_(out->is_terminal()) {}

  void Print(const SeriesBlock& block, std::optional<Duration> latency) override {
    std::vector<TableColumn> columns = {{"channel"},           {"data_type"},
                                        {"sample_rate", true}, {"samples", true},
                                        {"has_gaps"},          {"data"}};
    std::vector<std::vector<std::string>> rows = RowsOf(block);
    rows.insert(rows.begin(),
                {"channel", "data_type", "sample_rate", "samples", "has_gaps", "data"});
    for (const std::vector<std::string>& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        columns[i].width = std::max(columns[i].width, DisplayWidth(row[i]));
      }
    }
    if (replaces_ && lines_ > 0 && lines_ < TerminalLines()) {
      out_->Append(fmt::format("\x1b[{}F\x1b[J", lines_));
    }
    for (const std::vector<std::string>& row : rows) {
      out_->Append(fmt::format(" {} \n", TableLine(columns, row)));
    }
    out_->Append(fmt::format(
        "time: {:.4f} s, duration: {:.4f} s{}\n", block.time().seconds(),
        block.duration().seconds(),
        latency ? fmt::format(", latency: {:.6f} s", latency->seconds()) : ""));
    lines_ = rows.size() + 1;
  }

 private:
  static std::vector<std::vector<std::string>> RowsOf(const SeriesBlock& block) {
    std::vector<size_t> order(block.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const ChannelSet& channels = *block.channels();
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return channels[a].name < channels[b].name; });
    std::vector<std::vector<std::string>> rows;
    for (size_t i : order) {
      const SampleView& view = block.view(i);
      rows.push_back({Printable(channels[i].name), std::string(Name(view.data_type)),
                      std::to_string(channels[i].sample_rate.hz()),
                      std::to_string(view.length), HasGaps(view) ? "True" : "False",
                      AbbreviatedSamples(view, 3, 1)});
    }
    return rows;
  }
  static size_t TerminalLines() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
  }

  Output* out_;
  bool replaces_;
  size_t lines_ = 0;  // of the table before
};

class JsonPrinter final : public BlockPrinter {
 public:
  JsonPrinter(BlockFormat format, Output* out) : format_(format), out_(out) {}

  void Print(const SeriesBlock& block, std::optional<Duration>) override {
    JsonWriter json(out_, format_ != BlockFormat::kJson);
    json.BeginObject();
    json.Key("time_ns");
    json.Integer(block.time().ns());
    json.Key("data");
    json.BeginObject();
    for (size_t i = 0; i < block.size(); ++i) {
      json.Key((*block.channels())[i].name);
      WriteSamples(block.view(i), &json);
    }
    json.EndObject();
    json.Key("channels");
    json.BeginObject();
    for (const Channel& channel : block.channels()->channels()) {
      json.Key(channel.name);
      WriteChannel(channel, &json);
    }
    json.EndObject();
    json.Key("_duration_ns");
    json.Integer(block.duration().ns());
    json.EndObject();
    json.Finish();
  }

 private:
  void WriteSamples(const SampleView& view, JsonWriter* json) const {
    if (format_ == BlockFormat::kJsonShort) {
      return json->Text(fmt::format("array(data={}, dtype={})",
                                    AbbreviatedSamples(view, 16, 3),
                                    Name(view.data_type)));
    }
    json->BeginArray();
    std::string text;
    for (int64_t i = 0; i < view.length; ++i) {
      text.clear();
      if (IsPresent(view, i)) {
        AppendSample(view, i, SampleText::kExact, &text);
      } else {
        text = "null";
      }
      json->Raw(text);
    }
    json->EndArray();
  }

  BlockFormat format_;
  Output* out_;
};

// A block as Python shows it, but for the line breaks of numpy.
class TextPrinter final : public BlockPrinter {
 public:
  TextPrinter(BlockFormat format, Output* out) : format_(format), out_(out) {}

  void Print(const SeriesBlock& block, std::optional<Duration>) override {
    const bool pretty = format_ == BlockFormat::kPretty;
    PythonValue data = PythonValue::Dict({}), channels = PythonValue::Dict({});
    for (size_t i = 0; i < block.size(); ++i) {
      const Channel& channel = (*block.channels())[i];
      const SampleView& view = block.view(i);
      // numpy leaves out the middle of more than a thousand.
      data.items.emplace_back(
          channel.name, PythonValue::Of(fmt::format(
                            "{}({}{})", HasGaps(view) ? "masked_array" : "array",
                            AbbreviatedSamples(view, 1000, 3), DtypeOf(view.data_type))));
      channels.items.emplace_back(
          channel.name,
          pretty ? ChannelDict(channel) : PythonValue::Of(ChannelRepr(channel)));
    }
    const std::string time = std::to_string(block.time().ns());
    const std::string duration = std::to_string(block.duration().ns());
    if (pretty) {
      out_->Append(
          PythonPretty(PythonValue::Dict({{"time_ns", PythonValue::Of(time)},
                                          {"data", data},
                                          {"channels", channels},
                                          {"_duration_ns", PythonValue::Of(duration)}})) +
          "\n");
      return;
    }
    out_->Append(
        fmt::format("SeriesBlock(time_ns={}, data={}, channels={}, _duration_ns={})\n",
                    time, PythonRepr(data), PythonRepr(channels), duration));
  }

 private:
  // numpy names the types that a literal does not have.
  static std::string DtypeOf(DataType type) {
    if (type == DataType::kFloat64 || type == DataType::kInt64) return "";
    return fmt::format(", dtype={}", Name(type));
  }

  BlockFormat format_;
  Output* out_;
};

class CsvPrinter final : public BlockPrinter {
 public:
  explicit CsvPrinter(Output* out) : out_(out) {}

  void Print(const SeriesBlock& block, std::optional<Duration>) override {
    if (!has_header_) PrintHeader(*block.channels());
    // Channels of one rate have their samples at the same times.
    std::vector<Rate> rates = RatesOf(block);
    std::string line;
    while (const Rate* earliest = Earliest(rates)) {
      const Rate now = *earliest;
      line = ToString(block.time() + now.rate.DurationOf(now.next));
      for (size_t i = 0; i < block.size(); ++i) {
        line += ',';
        const Rate& rate = rates[rate_of_[i]];
        if (!rate.IsAt(now) || !IsPresent(block.view(i), rate.next)) continue;
        AppendSample(block.view(i), rate.next, SampleText::kShort, &line);
      }
      out_->Append(line.append("\n"));
      for (Rate& rate : rates) rate.next += rate.IsAt(now);
    }
  }

 private:
  struct Rate {
    SampleRate rate;
    int64_t length;
    int64_t next = 0;

    // Exact comparison of next / rate.
    bool IsBefore(const Rate& other) const {
      return static_cast<__int128>(next) * other.rate.hz() <
             static_cast<__int128>(other.next) * rate.hz();
    }
    bool IsAt(const Rate& other) const {
      return next < length && !IsBefore(other) && !other.IsBefore(*this);
    }
  };

  void PrintHeader(const ChannelSet& channels) {
    std::string line = "time";
    for (const Channel& channel : channels.channels())
      line += "," + CsvField(channel.name);
    out_->Append(line.append("\n"));
    has_header_ = true;
  }

  std::vector<Rate> RatesOf(const SeriesBlock& block) {
    std::vector<Rate> rates;
    rate_of_.clear();
    for (size_t i = 0; i < block.size(); ++i) {
      const SampleRate rate = (*block.channels())[i].sample_rate;
      const auto known = std::find_if(rates.begin(), rates.end(),
                                      [&](const Rate& r) { return r.rate == rate; });
      rate_of_.push_back(static_cast<size_t>(known - rates.begin()));
      if (known == rates.end()) rates.push_back({rate, block.view(i).length});
    }
    return rates;
  }

  static const Rate* Earliest(const std::vector<Rate>& rates) {
    const Rate* out = nullptr;
    for (const Rate& rate : rates) {
      if (rate.next < rate.length && (out == nullptr || rate.IsBefore(*out))) out = &rate;
    }
    return out;
  }

  Output* out_;
  bool has_header_ = false;
  std::vector<size_t> rate_of_;  // channel -> position in rates
};

}  // namespace

void AddBlockFormats(CLI::App& command, BlockFormat& format) {
  AddFormatFlags<BlockFormat>(
      command,
      {{"--table", BlockFormat::kTable, "a table of first and last samples (default)"},
       {"--str", BlockFormat::kText, "a line a block, for reading"},
       {"--repr", BlockFormat::kText, "the same"},
       {"--pprint", BlockFormat::kPretty, "a Python dictionary a block"},
       {"--json", BlockFormat::kJson, "JSON, one object a block"},
       {"--json-pp", BlockFormat::kJsonPretty, "JSON, indented"},
       {"--json-abrv", BlockFormat::kJsonShort, "indented JSON with shortened arrays"},
       {"--csv", BlockFormat::kCsv, "CSV, one line a sample time"}},
      format);
}

std::unique_ptr<BlockPrinter> BlockPrinter::Make(BlockFormat format, Output* out) {
  switch (format) {
    case BlockFormat::kTable:
      return std::make_unique<TablePrinter>(out);
    case BlockFormat::kText:
    case BlockFormat::kPretty:
      return std::make_unique<TextPrinter>(format, out);
    case BlockFormat::kCsv:
      return std::make_unique<CsvPrinter>(out);
    default:
      return std::make_unique<JsonPrinter>(format, out);
  }
}

}  // namespace carryall::apps
