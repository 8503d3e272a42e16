#pragma once

#include <arrow/flight/server.h>

#include <memory>
#include <string>
#include <vector>

#include "carryall/metadata/catalogue.h"
#include "carryall/server/router.h"

namespace carryall::server {

/// The answer to GetFlightInfo: `schema` of the data, `command` as it was asked, where to
/// get them, and what goes with it.
Result<std::unique_ptr<arrow::flight::FlightInfo>> MakePlan(
    const arrow::Schema& schema, const std::string& command,
    const std::vector<PlannedEndpoint>& endpoints, std::string app_metadata = "");

/// The same where the answering server itself is to be asked just that.
Result<std::unique_ptr<arrow::flight::FlightInfo>> MakePlanHere(
    const arrow::Schema& schema, const std::string& command);

/// The answer to ListFlights: one flight a domain, the Find that lists its channels.
/// `only`: one domain, or empty for all.
Result<std::unique_ptr<arrow::flight::FlightListing>> MakeListing(
    const metadata::Catalogue& catalogue, const std::string& only);

}  // namespace carryall::server
