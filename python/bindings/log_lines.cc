#include "bindings/log_lines.h"

#include <mutex>
#include <string>
#include <vector>

#include "bindings/python_api.h"
#include "carryall/base/log.h"

namespace carryall::python {
namespace {

constexpr size_t kMostLines = 1000;  // between two calls; more are dropped

struct Line {
  LogLevel level;
  std::string text;
};

std::mutex g_mutex;
auto& g_lines = *new std::vector<Line>;

void Collect(LogLevel level, std::string_view text) {
  const std::lock_guard lock(g_mutex);
  if (g_lines.size() < kMostLines) g_lines.push_back({level, std::string(text)});
}

const char* MethodOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

void InstallLogSink() { SetLogSink(Collect, LogLevel::kInfo); }

void PassLogLines() {
  std::vector<Line> lines;
  {
    const std::lock_guard lock(g_mutex);
    lines.swap(g_lines);
  }
  if (lines.empty()) return;
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  const Ref logging = Ref::Take(PyImport_ImportModule("logging"));
  const Ref logger =
      Ref::Take(logging ? PyObject_CallMethod(logging.get(), "getLogger", "s", "arrakis")
                        : nullptr);
  for (const Line& line : lines) {
    const Ref done =
        Ref::Take(logger ? PyObject_CallMethod(logger.get(), MethodOf(line.level), "ss",
                                               "%s", line.text.c_str())
                         : nullptr);
    if (!done) PyErr_WriteUnraisable(nullptr);
  }
  PyErr_Restore(type, value, trace);
}

}  // namespace carryall::python
