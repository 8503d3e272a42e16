#pragma once

#include "bindings/python_api.h"
#include "carryall/base/status.h"

namespace carryall::python {

/// Before any call of the core that may start threads: kUnsupported in a process that was
/// forked off one in which such a call had been made. The threads of connections stay
/// behind in a fork, and whoever waits for them would wait for ever.
Status EnterCore();

/// Whether this is such a process. What the core made before the fork must not be
/// destroyed here, for the same reason.
bool IsOrphan();

/// From the exit of the interpreter on every call ends soon, with kCancelled.
void EndAllCalls();
bool CallsEnd();

/// PyEval_RestoreThread for threads that have C++ above them. When the interpreter ends,
/// CPython (before 3.14) unwinds daemon threads that ask for the GIL, through frames that
/// must not be unwound; such a thread waits here until the process is gone.
void TakeGil(PyThreadState* state);

/// Runs `call` without the GIL.
template <typename Call>
auto WithoutGil(Call&& call) {
  class Gil {
   public:
    Gil() : state_(PyEval_SaveThread()) {}
    Gil(const Gil&) = delete;
    Gil& operator=(const Gil&) = delete;
    ~Gil() { TakeGil(state_); }

   private:
    PyThreadState* state_;
  };
  const Gil no_gil;
  return call();
}

/// Has the GIL for as long as it lives, on any thread, unless the interpreter is gone.
class GilIfAny {
 public:
  GilIfAny();
  GilIfAny(const GilIfAny&) = delete;
  GilIfAny& operator=(const GilIfAny&) = delete;
  ~GilIfAny();
  explicit operator bool() const { return has_; }

 private:
  bool has_ = false;
  PyGILState_STATE state_{};
};

}  // namespace carryall::python
