#pragma once

#include <arrow/flight/types.h>

#include "carryall/base/status.h"

namespace carryall::server {

/// Puts the body of a message at a multiple of 8 bytes after its beginning, so that who
/// receives it in one piece of memory has aligned samples. A message is a FlightData with
/// data_header, app_metadata and data_body; what is added are zeros behind the flatbuffer
/// of the header, where they mean nothing.
Status AlignBody(arrow::flight::FlightPayload* payload);

}  // namespace carryall::server
