#pragma once

#include <memory>
#include <string>

#include "carryall/model/channel.h"
#include "json_writer.h"
#include "output.h"
#include "python_text.h"

namespace CLI {
class App;
}

namespace carryall::apps {

/// How channels are shown.
enum class ChannelFormat {
  kTable,
  kTableFull,
  kName,
  kRepr,
  kPretty,
  kJson,
  kJsonPretty,
  kCsv
};

/// Adds --table, --table-full, --str, --repr, --pprint, --json, --json-pp, --json-abrv
/// and --csv, of which one may be given.
void AddChannelFormats(CLI::App& command, ChannelFormat& format);

/// Writes a channel's fields as a JSON object, without those that are not set.
void WriteChannel(const Channel& channel, JsonWriter* json);

/// "<X1:A, 16 Hz, 'int32', publisher='P', stride=62_500_000>"
std::string ChannelRepr(const Channel& channel);
/// Its fields as a Python dictionary, without those that are not set.
PythonValue ChannelDict(const Channel& channel);

/// Prints channels one by one. Tables of up to 1000 rows are laid out as a whole; of
/// longer ones the first 1000 rows fix the widths, so that nothing waits for the end.
class ChannelPrinter {
 public:
  virtual ~ChannelPrinter() = default;
  static std::unique_ptr<ChannelPrinter> Make(ChannelFormat format, Output* out);

  virtual void Print(const Channel& channel) = 0;
  virtual void Finish() {}
};

}  // namespace carryall::apps
