#include "bindings/layout.h"

#include <cmath>

#include "bindings/errors.h"

namespace carryall::python {
namespace {

PyTypeObject* g_layout_type = nullptr;
PyObject* g_channel_maker = nullptr;
PyObject* g_channels_type = nullptr;

int Traverse(PyObject* self, visitproc visit, void* arg) {
  auto* layout = reinterpret_cast<Layout*>(self);
  Py_VISIT(layout->names);
  Py_VISIT(layout->index);
  Py_VISIT(layout->channels);
  Py_VISIT(layout->by_name);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

int Clear(PyObject* self) {
  auto* layout = reinterpret_cast<Layout*>(self);
  Py_CLEAR(layout->channels);
  Py_CLEAR(layout->by_name);
  return 0;
}

void Dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Clear(self);
  auto* layout = reinterpret_cast<Layout*>(self);
  Py_CLEAR(layout->names);
  Py_CLEAR(layout->index);
  layout->set.~shared_ptr();
  layout->rates.~vector();
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyType_Slot g_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(Clear)},
                         {0, nullptr}};
PyType_Spec g_spec = {
    "carryall._core._Layout", sizeof(Layout), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, g_slots};

Ref IndexOf(PyObject* names) {
  Ref index = Ref::Take(PyDict_New());
  if (!index) return Ref();
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    const Ref position = Ref::Take(PyLong_FromSsize_t(i));
    if (!position ||
        PyDict_SetItem(index.get(), PyTuple_GET_ITEM(names, i), position.get()) < 0) {
      return Ref();
    }
  }
  if (PyDict_GET_SIZE(index.get()) != PyTuple_GET_SIZE(names)) {
    Raise(ErrorKind::kInvalidArgument, "a channel comes twice");
    return Ref();
  }
  return index;
}

template <typename T>
Ref ToPython(const std::optional<T>& value) {
  if (!value) return Ref::Share(Py_None);
  if constexpr (std::is_same_v<T, std::string>) {
    return Ref::Take(PyUnicode_FromStringAndSize(value->data(),
                                                 static_cast<Py_ssize_t>(value->size())));
  } else if constexpr (std::is_same_v<T, Duration>) {
    return Ref::Take(PyLong_FromLongLong(value->ns()));
  } else {
    return Ref::Take(PyLong_FromUnsignedLong(*value));
  }
}

Result<std::string> TextAttribute(PyObject* object, const char* name) {
  const Ref value = Ref::Take(PyObject_GetAttrString(object, name));
  Py_ssize_t size = 0;
  const char* text = value ? PyUnicode_AsUTF8AndSize(value.get(), &size) : nullptr;
  if (text == nullptr) return AlreadySet();
  return std::string(text, static_cast<size_t>(size));
}

/// Nothing where the attribute is missing or None.
Result<Ref> AttributeIfSet(PyObject* object, const char* name) {
  Ref value = Ref::Take(PyObject_GetAttrString(object, name));
  if (value) return value.get() == Py_None ? Ref() : std::move(value);
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return AlreadySet();
  PyErr_Clear();
  return Ref();
}

Status AddText(PyObject* object, const char* name, std::optional<std::string>* out) {
  ARROW_ASSIGN_OR_RAISE(const Ref value, AttributeIfSet(object, name));
  if (!value) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(*out, TextAttribute(object, name));
  return Status::OK();
}

/// Sets `out` to what `make` makes of a whole number that is not negative.
template <typename T, typename Make>
Status AddNumber(PyObject* object, const char* name, int64_t most, Make make,
                 std::optional<T>* out) {
  ARROW_ASSIGN_OR_RAISE(const Ref value, AttributeIfSet(object, name));
  if (!value) return Status::OK();
  const Ref whole = Ref::Take(PyNumber_Index(value.get()));
  int overflow = 0;
  const int64_t number = whole ? PyLong_AsLongLongAndOverflow(whole.get(), &overflow) : 0;
  if (PyErr_Occurred()) return AlreadySet();
  if (overflow != 0 || number < 0 || number > most) {
    return Error(ErrorKind::kInvalidArgument, "{} of a channel is out of range", name);
  }
  *out = make(number);
  return Status::OK();
}

}  // namespace

Status AddDetails(PyObject* channel, Channel* out) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  ARROW_RETURN_NOT_OK(AddText(channel, "publisher", &out->publisher));
  ARROW_RETURN_NOT_OK(AddText(channel, "partition_id", &out->partition_id));
  ARROW_RETURN_NOT_OK(AddText(channel, "replay_id", &out->replay_id));
  ARROW_RETURN_NOT_OK(AddNumber(
      channel, "partition_index", std::numeric_limits<uint32_t>::max(),
      [](int64_t n) { return static_cast<uint32_t>(n); }, &out->partition_index));
  ARROW_RETURN_NOT_OK(
      AddNumber(channel, "stride", kMost, &Duration::FromNs, &out->stride));
  return AddNumber(channel, "max_latency", kMost, &Duration::FromNs, &out->max_latency);
}

bool InitLayouts() {
  g_layout_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&g_spec));
  return g_layout_type != nullptr;
}

void SetChannelsType(PyObject* type) { Py_XSETREF(g_channels_type, Py_NewRef(type)); }

void SetChannelMaker(PyObject* maker) { Py_XSETREF(g_channel_maker, Py_NewRef(maker)); }

