#include "carryall/server/flight_info.h"

#include <cctype>

#include "carryall/wire/schemas.h"
#include "carryall/wire/url.h"

namespace carryall::server {

namespace af = arrow::flight;

namespace {

Result<std::unique_ptr<af::FlightInfo>> MakeInfo(
    const arrow::Schema& schema, const std::string& command,
    const std::vector<af::FlightEndpoint>& endpoints, std::string app_metadata = "") {
  ARROW_ASSIGN_OR_RAISE(
      auto info,
      af::FlightInfo::Make(schema, af::FlightDescriptor::Path({command}), endpoints,
                           /*total_records=*/-1, /*total_bytes=*/-1,
                           /*ordered=*/false, std::move(app_metadata)));
  return std::make_unique<af::FlightInfo>(std::move(info));
}

// `text` as a pattern that matches just it.
std::string EscapePattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
                       c == ':' || (c & 0x80) != 0;
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<af::FlightInfo>> MakePlan(
    const arrow::Schema& schema, const std::string& command,
    const std::vector<PlannedEndpoint>& endpoints, std::string app_metadata) {
  std::vector<af::FlightEndpoint> out;
  for (const PlannedEndpoint& planned : endpoints) {
    af::FlightEndpoint& endpoint = out.emplace_back();
    endpoint.ticket.ticket = wire::SerializeRequest(planned.request);
    for (const std::string& location : planned.locations) {
      ARROW_ASSIGN_OR_RAISE(endpoint.locations.emplace_back(),
                            af::Location::Parse(location));
    }
  }
  return MakeInfo(schema, command, out, std::move(app_metadata));
}

Result<std::unique_ptr<af::FlightInfo>> MakePlanHere(const arrow::Schema& schema,
                                                     const std::string& command) {
  af::FlightEndpoint endpoint;
  endpoint.ticket.ticket = command;
  ARROW_ASSIGN_OR_RAISE(endpoint.locations.emplace_back(),
                        af::Location::Parse(std::string(wire::kReuseLocation)));
  return MakeInfo(schema, command, {endpoint});
}

Result<std::unique_ptr<af::FlightListing>> MakeListing(
    const metadata::Catalogue& catalogue, const std::string& only) {
  // A few domains, however many channels there are.
  constexpr size_t kMaxFlights = 1000;
  std::vector<af::FlightInfo> flights;
  for (const auto& [domain, subsystems] : catalogue.scopes()) {
    if (!only.empty() && only != domain) continue;
    if (flights.size() == kMaxFlights) break;
    wire::Request request;
    wire::FindArgs args;
    args.pattern = EscapePattern(domain) + ":";
    request.args = std::move(args);
    ARROW_ASSIGN_OR_RAISE(
        auto info, MakePlan(*wire::MetadataSchema(), wire::SerializeRequest(request),
                            {{request, {std::string(wire::kReuseLocation)}}}));
    flights.push_back(std::move(*info));
  }
  return std::make_unique<af::SimpleFlightListing>(std::move(flights));
}

}  // namespace carryall::server
