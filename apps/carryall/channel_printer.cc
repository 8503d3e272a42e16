#include "channel_printer.h"

#include <algorithm>
#include <vector>

#include "format_flags.h"
#include "text.h"

namespace carryall::apps {
namespace {

constexpr size_t kLayoutRows = 1000;

enum class Field {
  kName,
  kDataType,
  kRate,
  kTime,
  kPublisher,
  kPartitionId,
  kPartitionIndex,
  kStride,
  kMaxLatency,
  kReplayId,
};

struct FieldRow {
  Field field;
  const char* name;
  bool number;
};

constexpr FieldRow kFields[] = {
    {Field::kName, "name", false},
    {Field::kDataType, "data_type", false},
    {Field::kRate, "sample_rate", true},
    {Field::kTime, "time", true},
    {Field::kPublisher, "publisher", false},
    {Field::kPartitionId, "partition_id", false},
    {Field::kPartitionIndex, "partition_index", true},
    {Field::kStride, "stride", true},
    {Field::kMaxLatency, "max_latency", true},
    {Field::kReplayId, "replay_id", false},
};

// Fields that a table shows unless it is a full one.
bool IsShort(Field field) {
  return field == Field::kName || field == Field::kDataType || field == Field::kRate ||
         field == Field::kStride;
}

template <typename T>
std::optional<std::string> Digits(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  if constexpr (std::is_same_v<T, Duration>) {
    return std::to_string(value->ns());
  } else {
    return std::to_string(*value);
  }
}

std::optional<std::string> ValueOf(const Channel& channel, Field field) {
  switch (field) {
    case Field::kName:
      return channel.name;
    case Field::kDataType:
      return std::string(Name(channel.data_type));
    case Field::kRate:
      return std::to_string(channel.sample_rate.hz());
    case Field::kTime:
      return std::nullopt;  // never on the wire
    case Field::kPublisher:
      return channel.publisher;
    case Field::kPartitionId:
      return channel.partition_id;
    case Field::kPartitionIndex:
      return Digits(channel.partition_index);
    case Field::kStride:
      return Digits(channel.stride);
    case Field::kMaxLatency:
      return Digits(channel.max_latency);
    case Field::kReplayId:
      return channel.replay_id;
  }
  return std::nullopt;
}

class TablePrinter final : public ChannelPrinter {
 public:
  TablePrinter(bool full, Output* out) : out_(out) {
    for (const FieldRow& row : kFields) {
      if (!full && !IsShort(row.field)) continue;
      fields_.push_back(row.field);
      columns_.push_back({row.name, row.number, std::string_view(row.name).size()});
    }
  }

  void Print(const Channel& channel) override {
    if (streaming_) return PrintPlain(CellsOf(channel));
    if (rows_.size() == kLayoutRows) {
      BeginStreaming();
      return PrintPlain(CellsOf(channel));
    }
    rows_.push_back(CellsOf(channel));
  }

  void Finish() override {
    if (streaming_ || rows_.empty()) return;
    MeasureRows();
    PrintFramed(Header());
    for (const std::vector<std::string>& row : rows_) PrintFramed(row);
  }

 private:
  std::vector<std::string> CellsOf(const Channel& channel) const {
    std::vector<std::string> cells;
    cells.reserve(fields_.size());
    for (Field field : fields_) {
      cells.push_back(Printable(ValueOf(channel, field).value_or("None")));
    }
    return cells;
  }
  std::vector<std::string> Header() const {
    std::vector<std::string> cells;
    for (const TableColumn& column : columns_) cells.push_back(column.name);
    return cells;
  }
  void MeasureRows() {
    for (const std::vector<std::string>& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) {
        columns_[i].width = std::max(columns_[i].width, DisplayWidth(row[i]));
      }
    }
  }
  void BeginStreaming() {
    streaming_ = true;
    // Room for strides up to 99 s, whatever the first rows have.
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i] == Field::kStride) columns_[i].width = 11;
    }
    MeasureRows();
    PrintPlain(Header());
    for (const std::vector<std::string>& row : rows_) PrintPlain(row);
    rows_.clear();
  }
  void PrintFramed(const std::vector<std::string>& cells) {
    out_->Append(fmt::format(" {} \n", TableLine(columns_, cells)));
  }
  void PrintPlain(const std::vector<std::string>& cells) {
    std::string line = TableLine(columns_, cells);
    line.resize(line.find_last_not_of(' ') + 1);
    out_->Append(line.append("\n"));
  }

  Output* out_;
  std::vector<Field> fields_;
  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;  // until streaming begins
  bool streaming_ = false;
};

class NamePrinter final : public ChannelPrinter {
 public:
  explicit NamePrinter(Output* out) : out_(out) {}
  void Print(const Channel& channel) override {
    out_->Append(channel.name);
    out_->Append("\n");
  }

 private:
  Output* out_;
};

