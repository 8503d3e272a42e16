#include "carryall/codec/stream_shape.h"

#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace carryall::codec {
namespace {

constexpr std::string_view kDataPrefix = "data.";

bool IsRowForm(const arrow::Schema& schema) {
  return schema.num_fields() >= 3 && schema.field(1)->name() == "id" &&
         schema.field(1)->type()->id() == arrow::Type::UINT32;
}

/// The ids' table out of the schema metadata of the compact form.
Result<IdTable> TableFromMetadata(const arrow::Schema& schema,
                                  const ChannelSet& channels) {
  const int at =
      schema.HasMetadata() ? schema.metadata()->FindKey(std::string(kChannelsKey)) : -1;
  if (at < 0) {
    return Error(ErrorKind::kInvalidArgument,
                 "row-form stream has no table of ids and its schema no '{}'",
                 kChannelsKey);
  }
  IdTable ids;
  std::vector<bool> seen(channels.size());
  std::string_view rest = schema.metadata()->value(at);
  for (bool more = !rest.empty(); more;) {
    const size_t end = rest.find('\n');
    const std::string_view name = rest.substr(0, end);
    more = end != std::string_view::npos;
    rest.remove_prefix(more ? end + 1 : rest.size());
    const auto position = channels.Find(name);
    if (position && seen[*position]) {
      return Error(ErrorKind::kInvalidArgument, "schema has two ids for one channel: {}",
                   name);
    }
    if (position) seen[*position] = true;
    ids.push_back(position ? static_cast<int32_t>(*position) : -1);
  }
  return ids;
}

Status CheckIds(const IdTable& ids, const std::vector<DataType>& types,
                const ChannelSet& channels) {
  std::array<bool, kDataTypeCount> have{};
  for (DataType type : types) have[static_cast<size_t>(type)] = true;
  for (int32_t position : ids) {
    if (position < 0) continue;
    if (position >= static_cast<int64_t>(channels.size())) {
      return Error(ErrorKind::kInvalidArgument,
                   "table of ids names position {} of a set of {} channels", position,
                   channels.size());
    }
    const Channel& channel = channels[static_cast<size_t>(position)];
    if (!have[static_cast<size_t>(channel.data_type)]) {
      return Error(ErrorKind::kInvalidArgument,
                   "row-form stream has no samples of the type of channel {}: {}",
                   channel.name, Name(channel.data_type));
    }
  }
  return Status::OK();
}

Status ReadRowForm(const arrow::Schema& schema, const ChannelSet& channels, IdTable ids,
                   StreamShape* shape) {
  shape->form = Form::kRow;
  for (int i = 2; i < schema.num_fields(); ++i) {
    const arrow::Field& field = *schema.field(i);
    ARROW_ASSIGN_OR_RAISE(const DataType type, SampleTypeOf(field));
    const bool named = field.name() == fmt::format("{}{}", kDataPrefix, Name(type));
    if (!named && !(field.name() == "data" && schema.num_fields() == 3)) {
      return Error(ErrorKind::kInvalidArgument,
                   "unexpected column of a row-form stream: {}", field.name());
    }
    if (std::find(shape->list_types.begin(), shape->list_types.end(), type) !=
        shape->list_types.end()) {
      return Error(ErrorKind::kInvalidArgument, "column comes twice: {}", field.name());
    }
    shape->list_types.push_back(type);
  }
  if (ids.empty()) {
    ARROW_ASSIGN_OR_RAISE(ids, TableFromMetadata(schema, channels));
  }
  RETURN_NOT_OK(CheckIds(ids, shape->list_types, channels));
  shape->ids = std::move(ids);
  return Status::OK();
}

Status ReadColumnForm(const arrow::Schema& schema, const ChannelSet& channels,
                      StreamShape* shape) {
  std::vector<bool> seen(channels.size());
  for (int i = 1; i < schema.num_fields(); ++i) {
    const arrow::Field& field = *schema.field(i);
    const auto position = channels.Find(field.name());
    if (!position) {
      return Error(ErrorKind::kInvalidArgument,
                   "column of a channel nobody asked for: {}", field.name());
    }
    if (seen[*position]) {
      return Error(ErrorKind::kInvalidArgument, "column comes twice: {}", field.name());
    }
    seen[*position] = true;
    ARROW_ASSIGN_OR_RAISE(const DataType type, SampleTypeOf(field));
    if (type != channels[*position].data_type) {
      return Error(ErrorKind::kInvalidArgument,
                   "column {} holds {}, but the channel is {}", field.name(), Name(type),
                   Name(channels[*position].data_type));
    }
    shape->list_types.push_back(type);
    shape->list_channels.push_back(static_cast<int32_t>(*position));
  }
  return Status::OK();
}

}  // namespace

