#pragma once

#include <nanobind/nanobind.h>

#include "bindings/errors.h"
#include "bindings/log_lines.h"
#include "carryall/client/client.h"

namespace carryall::python {

/// How Ctrl-C ends a call: its signal handler runs in the calling thread while the core
/// polls.
inline client::CallContext Interruptible() {
  client::CallContext context;
  context.poll = []() -> Status {
    const nanobind::gil_scoped_acquire gil;
    PassLogLines();
    if (PyErr_Occurred() || PyErr_CheckSignals() != 0) {
      return Error(ErrorKind::kCancelled, "interrupted");
    }
    return Status::OK();
  };
  return context;
}

inline Status StatusOf(const Status& status) { return status; }
template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}

/// Runs a blocking call of the core without the GIL. Its error, or the exception of a
/// signal handler that ran meanwhile, is raised.
template <typename Call>
auto Blocking(Call&& call) {
  auto result = [&] {
    const nanobind::gil_scoped_release no_gil;
    return call();
  }();
  PassLogLines();
  if (!StatusOf(result).ok()) RaiseOfCall(StatusOf(result));
  if (PyErr_Occurred()) throw nanobind::python_error();
  if constexpr (!std::is_same_v<decltype(result), Status>) return *std::move(result);
}

/// An object that a C function made, or the exception it set.
inline nanobind::object Checked(Ref ref) {
  if (!ref) throw nanobind::python_error();
  return nanobind::steal(ref.Release());
}

}  // namespace carryall::python
