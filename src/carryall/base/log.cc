#include "carryall/base/log.h"

#include <atomic>

namespace carryall {
namespace {
std::atomic<LogSink> g_sink{nullptr};
std::atomic<LogLevel> g_lowest{LogLevel::kInfo};
}  // namespace

void SetLogSink(LogSink sink, LogLevel lowest) {
  g_lowest.store(lowest);
  g_sink.store(sink);
}

bool LogEnabled(LogLevel level) {
  return g_sink.load(std::memory_order_relaxed) != nullptr &&
         level >= g_lowest.load(std::memory_order_relaxed);
}

void LogLine(LogLevel level, std::string_view line) {
  if (LogSink sink = g_sink.load()) sink(level, line);
}

}  // namespace carryall