Ref MakeLayout(Ref names, Ref channels, std::shared_ptr<const ChannelSet> set) {
  Ref index = names ? IndexOf(names.get()) : Ref();
  if (!index) return Ref();
  Ref self = Ref::Take(g_layout_type->tp_alloc(g_layout_type, 0));
  if (!self) return Ref();
  Layout* layout = AsLayout(self);
  layout->names = names.Release();
  layout->index = index.Release();
  layout->channels = channels.Release();
  new (&layout->rates) std::vector<double>();
  new (&layout->set) std::shared_ptr<const ChannelSet>(std::move(set));
  return self;
}

Ref MakeLayout(std::shared_ptr<const ChannelSet> set) {
  Ref names = Ref::Take(PyTuple_New(static_cast<Py_ssize_t>(set->size())));
  for (size_t i = 0; names && i < set->size(); ++i) {
    const std::string& name = (*set)[i].name;
    PyObject* text =
        PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
    if (text == nullptr) return Ref();
    PyTuple_SET_ITEM(names.get(), static_cast<Py_ssize_t>(i), text);
  }
  return MakeLayout(std::move(names), Ref(), std::move(set));
}

Ref ToPython(const Channel& channel) {
  const std::string_view type = Name(channel.data_type);
  const Ref publisher = ToPython(channel.publisher);
  const Ref partition = ToPython(channel.partition_id);
  const Ref index = ToPython(channel.partition_index);
  const Ref stride = ToPython(channel.stride);
  const Ref latency = ToPython(channel.max_latency);
  const Ref replay = ToPython(channel.replay_id);
  return Ref::Take(PyObject_CallFunction(
      g_channel_maker, "s#s#iOOOOOO", channel.name.data(),
      static_cast<Py_ssize_t>(channel.name.size()), type.data(),
      static_cast<Py_ssize_t>(type.size()), channel.sample_rate.hz(), publisher.get(),
      partition.get(), index.get(), stride.get(), latency.get(), replay.get()));
}

double RateOf(PyObject* channel) {
  const Ref rate = Ref::Take(PyObject_GetAttrString(channel, "sample_rate"));
  const double hz = rate ? PyFloat_AsDouble(rate.get()) : -1;
  if (PyErr_Occurred()) return -1;
  if (!(hz > 0) || std::isinf(hz)) {
    Raise(ErrorKind::kInvalidArgument, "sample rate must be positive, got {}", hz);
    return -1;
  }
  return hz;
}

Result<Channel> FromPython(PyObject* channel, std::optional<DataType> data_type) {
  Channel out;
  ARROW_ASSIGN_OR_RAISE(out.name, TextAttribute(channel, "name"));
  const double hz = RateOf(channel);
  if (hz < 0) return AlreadySet();
  if (hz != std::floor(hz) || hz > std::numeric_limits<int32_t>::max()) {
    return Error(ErrorKind::kInvalidArgument,
                 "only whole numbers of Hz can travel, got {}: channel {}", hz, out.name);
  }
  ARROW_ASSIGN_OR_RAISE(out.sample_rate, SampleRate::Make(static_cast<int64_t>(hz)));
  if (data_type) {
    out.data_type = *data_type;
    return out;
  }
  ARROW_ASSIGN_OR_RAISE(const std::string type, TextAttribute(channel, "data_type"));
  ARROW_ASSIGN_OR_RAISE(out.data_type, DataTypeFromName(type));
  return out;
}

PyObject* ChannelsOf(Layout* layout) {
  if (layout->channels != nullptr) return layout->channels;
  Ref channels = Ref::Take(PyTuple_New(layout->size()));
  for (Py_ssize_t i = 0; channels && i < layout->size(); ++i) {
    Ref channel = ToPython((*layout->set)[static_cast<size_t>(i)]);
    if (!channel) return nullptr;
    PyTuple_SET_ITEM(channels.get(), i, channel.Release());
  }
  // Making a Channel runs Python code: somebody else may have been here meanwhile.
  if (layout->channels == nullptr) layout->channels = channels.Release();
  return layout->channels;
}

const std::vector<double>* RatesOf(Layout* layout) {
  if (!layout->rates.empty()) return &layout->rates;
  PyObject* channels = ChannelsOf(layout);
  if (channels == nullptr) return nullptr;
  std::vector<double> rates;
  for (Py_ssize_t i = 0; i < layout->size(); ++i) {
    rates.push_back(RateOf(PyTuple_GET_ITEM(channels, i)));
    if (rates.back() < 0) return nullptr;
  }
  layout->rates = std::move(rates);
  return &layout->rates;
}

PyObject* ChannelsByName(Layout* layout) {
  if (layout->by_name != nullptr) return layout->by_name;
  PyObject* channels = ChannelsOf(layout);
  Ref by_name = Ref::Take(channels ? PyObject_CallNoArgs(g_channels_type) : nullptr);
  if (!by_name) return nullptr;
  for (Py_ssize_t i = 0; i < layout->size(); ++i) {
    if (PyDict_SetItem(by_name.get(), PyTuple_GET_ITEM(layout->names, i),
                       PyTuple_GET_ITEM(channels, i)) < 0) {
      return nullptr;
    }
  }
  layout->by_name = by_name.Release();
  return layout->by_name;
}

Py_ssize_t Find(const Layout* layout, PyObject* name) {
  Ref of_channel;
  if (!PyUnicode_Check(name)) {
    of_channel = Ref::Take(PyObject_GetAttrString(name, "name"));
    if (of_channel) name = of_channel.get();
    PyErr_Clear();
  }
  PyObject* position = PyDict_GetItemWithError(layout->index, name);
  if (position != nullptr) return PyLong_AsSsize_t(position);
  return PyErr_Occurred() ? -2 : -1;
}

}  // namespace carryall::python
