#pragma once

#include <string>
#include <string_view>

#include "carryall/base/status.h"

namespace carryall::flight {

/// The status a Flight server returns for an error of ours, by the table of error kinds;
/// one that Flight made is returned as it is. The kind travels along (in the extra
/// information of the Flight detail), so that FromFlightStatus on the other side finds it
/// again where several kinds share a code. Safe to call from any thread.
Status ToFlightStatus(const Status& status);

/// An error that a Flight call gave, as one of ours: the kind by the code, the message
/// with `endpoint` in front and everything from " Detail:" on taken off. OK stays OK; an
/// error that Carryall made is only put into the context of the endpoint.
Status FromFlightStatus(const Status& status, std::string_view endpoint);

/// An error that a Flight call gave, to be given to a Flight client in turn: the same
/// code, the kind, and the server's own words.
Status RelayFlightStatus(const Status& status);

}  // namespace carryall::flight
