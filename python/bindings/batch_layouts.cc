#include "bindings/batch_layouts.h"

#include <arrow/array/data.h>

#include <algorithm>
#include <cstring>
#include <list>

#include "bindings/errors.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::python {
namespace {

constexpr size_t kRemembered = 8;
constexpr uint32_t kLargestId = 1 << 24;  // the id table has so many places at most

/// The entries of a dict, to recognise it by the identity of keys and values.
class Entries {
 public:
  void Remember(PyObject* dict) {
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value);) {
      keys_.push_back(Ref::Share(key));
      values_.push_back(Ref::Share(value));
    }
  }
  bool AreThoseOf(PyObject* dict) const {
    if (static_cast<size_t>(PyDict_GET_SIZE(dict)) != keys_.size()) return false;
    PyObject *key = nullptr, *value = nullptr;
    size_t i = 0;
    for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value); ++i) {
      if (key != keys_[i].get() || value != values_[i].get()) return false;
    }
    return true;
  }

 private:
  std::vector<Ref> keys_, values_;
};

struct RememberedRows {
  Entries entries;
  std::vector<uint8_t> ids;
  std::vector<std::shared_ptr<arrow::DataType>> types;
  RowLayout found;
};

/// What a schema says of its columns, one behind the other: comparing reads little
/// memory, and no schema is kept for the next call to destroy.
class ColumnTypes {
 public:
  explicit ColumnTypes(const std::shared_ptr<arrow::Schema>& schema) : latest_(schema) {
    for (const auto& field : schema->fields()) {
      columns_.push_back({field->name().size(), SampleType(*field->type())});
      names_ += field->name();
    }
  }

  bool AreThoseOf(const std::shared_ptr<arrow::Schema>& schema) {
    if (latest_.lock() == schema) return true;
    const arrow::FieldVector& fields = schema->fields();
    if (fields.size() != columns_.size()) return false;
    const char* name = names_.data();
    for (size_t i = 0; i < fields.size(); ++i) {
      PrefetchAhead(fields, i);
      const std::string& other = fields[i]->name();
      const auto& [length, type] = columns_[i];
      if (other.size() != length || std::memcmp(other.data(), name, length) != 0 ||
          SampleType(*fields[i]->type()) != type) {
        return false;
      }
      name += length;
    }
    latest_ = schema;
    return true;
  }

 private:
  /// A schema that was just read lies all over the heap: asking for its parts some
  /// columns ahead overlaps the waiting.
  static void PrefetchAhead(const arrow::FieldVector& fields, size_t i) {
    if (i + 12 < fields.size()) __builtin_prefetch(fields[i + 12].get());
    if (i + 8 < fields.size()) {
      __builtin_prefetch(fields[i + 8]->name().data());
      __builtin_prefetch(fields[i + 8]->type().get());
    }
    if (i + 4 < fields.size() && fields[i + 4]->type()->num_fields() == 1) {
      __builtin_prefetch(fields[i + 4]->type()->field(0).get());
    }
  }

  /// What a list is of; the type itself where it is none.
  static std::pair<bool, arrow::Type::type> SampleType(const arrow::DataType& type) {
    if (type.id() != arrow::Type::LIST) return {false, type.id()};
    return {true, static_cast<const arrow::ListType&>(type).value_type()->id()};
  }

  struct Column {
    size_t name_length;
    std::pair<bool, arrow::Type::type> type;
  };
  std::string names_;
  std::vector<Column> columns_;
  std::weak_ptr<arrow::Schema> latest_;
};

struct RememberedColumns {
  Entries entries;
  ColumnTypes types;
  Ref layout;
};

// Latest first. Never destroyed: the interpreter may be gone by then.
auto& g_rows = *new std::list<RememberedRows>;
auto& g_columns = *new std::list<RememberedColumns>;

