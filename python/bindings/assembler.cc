// Messages of several partitions as one batch in column form.
#include "bindings/assembler.h"

#include <arrow/python/pyarrow.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include "bindings/blocking.h"
#include "bindings/layout.h"
#include "carryall/codec/assemble.h"
#include "carryall/codec/decoder.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/stream_shape.h"

namespace carryall::python {
namespace {

namespace nb = nanobind;

constexpr int64_t kMostBytes = int64_t{4} << 30;  // of one output batch

[[noreturn]] void Fail(const Status& status) {
  Raise(status);
  throw nb::python_error();
}

template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) Fail(result.status());
  return *std::move(result);
}

/// What comes of one partition: which rows are wanted, and where their samples go.
struct Source {
  std::shared_ptr<const ChannelSet> channels;
  codec::IdTable ids;
  std::vector<int32_t> positions;  // of its channels in the output
  std::shared_ptr<arrow::Schema> schema;
  std::unique_ptr<codec::RowBatchReader> reader;  // of batches of that schema
};

class Assembler {
 public:
  /// `channels`, of the columns of `schema` behind `time`; of each source its rows: the
  /// id and the position of the channel.
  Assembler(const nb::list& channels, nb::handle schema,
            const std::vector<std::vector<std::pair<uint32_t, int32_t>>>& sources) {
    schema_ = Take(arrow::py::unwrap_schema(schema.ptr()));
    if (schema_->num_fields() != static_cast<int>(nb::len(channels)) + 1) {
      Fail(Error(ErrorKind::kInvalidArgument, "schema of {} fields for {} channels",
                 schema_->num_fields(), nb::len(channels)));
    }
    std::vector<Channel> made;
    for (const nb::handle channel : channels) {
      const int field = static_cast<int>(made.size()) + 1;
      made.push_back(Take(
          FromPython(channel.ptr(), Take(codec::SampleTypeOf(*schema_->field(field))))));
    }
    for (const auto& rows : sources) {
      Source source;
      std::vector<Channel> wanted;
      for (const auto& [id, position] : rows) {
        if (id >= source.ids.size()) source.ids.resize(id + size_t{1}, -1);
        source.ids[id] = static_cast<int32_t>(wanted.size());
        wanted.push_back(made.at(static_cast<size_t>(position)));
        source.positions.push_back(position);
      }
      if (!wanted.empty()) source.channels = Take(ChannelSet::Make(std::move(wanted)));
      sources_.push_back(std::move(source));
    }
    channels_ = Take(ChannelSet::Make(std::move(made)));
  }

  Assembler(const Assembler&) = delete;
  Assembler& operator=(const Assembler&) = delete;

  /// [time, time + duration) as one row; what no message has is missing.
  nb::object Assemble(int64_t time_ns, int64_t duration_ns,
                      const std::vector<std::pair<size_t, nb::object>>& messages) {
    const GpsTime start = GpsTime::FromNs(time_ns);
    auto assembler = Take(codec::SpanAssembler::Make(
        start, start + Duration::FromNs(duration_ns), channels_, kMostBytes));
    for (const auto& [at, object] : messages) {
      Source& source = sources_.at(at);
      if (source.channels == nullptr) continue;
      const auto batch = Take(arrow::py::unwrap_batch(object.ptr()));
      if (source.schema == nullptr || !source.schema->Equals(*batch->schema())) {
        source.reader = Take(
            codec::RowBatchReader::Make(*batch->schema(), source.channels, source.ids));
        source.schema = batch->schema();
      }
      const SeriesBlock block = Take(source.reader->Read(batch));
      const Status placed = assembler->Place(block, source.positions);
      if (!placed.ok()) Fail(placed);
    }
    const auto batch = Take(codec::ToColumnBatch(assembler->Finish()));
    return Checked(Ref::Take(arrow::py::wrap_batch(
        arrow::RecordBatch::Make(schema_, batch->num_rows(), batch->columns()))));
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<const ChannelSet> channels_;
  std::vector<Source> sources_;
};

}  // namespace

void BindAssembler(nb::module_& m) {
  using nb::arg;
  nb::class_<Assembler>(m, "Assembler")
      .def(nb::init<nb::list, nb::handle,
                    std::vector<std::vector<std::pair<uint32_t, int32_t>>>>(),
           arg("channels"), arg("schema"), arg("sources"))
      .def("assemble", &Assembler::Assemble, arg("time"), arg("duration"),
           arg("messages"));
}

}  // namespace carryall::python
