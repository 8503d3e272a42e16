#pragma once

#include <nanobind/nanobind.h>

#include "bindings/errors.h"
#include "bindings/lifetime.h"
#include "bindings/log_lines.h"
#include "carryall/client/client.h"

namespace carryall::python {

/// Ends calls from another thread: those that `Run` makes, and those that come after.
class Cancellation {
 public:
  void Cancel() { stop_.request_stop(); }
  nanobind::object Run(const nanobind::callable& function) {
    const Scope scope(stop_.get_token());
    return function();
  }
  /// Whether whoever runs on this thread has been told to stop.
  static bool Requested() { return g_current.stop_requested(); }

 private:
  class Scope {
   public:
    explicit Scope(std::stop_token token)
        : outer_(std::exchange(g_current, std::move(token))) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { g_current = std::move(outer_); }

   private:
    std::stop_token outer_;
  };
  static inline thread_local std::stop_token g_current;
  std::stop_source stop_;
};

/// What ends a call beside its deadlines: `owner` (its client or stream was closed), a
/// Cancellation, Ctrl-C, whose signal handler runs in the calling thread while the core
/// polls, and the exit of the interpreter.
inline client::CallContext Interruptible(std::stop_token owner = {}) {
  client::CallContext context;
  context.stop = std::move(owner);
  context.poll = []() -> Status {
    if (CallsEnd()) return Error(ErrorKind::kCancelled, "the interpreter exits");
    if (Cancellation::Requested()) return Error(ErrorKind::kCancelled, "cancelled");
    const GilIfAny gil;
    if (!gil) return Error(ErrorKind::kCancelled, "the interpreter is gone");
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

/// Raises the exception for a status that is not OK.
inline void RaiseUnlessOk(const Status& status) {
  if (!status.ok()) Raise(status);
  if (PyErr_Occurred()) throw nanobind::python_error();
}

/// Runs a blocking call of the core without the GIL. Its error, or the exception of a
/// signal handler that ran meanwhile, is raised.
template <typename Call>
auto Blocking(Call&& call) {
  RaiseUnlessOk(EnterCore());
  auto result = WithoutGil(call);
  PassLogLines();
  if (!StatusOf(result).ok()) RaiseOfCall(StatusOf(result));
  if (PyErr_Occurred()) throw nanobind::python_error();
  if constexpr (!std::is_same_v<decltype(result), Status>) return *std::move(result);
}

/// Destroys what may join threads or wait for what is under way.
template <typename Pointer>
void LetGo(Pointer& core) {
  if (core == nullptr) return;
  if (IsOrphan()) {
    new Pointer(std::move(core));  // never destroyed
    return;
  }
  WithoutGil([&] { core.reset(); });
}

/// An object that a C function made, or the exception it set.
inline nanobind::object Checked(Ref ref) {
  if (!ref) throw nanobind::python_error();
  return nanobind::steal(ref.Release());
}

}  // namespace carryall::python
