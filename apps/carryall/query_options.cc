#include "query_options.h"

#include <CLI/CLI.hpp>

#include "carryall/base/clock.h"
#include "date_text.h"
#include "session.h"

namespace carryall::apps {
namespace {

constexpr const char* kTimeHelp =
    "GPS seconds, UTC date and time, now, now-SECONDS or '1 hour ago'";

std::optional<std::string> Given(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

Result<std::optional<Duration>> SecondsOf(std::string_view option,
                                          const std::string& text) {
  if (text.empty()) return std::nullopt;
  const Result<Duration> duration = ParseSeconds(text);
  if (!duration.ok()) return OptionError(option, duration.status());
  return *duration;
}

Result<std::optional<GpsTime>> TimeOf(std::string_view option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const GpsTime now = Clock::System().Now();
  const Result<GpsTime> time = ParseGpsTime(text, now);
  if (time.ok()) return *time;
  if (const auto date = ParseDateText(text, UnixFromGps(now))) return GpsFromUnix(*date);
  return OptionError(option, time.status());
}

void AddFilterOptions(CLI::App& command, FilterOptions& options) {
  command
      .add_option("--data-type,--dtype", options.data_types,
                  "one of uint32 uint64 int32 int64 float32 float64 (repeatable)")
      ->type_name("DTYPE")
      ->allow_extra_args(false);
  command.add_option("--min-rate", options.min_rate, "lowest sample rate")
      ->type_name("HZ");
  command.add_option("--max-rate", options.max_rate, "highest sample rate")
      ->type_name("HZ");
  command.add_option("--publisher", options.publishers, "publisher (repeatable)")
      ->type_name("ID")
      ->allow_extra_args(false);
  command
      .add_option("--time", options.time,
                  std::string("ask the servers that hold this time: ") + kTimeHelp)
      ->type_name("TIME");
  command.add_option("--replay-id", options.replay_id, "replay by name")->type_name("ID");
}

Result<wire::FindArgs> FindArgsOf(const FilterOptions& options) {
  wire::FindArgs args;
  args.pattern = options.pattern;
  for (const std::string& name : options.data_types) {
    const Result<DataType> type = DataTypeFromName(name);
    if (!type.ok()) return OptionError("--data-type", type.status());
    if (ByteWidth(*type) < 4) {
      return Error(ErrorKind::kInvalidArgument,
                   "--data-type: the protocol filters by uint32, uint64, int32, int64, "
                   "float32 and float64 only, got '{}'",
                   name);
    }
    args.data_types.push_back(*type);
  }
  if (options.min_rate && *options.min_rate < 0) {
    return Error(ErrorKind::kInvalidArgument, "--min-rate: must be at least 0, got {}",
                 *options.min_rate);
  }
  args.min_rate = options.min_rate.value_or(args.min_rate);
  args.max_rate = options.max_rate.value_or(args.max_rate);
  args.publishers = options.publishers;
  ARROW_ASSIGN_OR_RAISE(args.time, TimeOf("--time", options.time));
  args.replay_id = Given(options.replay_id);
  return args;
}

void AddSpanOptions(CLI::App& command, SpanOptions& options) {
  command
      .add_option("--start", options.start,
                  std::string("begin of the span: ") + kTimeHelp)
      ->type_name("TIME");
  CLI::Option* end =
      command.add_option("--end", options.end, "end of the span, not included")
          ->type_name("TIME");
  command
      .add_option("--duration", options.duration,
                  "length of the span, from --start or from now")
      ->type_name("SECONDS")
      ->excludes(end);
  CLI::Option* id =
      command.add_option("--replay-id", options.replay_id, "replay by name")
          ->type_name("ID");
  CLI::Option* replay_start = command
                                  .add_option("--replay-start", options.replay_start,
                                              "begin of a window to replay")
                                  ->type_name("TIME")
                                  ->excludes(id);
  CLI::Option* replay_end =
      command.add_option("--replay-end", options.replay_end, "end of a window to replay")
          ->type_name("TIME");
  replay_start->needs(replay_end);
  replay_end->needs(replay_start);
  command
      .add_option("--kafka-url", options.kafka_url,
                  "read straight from these brokers, not from a server")
      ->type_name("HOST:PORT[,...]");
}

Result<client::StreamOptions> StreamOptionsOf(const SpanOptions& options) {
  client::StreamOptions out;
  ARROW_ASSIGN_OR_RAISE(out.start, TimeOf("--start", options.start));
  ARROW_ASSIGN_OR_RAISE(out.end, TimeOf("--end", options.end));
  ARROW_ASSIGN_OR_RAISE(out.duration, SecondsOf("--duration", options.duration));
  ARROW_ASSIGN_OR_RAISE(out.replay_start, TimeOf("--replay-start", options.replay_start));
  ARROW_ASSIGN_OR_RAISE(out.replay_end, TimeOf("--replay-end", options.replay_end));
  out.replay_id = Given(options.replay_id);
  out.kafka_url = Given(options.kafka_url);
  ARROW_ASSIGN_OR_RAISE(out.on_gap, client::OnGapFromEnvironment());
  ARROW_ASSIGN_OR_RAISE(out.on_drop, client::OnDropFromEnvironment());
  return out;
}

}  // namespace carryall::apps