template <typename T, typename Matches>
T* Recall(std::list<T>& remembered, const Matches& matches) {
  const auto it = std::find_if(remembered.begin(), remembered.end(), matches);
  if (it == remembered.end()) return nullptr;
  if (it != remembered.begin()) remembered.splice(remembered.begin(), remembered, it);
  return &remembered.front();
}

template <typename T>
T* Keep(std::list<T>& remembered, T entry) {
  remembered.push_front(std::move(entry));
  if (remembered.size() > kRemembered) {
    // Dropping Channels may run Python code that comes back here.
    std::list<T> oldest;
    oldest.splice(oldest.begin(), remembered, std::prev(remembered.end()));
  }
  return &remembered.front();
}

Ref AsDict(PyObject* mapping) {
  if (PyDict_CheckExact(mapping)) return Ref::Share(mapping);
  Ref dict = Ref::Take(PyDict_New());
  if (dict && PyDict_Update(dict.get(), mapping) < 0) return Ref();
  return dict;
}

/// The ids of the rows; null with an exception set.
const uint8_t* IdsOf(const arrow::RecordBatch& batch) {
  const auto& columns = batch.column_data();
  const int64_t rows = batch.num_rows();
  if (columns.size() < 3 || rows < 1) {
    Raise(ErrorKind::kInvalidArgument,
          "row-form batch has {} columns and {} rows, expected time, id and data",
          columns.size(), rows);
    return nullptr;
  }
  const arrow::ArrayData& ids = *columns[1];
  if (ids.type->id() != arrow::Type::UINT32 || ids.buffers.size() < 2 ||
      ids.buffers[1] == nullptr || ids.offset < 0 || ids.length != rows ||
      ids.buffers[1]->size() / 4 - ids.offset < rows) {
    Raise(ErrorKind::kInvalidArgument, "row-form batch has no column of ids: {}",
          ids.type->ToString());
    return nullptr;
  }
  return ids.buffers[1]->data() + 4 * ids.offset;
}

/// Type of the samples of a row-form batch with one list column; nothing: several, and
/// the Channels tell.
Result<std::optional<DataType>> TypeOfRows(const arrow::Schema& schema) {
  if (schema.num_fields() != 3) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const DataType type, codec::SampleTypeOf(*schema.field(2)));
  return type;
}

/// Collects channels in the order in which they come first.
class LayoutMaker {
 public:
  /// Position of the channel; negative with an exception set.
  int32_t Add(PyObject* name, PyObject* channel, std::optional<DataType> type) {
    const auto core = FromPython(channel, type);
    if (!core.ok()) {
      Raise(core.status());
      return -1;
    }
    names_.push_back(Ref::Share(name));
    python_.push_back(Ref::Share(channel));
    core_.push_back(*core);
    return static_cast<int32_t>(core_.size()) - 1;
  }

  Ref Make() {
    auto set = ChannelSet::Make(std::move(core_));
    if (!set.ok()) {
      Raise(set.status());
      return Ref();
    }
    return MakeLayout(AsTuple(&names_), AsTuple(&python_), *std::move(set));
  }

 private:
  static Ref AsTuple(std::vector<Ref>* refs) {
    Ref tuple = Ref::Take(PyTuple_New(static_cast<Py_ssize_t>(refs->size())));
    for (size_t i = 0; tuple && i < refs->size(); ++i) {
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), (*refs)[i].Release());
    }
    return tuple;
  }

  std::vector<Ref> names_, python_;
  std::vector<Channel> core_;
};

