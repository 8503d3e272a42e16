#include "bindings/wire.h"

#include <arrow/python/pyarrow.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <array>

#include "bindings/blocking.h"
#include "bindings/errors.h"
#include "carryall/base/time.h"
#include "carryall/wire/request.h"
#include "carryall/wire/schemas.h"

namespace carryall::python {
namespace {

namespace nb = nanobind;

constexpr std::array kRequestTypes = {
    wire::RequestType::kFind,     wire::RequestType::kCount,
    wire::RequestType::kDescribe, wire::RequestType::kStream,
    wire::RequestType::kPublish,  wire::RequestType::kPartition};

const std::shared_ptr<arrow::Schema>& SchemaOf(std::string_view name) {
  if (name == "metadata") return wire::MetadataSchema();
  if (name == "partition") return wire::PartitionSchema();
  if (name == "count") return wire::CountSchema();
  if (name == "publish") return wire::PublishSchema();
  Raise(ErrorKind::kInvalidArgument, "no such schema: {}", name);
  throw nb::python_error();
}

std::vector<std::string_view> ArgumentsOf(std::string_view name) {
  for (const wire::RequestType type : kRequestTypes) {
    if (wire::Name(type) == name) return wire::ArgumentNames(type);
  }
  Raise(ErrorKind::kInvalidArgument, "no such request: {}", name);
  throw nb::python_error();
}

void CheckRequest(std::string_view json) {
  const Status status = wire::ParseRequest(json).status();
  if (status.ok() || KindOf(status) == ErrorKind::kUnknownArgument) return;
  RaiseOfCall(status);
  throw nb::python_error();
}

}  // namespace

void BindWire(nb::module_& m) {
  using nb::arg;
  m.attr("SCHEMA_VERSION") = nb::str(wire::kSchemaVersion.data());
  m.def(
      "wire_schema",
      [](std::string_view name) {
        return Checked(Ref::Take(arrow::py::wrap_schema(SchemaOf(name))));
      },
      arg("name"), "The schema of an answer: metadata, partition, count or publish.");
  m.def("request_arguments", &ArgumentsOf, arg("request"),
        "The arguments that a request has.");
  m.def(
      "check_request", &CheckRequest, arg("json"),
      "Refuses the text of a request that the protocol does; arguments that it does not "
      "have pass.");
  m.def(
      "gps_from_unix", [](int64_t unix_ns) { return GpsFromUnix(unix_ns).ns(); },
      arg("unix_ns"), "UTC in ns since 1970 as GPS ns.");
  m.def(
      "unix_from_gps",
      [](int64_t gps_ns) { return UnixFromGps(GpsTime::FromNs(gps_ns)); }, arg("gps_ns"),
      "GPS ns as UTC in ns since 1970.");
}

}  // namespace carryall::python
