#pragma once

#include <memory>
#include <vector>

#include "bindings/python_api.h"
#include "carryall/model/channel.h"

namespace carryall::python {

/// The channels of a block in their order, shared by all blocks of a stream: what Python
/// sees of them and, where the core can have them, the core's set. Immutable; a Python
/// object that only blocks hold.
struct Layout {
  PyObject ob_base;
  PyObject* names;            ///< tuple of str
  PyObject* index;            ///< dict: name -> position
  PyObject* channels;         ///< tuple of Channel; null until somebody asks
  PyObject* by_name;          ///< dict: name -> Channel; null until somebody asks
  std::vector<double> rates;  ///< samples a second; empty until somebody asks
  std::shared_ptr<const ChannelSet> set;  ///< null: only Python knows the channels so far
  Py_ssize_t size() const { return PyTuple_GET_SIZE(names); }
};

bool InitLayouts();
/// `maker(name, data_type, rate, publisher, partition_id, partition_index, stride,
/// max_latency, replay_id)` makes the Channel of Python; called by carryall.channel.
void SetChannelMaker(PyObject* maker);
/// The subclass of dict that blocks give their channels in; called by carryall.block.
void SetChannelsType(PyObject* type);

/// A layout of Python's Channels; names must differ. Null with an exception set.
Ref MakeLayout(Ref names, Ref channels, std::shared_ptr<const ChannelSet> set);
/// A layout of the core's channels, for which Python's are made when asked for.
Ref MakeLayout(std::shared_ptr<const ChannelSet> set);

/// A Channel of Python, made from the core's.
Ref ToPython(const Channel& channel);
/// The core's channel for a Channel of Python. `data_type` overrides the Channel's own.
/// An error status where the core cannot have it (a rate that is no whole number of Hz).
Result<Channel> FromPython(PyObject* channel, std::optional<DataType> data_type = {});
/// Puts what else a Channel of Python says (publisher, partition, stride, latency,
/// replay) into the core's.
Status AddDetails(PyObject* channel, Channel* out);
/// Samples a second of a Channel of Python; negative with an exception set.
double RateOf(PyObject* channel);

/// Those of all channels of a layout; null with an exception set.
const std::vector<double>* RatesOf(Layout* layout);

/// The tuple of Channels and the dict of them by name; borrowed, null with an exception
/// set.
PyObject* ChannelsOf(Layout* layout);
PyObject* ChannelsByName(Layout* layout);
/// Position of a name, or of a Channel by its name: -1 if it is not there, -2 with an
/// exception set.
Py_ssize_t Find(const Layout* layout, PyObject* name);

inline Layout* AsLayout(const Ref& ref) { return reinterpret_cast<Layout*>(ref.get()); }

}  // namespace carryall::python
