#pragma once

#include <arrow/flight/transport.h>

#include "carryall/base/status.h"

namespace carryall::flight {

/// Whether a stream has another message, which `data` is then. One that is no FlightData
/// looks like the end to the transport, which goes on to report that the stream ended
/// well; but after the real end nothing can come. (Where it is the last one, nothing
/// tells it from the end.)
inline Result<bool> ReadData(arrow::flight::internal::ClientDataStream& stream,
                             arrow::flight::internal::FlightData* data) {
  *data = arrow::flight::internal::FlightData();
  if (stream.ReadData(data)) return true;
  if (!stream.ReadData(data)) return false;
  return Error(ErrorKind::kCorrupt, "a message cannot be decoded");
}

}  // namespace carryall::flight
