// Blocks made of parts of other blocks: nothing is copied, no array is made that was not.
#include <algorithm>
#include <list>

#include "bindings/block.h"
#include "bindings/errors.h"

namespace carryall::python {
namespace {

constexpr size_t kRemembered = 32;

/// What of some layouts makes another one. Streams ask the same of every block: working
/// it out takes microseconds a channel, recognising it nanoseconds.
struct Selection {
  std::vector<Ref> from;          ///< layouts
  Ref names;                      ///< tuple of str; null: all of all layouts
  std::vector<Py_ssize_t> where;  ///< positions in the (one) layout, if there are names
  Ref layout;
};

// Latest first. Never destroyed: the interpreter may be gone by then.
auto& g_selections = *new std::list<Selection>;

template <typename Matches>
Selection* Recall(const Matches& matches) {
  const auto it = std::find_if(g_selections.begin(), g_selections.end(), matches);
  if (it == g_selections.end()) return nullptr;
  g_selections.splice(g_selections.begin(), g_selections, it);
  return &g_selections.front();
}

Selection* Remember(Selection selection) {
  g_selections.push_front(std::move(selection));
  // Dropping a layout may run Python code, which may come here.
  std::list<Selection> forgotten;
  if (g_selections.size() > kRemembered) {
    forgotten.splice(forgotten.begin(), g_selections, std::prev(g_selections.end()));
  }
  return &g_selections.front();
}

Block* AsBlock(PyObject* object) { return reinterpret_cast<Block*>(object); }
PyObject* AsObject(Layout* layout) { return reinterpret_cast<PyObject*>(layout); }

bool HasViews(Block* block) {
  return block->views.channels() != nullptr || block->layout->size() == 0;
}

bool SameNames(PyObject* tuple, PyObject* given) {
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(given);
  if (PyTuple_GET_SIZE(tuple) != count) return false;
  PyObject** items = PySequence_Fast_ITEMS(given);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* one = PyTuple_GET_ITEM(tuple, i);
    if (one == items[i]) continue;
    if (!PyUnicode_Check(items[i]) || PyUnicode_Compare(one, items[i]) != 0) return false;
  }
  return true;
}

/// The set of those channels of layouts which all have one; null if one has none.
Result<std::shared_ptr<const ChannelSet>> SetOf(const Selection& selection) {
  std::vector<Channel> channels;
  for (const Ref& from : selection.from) {
    const auto& set = AsLayout(from)->set;
    if (set == nullptr) return nullptr;
    if (selection.names) {
      for (const Py_ssize_t at : selection.where) {
        channels.push_back((*set)[static_cast<size_t>(at)]);
      }
    } else {
      channels.insert(channels.end(), set->channels().begin(), set->channels().end());
    }
  }
  return ChannelSet::Make(std::move(channels));
}

/// Completes a selection whose `names` of the result are known.
Selection* Make(Selection selection, Ref names) {
  Ref channels = Ref::Take(PyTuple_New(PyTuple_GET_SIZE(names.get())));
  Py_ssize_t next = 0;
  const auto add = [&](PyObject* all, Py_ssize_t at) {
    PyTuple_SET_ITEM(channels.get(), next++, Py_NewRef(PyTuple_GET_ITEM(all, at)));
  };
  for (const Ref& from : selection.from) {
    PyObject* all = channels ? ChannelsOf(AsLayout(from)) : nullptr;
    if (all == nullptr) return nullptr;
    if (selection.names) {
      for (const Py_ssize_t at : selection.where) add(all, at);
    } else {
      for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(all); ++at) add(all, at);
    }
  }
  auto set = SetOf(selection);
  if (!set.ok()) {
    Raise(set.status());
    return nullptr;
  }
  selection.layout = MakeLayout(std::move(names), std::move(channels), *std::move(set));
  return selection.layout ? Remember(std::move(selection)) : nullptr;
}

Selection* SelectionOf(Block* block, PyObject* names) {
  Selection* found = Recall([&](const Selection& one) {
    return one.names && one.from[0].get() == AsObject(block->layout) &&
           SameNames(one.names.get(), names);
  });
  if (found != nullptr) return found;
  Selection selection;
  selection.from.push_back(Ref::Share(AsObject(block->layout)));
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(names);
  Ref own = Ref::Take(PyTuple_New(count));
  for (Py_ssize_t i = 0; own && i < count; ++i) {
    PyObject* name = PySequence_Fast_GET_ITEM(names, i);
    const Py_ssize_t at = Find(block->layout, name);
    if (at < 0) {
      if (at == -1) PyErr_SetObject(PyExc_KeyError, name);
      return nullptr;
    }
    selection.where.push_back(at);
    PyTuple_SET_ITEM(own.get(), i, Py_NewRef(PyTuple_GET_ITEM(block->layout->names, at)));
  }
  selection.names = Ref::Share(own.get());
  return own ? Make(std::move(selection), std::move(own)) : nullptr;
}

