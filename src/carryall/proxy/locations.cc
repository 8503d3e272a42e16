#include "carryall/proxy/locations.h"

#include "carryall/wire/url.h"

namespace carryall::proxy {

namespace af = arrow::flight;

namespace {

struct Parts {
  std::string_view before, host_port, after;
};

Parts Split(std::string_view location) {
  const size_t scheme = location.find("://");
  if (scheme == std::string_view::npos) return {location, {}, {}};
  const size_t begin = scheme + 3;
  const size_t end = std::min(location.find_first_of("/?#", begin), location.size());
  return {location.substr(0, begin), location.substr(begin, end - begin),
          location.substr(end)};
}

}  // namespace

std::string HostPortOf(std::string_view location) {
  return std::string(Split(location).host_port);
}

std::string MapLocation(std::string_view location, const LocationMap& map) {
  const Parts parts = Split(location);
  const auto found = map.find(std::string(parts.host_port));
  if (found == map.end()) return std::string(location);
  return fmt::format("{}{}{}", parts.before, found->second, parts.after);
}

Result<af::FlightInfo> MapPlan(const af::FlightInfo& info, const LocationMap& map) {
  af::FlightInfo::Data data;
  data.schema = info.serialized_schema();
  data.descriptor = info.descriptor();
  data.total_records = info.total_records();
  data.total_bytes = info.total_bytes();
  data.ordered = info.ordered();
  data.app_metadata = info.app_metadata();
  for (af::FlightEndpoint endpoint : info.endpoints()) {
    std::vector<af::Location> reachable, brokers;
    for (const af::Location& location : endpoint.locations) {
      const std::string from = location.ToString();
      const std::string to = MapLocation(from, map);
      auto mapped = af::Location::Parse(to);
      if (!mapped.ok()) {
        return Error(ErrorKind::kCorrupt, "a location that cannot be mapped: '{}': {}",
                     from, mapped.status().message());
      }
      const bool lost = wire::IsKafkaLocation(from) && to == from;
      (lost ? brokers : reachable).push_back(*std::move(mapped));
    }
    endpoint.locations = std::move(reachable.empty() ? brokers : reachable);
    data.endpoints.push_back(std::move(endpoint));
  }
  return af::FlightInfo(std::move(data));
}

}  // namespace carryall::proxy
