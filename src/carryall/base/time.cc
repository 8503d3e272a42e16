#include "carryall/base/time.h"

#include <array>
#include <charconv>
#include <numeric>

#include "carryall/base/clock.h"

namespace carryall {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kGpsEpochUnix = 315'964'800;

// UNIX seconds at which each leap second after the GPS epoch took effect
// (IERS Bulletin C; the 18th at 2017-01-01).
constexpr std::array<int64_t, 18> kLeapUnix = {
    362793600, 394329600,  425865600,  489024000,  567993600,  631152000,
    662688000, 709948800,  741484800,  773020800,  820454400,  867715200,
    915148800, 1136073600, 1230768000, 1341100800, 1435708800, 1483228800};

int64_t FloorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

class SystemClock final : public Clock {
 public:
  GpsTime Now() const override {
    using std::chrono::duration_cast;
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return GpsFromUnix(duration_cast<std::chrono::nanoseconds>(since).count());
  }
};

bool ParseDigits(std::string_view text, int64_t* out) {
  if (text.empty() || text.size() > 18) return false;
  int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  *out = value;
  return true;
}

// "[-]123[.456]" -> nanoseconds.
bool ParseDecimal(std::string_view text, int64_t* out) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const size_t dot = text.find('.');
  std::string_view whole = text.substr(0, dot);
  std::string_view fraction =
      dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (whole.empty() && fraction.empty()) return false;
  if (fraction.size() > 9) return false;
  int64_t seconds = 0, nanos = 0;
  if (!whole.empty() && !ParseDigits(whole, &seconds)) return false;
  if (!fraction.empty() && !ParseDigits(fraction, &nanos)) return false;
  for (size_t i = fraction.size(); i < 9; ++i) nanos *= 10;
  int64_t total = 0;
  if (__builtin_mul_overflow(seconds, kSecond, &total) ||
      __builtin_add_overflow(total, nanos, &total)) {
    return false;
  }
  *out = negative ? -total : total;
  return true;
}

// "YYYY-MM-DD[(T| )HH:MM[:SS[.fff]]][Z| UTC]" -> UNIX nanoseconds.
bool ParseDate(std::string_view text, int64_t* unix_ns) {
  for (std::string_view zone : {" UTC", "UTC", "Z", "+00:00"}) {
    if (text.ends_with(zone)) {
      text.remove_suffix(zone.size());
      break;
    }
  }
  int64_t y = 0, m = 0, d = 0, hh = 0, mm = 0, seconds_ns = 0;
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return false;
  if (!ParseDigits(text.substr(0, 4), &y) || !ParseDigits(text.substr(5, 2), &m) ||
      !ParseDigits(text.substr(8, 2), &d)) {
    return false;
  }
  text.remove_prefix(10);
  if (!text.empty()) {
    if ((text[0] != 'T' && text[0] != ' ') || text.size() < 6 || text[3] != ':' ||
        !ParseDigits(text.substr(1, 2), &hh) || !ParseDigits(text.substr(4, 2), &mm)) {
      return false;
    }
    text.remove_prefix(6);
    if (!text.empty() && (text[0] != ':' || text.size() < 3 || text[1] == '-' ||
                          !ParseDecimal(text.substr(1), &seconds_ns))) {
      return false;
    }
  }
  using namespace std::chrono;  // NOLINT(google-build-using-namespace): calendar literals
  const year_month_day date{year(static_cast<int>(y)), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d))};
  if (!date.ok() || hh > 23 || mm > 59 || seconds_ns >= 60 * kSecond) return false;
  const int64_t days = sys_days(date).time_since_epoch().count();
  return !__builtin_mul_overflow(days * 86400 + hh * 3600 + mm * 60, kSecond, unix_ns) &&
         !__builtin_add_overflow(*unix_ns, seconds_ns, unix_ns);
}

}  // namespace

const Clock& Clock::System() {
  static const SystemClock clock;
  return clock;
}

Result<Duration> LeastCommonMultiple(Duration a, Duration b) {
  const int64_t part = a.ns() / std::gcd(a.ns(), b.ns());
  int64_t out = 0;
  if (__builtin_mul_overflow(part, b.ns(), &out)) {
    return Error(ErrorKind::kInvalidArgument,
                 "strides have no common multiple in range: {} ns and {} ns", a.ns(),
                 b.ns());
  }
  return Duration::FromNs(out);
}

GpsTime GpsFromUnix(int64_t unix_ns) {
  const int64_t seconds = FloorDiv(unix_ns, kSecond);
  int64_t leap = 0;
  for (int64_t at : kLeapUnix) leap += seconds >= at;
  return GpsTime::FromNs(unix_ns - (kGpsEpochUnix - leap) * kSecond);
}

int64_t UnixFromGps(GpsTime time) {
  const int64_t seconds = FloorDiv(time.ns(), kSecond);
  int64_t leap = 0;
  for (int64_t at : kLeapUnix) leap += seconds - leap + kGpsEpochUnix >= at + 1;
  return time.ns() + (kGpsEpochUnix - leap) * kSecond;
}

Result<GpsTime> ParseGpsTime(std::string_view text, GpsTime now) {
  int64_t ns = 0;
  if (ParseDecimal(text, &ns)) return GpsTime::FromNs(ns);
  if (text == "now") return now;
  if (text.starts_with("now-") || text.starts_with("now+")) {
    if (text.size() > 4 && text[4] != '-' && text[4] != '+' &&
        ParseDecimal(text.substr(4), &ns)) {
      return text[3] == '-' ? now - Duration::FromNs(ns) : now + Duration::FromNs(ns);
    }
  }
  if (ParseDate(text, &ns)) return GpsFromUnix(ns);
  return Error(ErrorKind::kInvalidArgument,
               "not a time: expected GPS seconds, an ISO date time (UTC), 'now' or "
               "'now-SECONDS', got '{}'",
               text);
}

Result<Duration> ParseSeconds(std::string_view text) {
  int64_t ns = 0;
  if (ParseDecimal(text, &ns)) return Duration::FromNs(ns);
  return Error(ErrorKind::kInvalidArgument,
               "not a number of seconds with at most nine decimals: '{}'", text);
}

std::string FormatSeconds(int64_t ns) {
  const bool negative = ns < 0;
  const uint64_t magnitude =
      negative ? uint64_t{0} - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  std::string out = fmt::format("{}{}.{:09}", negative ? "-" : "", magnitude / kSecond,
                                magnitude % kSecond);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

}  // namespace carryall