Selection* SelectionOf(PyObject* blocks) {
  const Py_ssize_t count = PyList_GET_SIZE(blocks);
  const auto layout_at = [&](Py_ssize_t i) {
    return AsObject(AsBlock(PyList_GET_ITEM(blocks, i))->layout);
  };
  Selection* found = Recall([&](const Selection& one) {
    if (one.names || one.from.size() != static_cast<size_t>(count)) return false;
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (one.from[static_cast<size_t>(i)].get() != layout_at(i)) return false;
    }
    return true;
  });
  if (found != nullptr) return found;
  Selection selection;
  Py_ssize_t channels = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    selection.from.push_back(Ref::Share(layout_at(i)));
    channels += AsLayout(selection.from.back())->size();
  }
  Ref names = Ref::Take(PyTuple_New(channels));
  Py_ssize_t next = 0;
  for (const Ref& from : selection.from) {
    PyObject* some = AsLayout(from)->names;
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(some); ++i) {
      PyTuple_SET_ITEM(names.get(), next++, Py_NewRef(PyTuple_GET_ITEM(some, i)));
    }
  }
  return names ? Make(std::move(selection), std::move(names)) : nullptr;
}

/// Collects the channels of a new block.
class Gathering {
 public:
  Gathering(Block* first, const Selection& selection, bool views)
      : first_(first), views_(views), layout_(Ref::Share(selection.layout.get())) {
    const auto count = static_cast<size_t>(AsLayout(layout_)->size());
    arrays_.reserve(count);
    if (views) samples_.reserve(count);
  }
  bool Add(Block* block, Py_ssize_t at) {
    PyObject* array = views_ ? block->arrays[at] : ArrayOf(block, at);
    if (!views_ && array == nullptr) return false;
    arrays_.push_back(Ref::Share(array));
    if (views_) samples_.push_back(block->views.view(static_cast<size_t>(at)));
    return true;
  }
  void AddOwners(Block* block) {
    writable_ = writable_ && block->writable;
    if (!views_) return;
    for (const MemoryOwner& owner : block->views.owners()) owners_.push_back(owner);
  }
  PyObject* Finish() {
    auto set = views_ ? AsLayout(layout_)->set : nullptr;
    carryall::SeriesBlock views(GpsTime::FromNs(first_->time_ns),
                                Duration::FromNs(first_->duration_ns), std::move(set),
                                std::move(samples_), std::move(owners_));
    PyObject* made =
        MakeBlock(Py_TYPE(first_), std::move(views), std::move(layout_), writable_);
    if (made == nullptr) return nullptr;
    for (size_t i = 0; i < arrays_.size(); ++i) {
      AsBlock(made)->arrays[i] = arrays_[i].Release();
    }
    return made;
  }

 private:
  Block* first_;
  bool views_;
  Ref layout_;
  std::vector<Ref> arrays_;
  std::vector<SampleView> samples_;
  std::vector<MemoryOwner> owners_;
  bool writable_ = true;
};

}  // namespace

PyObject* Filter(PyObject* self, PyObject* const* args, Py_ssize_t count,
                 PyObject* keywords) {
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  if (count + named > 1 ||
      (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0),
                                                      "channels") != 0)) {
    return PyErr_Format(PyExc_TypeError, "filter() takes one argument, channels");
  }
  PyObject* given = count + named == 0 ? Py_None : args[0];
  if (given == Py_None) return Py_NewRef(self);
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    const Ref names = Ref::Take(PySequence_Fast(given, "expected names"));
    if (names && PySequence_Fast_GET_SIZE(names.get()) == 0) return Py_NewRef(self);
    Selection* selection = names ? SelectionOf(AsBlock(self), names.get()) : nullptr;
    if (selection == nullptr) return nullptr;
    const std::vector<Py_ssize_t> where = selection->where;
    Gathering parts(AsBlock(self), *selection, HasViews(AsBlock(self)));
    for (const Py_ssize_t at : where) {
      if (!parts.Add(AsBlock(self), at)) return nullptr;
    }
    parts.AddOwners(AsBlock(self));
    return parts.Finish();
  });
}

PyObject* Combine(PyObject*, PyObject* given) {
  return Guard<PyObject*>(nullptr, [&]() -> PyObject* {
    const Ref blocks = Ref::Take(PySequence_List(given));
    if (!blocks) return nullptr;
    bool views = true;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(blocks.get()); ++i) {
      PyObject* object = PyList_GET_ITEM(blocks.get(), i);
      if (!IsBlock(object)) return PyErr_Format(PyExc_TypeError, "expected SeriesBlocks");
      views = views && HasViews(AsBlock(object));
    }
    Selection* selection = SelectionOf(blocks.get());
    if (selection == nullptr) return nullptr;
    Gathering parts(AsBlock(PyList_GET_ITEM(blocks.get(), 0)), *selection,
                    views && AsLayout(selection->layout)->set != nullptr);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(blocks.get()); ++i) {
      Block* block = AsBlock(PyList_GET_ITEM(blocks.get(), i));
      for (Py_ssize_t at = 0; at < block->layout->size(); ++at) {
        if (!parts.Add(block, at)) return nullptr;
      }
      parts.AddOwners(block);
    }
    return parts.Finish();
  });
}

}  // namespace carryall::python
