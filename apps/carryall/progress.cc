#include "progress.h"

#include <algorithm>
#include <cstdio>

#include "text.h"

namespace carryall::apps {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPatience{1};

void WriteToStderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string FormatBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes)
                   : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

void ProgressLine::Update(int64_t bytes, GpsTime complete_until,
                          const std::string& waiting_for) {
  if (!shown_) return;
  bytes_ = bytes;
  complete_until_ = complete_until;
  waiting_for_ = waiting_for;
  updated_ = SteadyNow();
  Draw(updated_);
}

void ProgressLine::Wait(const std::string& waiting_for) {
  if (!shown_) return;
  const SteadyTime now = SteadyNow();
  if (now - updated_ < kPatience) return;
  waiting_for_ = waiting_for;
  Draw(now);
}

void ProgressLine::Draw(SteadyTime now) {
  if (drawn_ && now - *drawn_ < kRedraw) return;
  drawn_ = now;
  std::string line = FormatBytes(bytes_);
  if (start_ && complete_until_) {
    const double done = std::max(0.0, (*complete_until_ - *start_).seconds());
    line += fmt::format(", {:.1f}", done);
    if (end_ && *end_ > *start_) {
      const double span = (*end_ - *start_).seconds();
      line += fmt::format(" of {:.1f} s ({:.0f} %)", span,
                          std::min(100.0, 100 * done / span));
    } else {
      line += " s";
    }
  }
  if (!waiting_for_.empty()) line += ", waiting for " + Printable(waiting_for_);
  WriteToStderr(fmt::format("\r\x1b[K{}", line));
}

void ProgressLine::Clear() {
  if (drawn_) WriteToStderr("\r\x1b[K");
  drawn_.reset();
}

}  // namespace carryall::apps
