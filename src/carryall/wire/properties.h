#pragma once

#include <arrow/record_batch.h>

#include <map>
#include <string>

#include "carryall/base/status.h"

namespace carryall::wire {

/// What a Publish answer says (protocol 3.3): properties of a publisher's producer.
using Properties = std::map<std::string, std::string>;

/// At most so many in one answer.
inline constexpr int64_t kMaxProperties = 1024;

/// The pairs of all rows of column `properties`; of repeated keys the last counts, those
/// without a value are left out. The batch is validated fully first: kCorrupt if there is
/// no such column, kResourceExhausted for too many.
Result<Properties> DecodeProperties(const arrow::RecordBatch& batch);

}  // namespace carryall::wire