// A channel a line, or over several lines, as Python shows it.
class TextPrinter final : public ChannelPrinter {
 public:
  TextPrinter(ChannelFormat format, Output* out) : format_(format), out_(out) {}
  void Print(const Channel& channel) override {
    std::string text = format_ == ChannelFormat::kRepr
                           ? ChannelRepr(channel)
                           : PythonPretty(ChannelDict(channel));
    out_->Append(text.append("\n"));
  }

 private:
  ChannelFormat format_;
  Output* out_;
};

class JsonPrinter final : public ChannelPrinter {
 public:
  JsonPrinter(bool pretty, Output* out) : out_(out), pretty_(pretty) {}
  void Print(const Channel& channel) override {
    JsonWriter json(out_, pretty_);
    WriteChannel(channel, &json);
    json.Finish();
  }

 private:
  Output* out_;
  bool pretty_;
};

class CsvPrinter final : public ChannelPrinter {
 public:
  explicit CsvPrinter(Output* out) : out_(out) {}
  void Print(const Channel& channel) override {
    PrintHeader();
    PrintLine([&](const FieldRow& row) {
      return CsvField(ValueOf(channel, row.field).value_or(""));
    });
  }
  void Finish() override { PrintHeader(); }

 private:
  void PrintHeader() {
    if (has_header_) return;
    has_header_ = true;
    PrintLine([](const FieldRow& row) { return std::string(row.name); });
  }
  template <typename CellOf>
  void PrintLine(CellOf cell_of) {
    std::string line;
    for (const FieldRow& row : kFields) {
      if (row.field == Field::kTime) continue;
      if (!line.empty()) line += ',';
      line += cell_of(row);
    }
    out_->Append(line.append("\n"));
  }

  Output* out_;
  bool has_header_ = false;
};

}  // namespace

void AddChannelFormats(CLI::App& command, ChannelFormat& format) {
  AddFormatFlags<ChannelFormat>(
      command,
      {{"--table", ChannelFormat::kTable, "a table (default)"},
       {"--table-full", ChannelFormat::kTableFull, "a table with all fields"},
       {"--str", ChannelFormat::kName, "names only, one a line"},
       {"--repr", ChannelFormat::kRepr, "one line a channel, for reading"},
       {"--pprint", ChannelFormat::kPretty, "a Python dictionary a channel"},
       {"--json", ChannelFormat::kJson, "JSON, one object a line"},
       {"--json-pp", ChannelFormat::kJsonPretty, "JSON, indented"},
       {"--json-abrv", ChannelFormat::kJsonPretty, "the same: nothing is shortened"},
       {"--csv", ChannelFormat::kCsv, "CSV with a header"}},
      format);
}

std::string ChannelRepr(const Channel& channel) {
  std::string text = fmt::format("<{}, {} Hz, '{}'", channel.name,
                                 channel.sample_rate.hz(), Name(channel.data_type));
  for (const FieldRow& row : kFields) {
    if (row.field <= Field::kRate) continue;
    const std::optional<std::string> value = ValueOf(channel, row.field);
    if (!value) continue;
    text += row.number
                ? fmt::format(", {}={}", row.name, GroupedDigits(std::stoll(*value)))
                : fmt::format(", {}='{}'", row.name, *value);
  }
  return text + ">";
}

PythonValue ChannelDict(const Channel& channel) {
  PythonValue dict = PythonValue::Dict({});
  for (const FieldRow& row : kFields) {
    const std::optional<std::string> value = ValueOf(channel, row.field);
    if (!value) continue;
    dict.items.emplace_back(row.name,
                            PythonValue::Of(row.number ? *value : PythonString(*value)));
  }
  return dict;
}

void WriteChannel(const Channel& channel, JsonWriter* json) {
  json->BeginObject();
  for (const FieldRow& row : kFields) {
    const std::optional<std::string> value = ValueOf(channel, row.field);
    if (!value) continue;
    json->Key(row.name);
    if (row.number) {
      json->Raw(*value);
    } else {
      json->Text(*value);
    }
  }
  json->EndObject();
}

std::unique_ptr<ChannelPrinter> ChannelPrinter::Make(ChannelFormat format, Output* out) {
  switch (format) {
    case ChannelFormat::kTable:
      return std::make_unique<TablePrinter>(false, out);
    case ChannelFormat::kTableFull:
      return std::make_unique<TablePrinter>(true, out);
    case ChannelFormat::kName:
      return std::make_unique<NamePrinter>(out);
    case ChannelFormat::kRepr:
    case ChannelFormat::kPretty:
      return std::make_unique<TextPrinter>(format, out);
    case ChannelFormat::kJson:
      return std::make_unique<JsonPrinter>(false, out);
    case ChannelFormat::kJsonPretty:
      return std::make_unique<JsonPrinter>(true, out);
    case ChannelFormat::kCsv:
      return std::make_unique<CsvPrinter>(out);
  }
  return nullptr;
}

}  // namespace carryall::apps
