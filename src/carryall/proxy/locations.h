#pragma once

#include <arrow/flight/types.h>

#include <map>
#include <string>

#include "carryall/base/status.h"

namespace carryall::proxy {

/// Where clients of the proxy reach what the backend calls by another name: "host:port"
/// to "host:port".
using LocationMap = std::map<std::string, std::string>;

/// A location's "host:port"; empty if it has none.
std::string HostPortOf(std::string_view location);

/// `location` with its "host:port" replaced where the map has it; scheme and the rest
/// stay.
std::string MapLocation(std::string_view location, const LocationMap& map);

/// A plan of the backend for clients of the proxy: locations mapped, everything else and
/// the order kept. Locations of brokers that the map does not have are left out where an
/// endpoint has others: nobody could read them.
Result<arrow::flight::FlightInfo> MapPlan(const arrow::flight::FlightInfo& info,
                                          const LocationMap& map);

}  // namespace carryall::proxy
