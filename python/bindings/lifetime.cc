#include "bindings/lifetime.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace carryall::python {
namespace {

std::atomic<bool> g_entered = false;
std::atomic<bool> g_orphan = false;
std::atomic<bool> g_calls_end = false;

void InChild() {
  if (g_entered.load()) g_orphan.store(true);
}

[[noreturn]] void WaitForTheEnd() {
  while (true) pause();
}

}  // namespace

Status EnterCore() {
  static const int watching = pthread_atfork(nullptr, nullptr, InChild);
  if (watching != 0) return Error(ErrorKind::kInternal, "cannot watch for forks");
  if (IsOrphan()) {
    return Error(ErrorKind::kUnsupported,
                 "this process was forked off one that had used carryall, whose "
                 "connections do not survive that: start it with multiprocessing's "
                 "\"spawn\" or \"forkserver\", or fork before the first call");
  }
  g_entered.store(true);
  return Status::OK();
}

bool IsOrphan() { return g_orphan.load(std::memory_order_relaxed); }

void EndAllCalls() { g_calls_end.store(true); }
bool CallsEnd() { return g_calls_end.load(std::memory_order_relaxed); }

void TakeGil(PyThreadState* state) {
  try {
    PyEval_RestoreThread(state);
  } catch (...) {  // the unwinding; leaving this handler would end the process
    WaitForTheEnd();
  }
}

GilIfAny::GilIfAny() {
  if (!Py_IsInitialized()) return;
  try {
    state_ = PyGILState_Ensure();
    has_ = true;
  } catch (...) {
    WaitForTheEnd();
  }
}

GilIfAny::~GilIfAny() {
  if (has_) PyGILState_Release(state_);
}

}  // namespace carryall::python
