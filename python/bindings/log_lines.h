#pragma once

namespace carryall::python {

/// Collects the core's log lines, which come from any thread, without touching Python.
void InstallLogSink();

/// Hands the lines collected so far to the logger "carryall". Needs the GIL; called by
/// the thread of a call, so that no other thread ever waits for Python. What a handler
/// raises is reported as unraisable.
void PassLogLines();

}  // namespace carryall::python
