#pragma once

#include <optional>
#include <string>
#include <vector>

#include "carryall/client/client.h"

namespace CLI {
class App;
}

namespace carryall::apps {

/// Filters of find and count, as given.
struct FilterOptions {
  std::string pattern = ".*";
  std::vector<std::string> data_types;
  std::optional<int64_t> min_rate, max_rate;
  std::vector<std::string> publishers;
  std::string time, replay_id;
};
void AddFilterOptions(CLI::App& command, FilterOptions& options);
/// kInvalidArgument beginning with the option that is wrong.
Result<wire::FindArgs> FindArgsOf(const FilterOptions& options);

/// The span and replay of fetch and stream, and where to read them, as given.
struct SpanOptions {
  std::string start, end, duration, replay_start, replay_end, replay_id, kafka_url;
};
void AddSpanOptions(CLI::App& command, SpanOptions& options);
/// The same in the client's terms, with the gap policies of the environment.
Result<client::StreamOptions> StreamOptionsOf(const SpanOptions& options);

/// Seconds as users write them; nothing for an empty text.
Result<std::optional<Duration>> SecondsOf(std::string_view option,
                                          const std::string& text);

/// A time as users write it, relative to the machine's clock; nothing for an empty text.
Result<std::optional<GpsTime>> TimeOf(std::string_view option, const std::string& text);

}  // namespace carryall::apps
