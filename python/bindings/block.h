#pragma once

#include "bindings/arrays.h"
#include "bindings/layout.h"
#include "bindings/python_api.h"
#include "carryall/model/series_block.h"

namespace carryall::python {

/// SeriesBlock of Python. Either views, whose arrays are made when asked for and kept, or
/// (made in Python) arrays alone. Its arrays hold the memory, not the block, so there are
/// no cycles and an array outlives its block.
struct Block {
  PyObject ob_base;
  PyObject* weak_references;
  Layout* layout;
  PyObject** arrays;            ///< one a channel; null: not made yet
  carryall::SeriesBlock views;  ///< empty if made in Python
  ArrayMemory memory;
  int64_t time_ns;
  int64_t duration_ns;
  bool writable;  ///< nobody else uses the memory under the views
};

/// Series of Python: one channel of a block, or made in Python.
struct Series {
  PyObject ob_base;
  Block* block;  ///< null: made in Python
  Py_ssize_t at;
  int64_t time_ns;
  PyObject* data;     ///< null: the block's
  PyObject* channel;  ///< null: the block's
};

bool InitBlocks(PyObject* module);
bool InitSeries(PyObject* module);
bool InitBlockItems(PyObject* module);
/// The subclasses written in Python that new objects get; called by carryall.block.
void SetBlockType(PyTypeObject* block);
void SetSeriesType(PyTypeObject* series);

/// A new block of `type` (null: the registered one) over views.
PyObject* MakeBlock(PyTypeObject* type, carryall::SeriesBlock views, Ref layout,
                    bool writable);
PyObject* MakeEmptyBlock(PyTypeObject* type, int64_t time_ns);
bool IsBlock(PyObject* object);

/// The array of channel `at`; borrowed, null with an exception set.
PyObject* ArrayOf(Block* block, Py_ssize_t at);
/// Samples of channel `at`.
Py_ssize_t LengthOf(Block* block, Py_ssize_t at);
/// Whether channel `at` has gaps, without making its array; -1 with an exception set.
int HasGapsAt(Block* block, Py_ssize_t at);
/// int(length * 10^9 / rate), exact where the rate is a whole number.
int64_t DurationNs(int64_t length, double rate);

/// The core's channels for blocks made in Python, of which most have the very Channels of
/// the one before. Needs the GIL wherever it is touched.
class KnownChannels {
 public:
  /// `detailed`: with all that the Channels say, not only what blocks are made of.
  explicit KnownChannels(bool detailed = false) : detailed_(detailed) {}
  /// The channels of a layout whose arrays are of the views' types.
  Result<std::shared_ptr<const ChannelSet>> SetOf(Layout* layout,
                                                  const std::vector<SampleView>& views);

 private:
  bool detailed_;
  std::vector<Ref> objects_;
  std::shared_ptr<const ChannelSet> set_;
};

/// The views of a block, whatever it was made from.
Result<carryall::SeriesBlock> ViewsOf(Block* block);
Result<carryall::SeriesBlock> ViewsOf(Block* block, KnownChannels* known);

PyObject* MakeSeries(Block* block, Py_ssize_t at);
/// The samples of a series, whatever it was made from, and owners for them.
Result<SampleView> ViewOf(Series* series, std::vector<MemoryOwner>* owners);

enum class ItemKind { kArrays, kArrayItems, kSeriesItems };
/// Iterates over the channels of a block.
PyObject* MakeIterator(Block* block, ItemKind kind);
/// The mapping name -> array of a block.
PyObject* MakeData(Block* block);

// Class methods and static methods of the block type (convert.cc).
PyObject* FromRowBatch(PyObject* type, PyObject* const* args, Py_ssize_t count,
                       PyObject* keywords);
PyObject* FromColumnBatch(PyObject* type, PyObject* const* args, Py_ssize_t count,
                          PyObject* keywords);
PyObject* MakeGap(PyObject* type, PyObject* args);
PyObject* ToColumnBatch(PyObject* self, PyObject*);
PyObject* Concatenate(PyObject* type, PyObject* blocks);
PyObject* ToArrowBatch(PyObject* self, PyObject*);
PyObject* ToRowBatch(PyObject* self, PyObject* ids);

// Methods of the block type that make blocks of parts of others (join.cc).
PyObject* Filter(PyObject* self, PyObject* const* args, Py_ssize_t count,
                 PyObject* keywords);
PyObject* Combine(PyObject* type, PyObject* blocks);

// Methods of the series type (series_export.cc).
PyObject* SeriesToArrow(PyObject* self, PyObject*);
PyObject* SeriesEnvelope(PyObject* self, PyObject* bins);

}  // namespace carryall::python
