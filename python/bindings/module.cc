#include <arrow/python/pyarrow.h>
#include <nanobind/nanobind.h>

#include "bindings/arrays.h"
#include "bindings/assembler.h"
#include "bindings/block.h"
#include "bindings/client.h"
#include "bindings/errors.h"
#include "bindings/kafka_consumer.h"
#include "bindings/lifetime.h"
#include "bindings/mask.h"
#include "bindings/proxy.h"
#include "bindings/publisher.h"
#include "bindings/wire.h"
#include "carryall/base/heap.h"
#include "carryall/kernels/dispatch.h"

namespace nb = nanobind;

NB_MODULE(_core, m) {
  using namespace carryall::python;  // NOLINT(google-build-using-namespace)
  m.doc() = "What the package carryall has in C++. Use the modules beside it.";
  if (arrow::py::import_pyarrow() != 0 || !InitArrays() || !InitLayouts() ||
      !InitBlocks(m.ptr())) {
    throw nb::python_error();
  }
  // For arrays as well: of 67 us that a mask of a megabyte took, 40 went into faulting
  // its pages in (the case mask of the benchmarks).
  carryall::TuneHeap();
  m.def("set_channel_maker", [](nb::object maker) { SetChannelMaker(maker.ptr()); });
  m.def("set_block_types",
        [](nb::type_object block, nb::type_object series, nb::type_object channels) {
          SetBlockType(reinterpret_cast<PyTypeObject*>(block.ptr()));
          SetSeriesType(reinterpret_cast<PyTypeObject*>(series.ptr()));
          SetChannelsType(channels.ptr());
        });
  m.def("error_table", [] { return nb::steal<nb::list>(ErrorTableAsList()); });
  m.def(
      "kernels", [] { return carryall::kernels::Best().name; },
      "The instruction sets that the kernels use here.");
  m.def(
      "bitmap_to_mask",
      [](nb::handle bitmap, int64_t offset, int64_t length) {
        PyObject* mask = MaskFromBitmap(bitmap.ptr(), offset, length);
        if (mask == nullptr) throw nb::python_error();
        return nb::steal(mask);
      },
      nb::arg("bitmap"), nb::arg("offset"), nb::arg("length"),
      "Boolean mask of a validity bitmap (least significant bit first): True = missing.");
  m.def("end_all_calls", &EndAllCalls, "Blocking calls end soon, for good.");
  BindClient(m);
  BindPublisher(m);
  BindWire(m);
  BindAssembler(m);
  BindKafkaConsumer(m);
  BindProxy(m);
}