Result<DataType> SampleTypeOf(const arrow::Field& field) {
  if (field.type()->id() == arrow::Type::LIST) {
    const auto type = DataTypeFromArrow(
        *static_cast<const arrow::ListType&>(*field.type()).value_type());
    if (type.ok()) return type;
  }
  return Error(ErrorKind::kInvalidArgument, "column {} is not a list of samples: {}",
               field.name(), field.type()->ToString());
}

Result<StreamShape> ReadShape(const arrow::Schema& schema, const ChannelSet& channels,
                              IdTable ids) {
  if (schema.endianness() != arrow::Endianness::Little) {
    return Error(ErrorKind::kInvalidArgument, "stream is not little-endian");
  }
  if (schema.num_fields() == 0 || schema.field(0)->name() != "time" ||
      schema.field(0)->type()->id() != arrow::Type::INT64) {
    return Error(ErrorKind::kInvalidArgument, "first column of a stream is not time: {}",
                 schema.num_fields() == 0 ? "no column" : schema.field(0)->ToString());
  }
  StreamShape shape;
  if (IsRowForm(schema)) {
    RETURN_NOT_OK(ReadRowForm(schema, channels, std::move(ids), &shape));
  } else {
    RETURN_NOT_OK(ReadColumnForm(schema, channels, &shape));
  }
  for (DataType type : shape.list_types) {
    shape.list_widths.push_back(static_cast<uint8_t>(ByteWidth(type)));
  }
  return shape;
}

std::vector<DataType> TypesOf(const ChannelSet& channels) {
  std::array<bool, kDataTypeCount> have{};
  for (const Channel& channel : channels.channels()) {
    have[static_cast<size_t>(channel.data_type)] = true;
  }
  std::vector<DataType> types;
  for (size_t i = 0; i < have.size(); ++i) {
    if (have[i]) types.push_back(static_cast<DataType>(i));
  }
  return types;
}

std::shared_ptr<arrow::Schema> ColumnSchema(const ChannelSet& channels) {
  arrow::FieldVector fields;
  fields.reserve(channels.size() + 1);
  fields.push_back(arrow::field("time", arrow::int64(), /*nullable=*/false));
  for (const Channel& channel : channels.channels()) {
    fields.push_back(
        arrow::field(channel.name, arrow::list(ToArrow(channel.data_type)), true,
                     arrow::key_value_metadata(
                         {"rate"}, {fmt::format("{}", channel.sample_rate.hz())})));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::Schema> StreamSchema(const ChannelSet& channels, Form form) {
  return form == Form::kColumn ? ColumnSchema(channels) : RowSchema(channels);
}

std::shared_ptr<arrow::Schema> PlainRowSchema(DataType type) {
  return arrow::schema({arrow::field("time", arrow::int64()),
                        arrow::field("id", arrow::uint32()),
                        arrow::field("data", arrow::list(ToArrow(type)))});
}

std::shared_ptr<arrow::Schema> RowSchema(const ChannelSet& channels) {
  arrow::FieldVector fields = {arrow::field("time", arrow::int64(), false),
                               arrow::field("id", arrow::uint32(), false)};
  const std::vector<DataType> types = TypesOf(channels);
  for (DataType type : types) {
    fields.push_back(arrow::field(
        types.size() == 1 ? "data" : fmt::format("{}{}", kDataPrefix, Name(type)),
        arrow::list(ToArrow(type))));
  }
  std::string names;
  for (const Channel& channel : channels.channels()) {
    if (!names.empty()) names += '\n';
    names += channel.name;
  }
  return arrow::schema(std::move(fields),
                       arrow::key_value_metadata({std::string(kChannelsKey)}, {names}));
}

}  // namespace carryall::codec
