#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace carryall {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Receives finished log lines. Called from any thread; must not throw.
using LogSink = void (*)(LogLevel level, std::string_view line);

/// Installs the process's sink (nullptr: discard, the initial state) and the lowest level
/// that is formatted at all. Libraries never print: programs and the Python package
/// install a sink.
void SetLogSink(LogSink sink, LogLevel lowest);
bool LogEnabled(LogLevel level);
void LogLine(LogLevel level, std::string_view line);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace carryall