bool MakeRows(const arrow::RecordBatch& batch, const uint8_t* ids, PyObject* dict,
              RowLayout* out) {
  const auto type = TypeOfRows(*batch.schema());
  if (!type.ok()) return Raise(type.status()) != nullptr;
  LayoutMaker maker;
  codec::IdTable table;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    uint32_t id = 0;
    std::memcpy(&id, ids + 4 * row, 4);
    if (id < table.size() && table[id] >= 0) continue;
    const Ref key = Ref::Take(PyLong_FromUnsignedLong(id));
    PyObject* channel = key ? PyDict_GetItemWithError(dict, key.get()) : nullptr;
    if (channel == nullptr && PyErr_Occurred()) return false;
    if (channel == nullptr) continue;
    if (id > kLargestId) {
      Raise(ErrorKind::kInvalidArgument, "row id is too large: {}", id);
      return false;
    }
    const Ref name = Ref::Take(PyObject_GetAttrString(channel, "name"));
    const int32_t position = name ? maker.Add(name.get(), channel, *type) : -1;
    if (position < 0) return false;
    if (id >= table.size()) table.resize(id + 1, -1);
    table[id] = position;
  }
  out->layout = maker.Make();
  if (!out->layout || table.empty()) return static_cast<bool>(out->layout);
  auto reader = codec::RowBatchReader::Make(*batch.schema(), AsLayout(out->layout)->set,
                                            std::move(table));
  if (!reader.ok()) return Raise(reader.status()) != nullptr;
  out->reader = *std::move(reader);
  return true;
}

Ref MakeColumns(const arrow::Schema& schema, PyObject* dict) {
  LayoutMaker maker;
  for (int i = 1; i < schema.num_fields(); ++i) {
    const std::string& text = schema.field(i)->name();
    const Ref name = Ref::Take(
        PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
    PyObject* channel = name ? PyDict_GetItemWithError(dict, name.get()) : nullptr;
    if (channel == nullptr) {
      if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, name.get());
      return Ref();
    }
    const auto type = codec::SampleTypeOf(*schema.field(i));
    if (!type.ok()) {
      Raise(type.status());
      return Ref();
    }
    if (maker.Add(name.get(), channel, *type) < 0) return Ref();
  }
  return maker.Make();
}

}  // namespace

RowLayout* FindRowLayout(const arrow::RecordBatch& batch, PyObject* index_to_channel) {
  const uint8_t* ids = IdsOf(batch);
  const Ref dict = ids != nullptr ? AsDict(index_to_channel) : Ref();
  if (!dict) return nullptr;
  const size_t bytes = 4 * static_cast<size_t>(batch.num_rows());
  const arrow::Schema& schema = *batch.schema();
  const auto matches = [&](const RememberedRows& rows) {
    if (rows.ids.size() != bytes || std::memcmp(rows.ids.data(), ids, bytes) != 0 ||
        rows.types.size() + 2 != static_cast<size_t>(schema.num_fields())) {
      return false;
    }
    for (size_t i = 0; i < rows.types.size(); ++i) {
      if (!schema.field(static_cast<int>(i) + 2)->type()->Equals(*rows.types[i]))
        return false;
    }
    return rows.entries.AreThoseOf(dict.get());
  };
  if (RememberedRows* rows = Recall(g_rows, matches)) return &rows->found;
  RememberedRows rows;
  if (!MakeRows(batch, ids, dict.get(), &rows.found)) return nullptr;
  rows.entries.Remember(dict.get());
  rows.ids.assign(ids, ids + bytes);
  for (int i = 2; i < schema.num_fields(); ++i)
    rows.types.push_back(schema.field(i)->type());
  return &Keep(g_rows, std::move(rows))->found;
}

PyObject* FindColumnLayout(const arrow::RecordBatch& batch, PyObject* channels) {
  const Ref dict = AsDict(channels);
  if (!dict) return nullptr;
  const auto matches = [&](RememberedColumns& columns) {
    return columns.types.AreThoseOf(batch.schema()) &&
           columns.entries.AreThoseOf(dict.get());
  };
  if (RememberedColumns* columns = Recall(g_columns, matches)) {
    return columns->layout.get();
  }
  RememberedColumns columns{{}, ColumnTypes(batch.schema()), {}};
  columns.layout = MakeColumns(*batch.schema(), dict.get());
  if (!columns.layout) return nullptr;
  columns.entries.Remember(dict.get());
  return Keep(g_columns, std::move(columns))->layout.get();
}

}  // namespace carryall::python
