#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"
#include "carryall/model/channel.h"

namespace carryall::codec {

/// Schema metadata of the compact form: channel names in the order of their ids, a line
/// each.
inline constexpr std::string_view kChannelsKey = "carryall.channels";

/// What the schema of a stream means for a set of channels. Internal to codec.
struct StreamShape {
  Form form = Form::kColumn;
  /// One for each list column, in order.
  std::vector<DataType> list_types;
  std::vector<uint8_t> list_widths;
  /// Column form: position in the set of each list column's channel.
  std::vector<int32_t> list_channels;
  /// Row form: position in the set of each id's channel, -1 where it is not wanted.
  IdTable ids;
};

/// kInvalidArgument naming the column or channel that does not fit.
Result<StreamShape> ReadShape(const arrow::Schema& schema, const ChannelSet& channels,
                              IdTable ids);

/// The sample type of a list column; kInvalidArgument naming the field if it is none.
Result<DataType> SampleTypeOf(const arrow::Field& field);

/// The distinct sample types of a set, in the order of their numbers.
std::vector<DataType> TypesOf(const ChannelSet& channels);

/// The schema of our compact row form over `channels` (docs/wire.md).
std::shared_ptr<arrow::Schema> RowSchema(const ChannelSet& channels);

/// time, id, data: what stock's Kafka messages have.
std::shared_ptr<arrow::Schema> PlainRowSchema(DataType type);

}  // namespace carryall::codec
