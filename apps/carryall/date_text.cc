#include "date_text.h"

#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <string>
#include <vector>

namespace carryall::apps {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400;
constexpr size_t kMaxTextBytes = 100;

std::optional<int64_t> Number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  const bool all = error == std::errc() && end == text.data() + text.size();
  return all && !text.empty() && text[0] != '-' ? std::optional(value) : std::nullopt;
}

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = std::min(text.find_first_of(separators), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

// Position of the name that `word` is, in full or by its first three letters; or nothing.
template <size_t kCount>
std::optional<size_t> NameIn(const std::array<std::string_view, kCount>& names,
                             std::string_view word) {
  for (size_t i = 0; i < kCount; ++i) {
    if (word == names[i] || word == names[i].substr(0, 3)) return i;
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

class DateReader {
 public:
  // Whether `word` is a part of a date.
  bool Take(std::string_view word) {
    if (const auto month = NameIn(kMonths, word)) return Set(&month_, *month + 1);
    if (NameIn(kDays, word)) return true;
    if (word == "utc" || word == "gmt" || word == "z") return Set(&zone_, 0);
    if (word == "am" || word == "pm") return Set(&half_, word == "pm" ? 12 : 0);
    if (word[0] == '+' || word[0] == '-') return TakeZone(word);
    if (word.size() > 11 && word[10] == 't') {
      return TakeNumericDate(word.substr(0, 10)) && Take(word.substr(11));
    }
    if (word.find(':') != std::string_view::npos) return TakeTime(word);
    if (word.find_first_of("/-") != std::string_view::npos) return TakeNumericDate(word);
    return TakeNumber(word);
  }

  std::optional<int64_t> unix_ns() const {
    using namespace std::chrono;  // NOLINT(google-build-using-namespace): calendar
    if (!year_ || !month_ || !day_ || *year_ < 1970 || *year_ > 2200) return std::nullopt;
    const year_month_day date{year(static_cast<int>(*year_)),
                              month(static_cast<unsigned>(*month_)),
                              day(static_cast<unsigned>(*day_))};
    int64_t hour = hour_.value_or(0);
    if (half_) {
      if (!hour_ || hour < 1 || hour > 12) return std::nullopt;
      hour = hour % 12 + *half_;
    }
    if (!date.ok() || hour > 23) return std::nullopt;
    const int64_t seconds = sys_days(date).time_since_epoch().count() * kDay +
                            hour * 3600 + minute_ * 60 - zone_.value_or(0);
    return seconds * kSecond + second_ns_;
  }

 private:
  static bool Set(std::optional<int64_t>* field, std::optional<int64_t> value) {
    if (*field || !value) return false;
    *field = value;
    return true;
  }

  // "1:46", "01:46:25.5", with a zone behind it: "01:46:25+02:00", "01:46z".
  bool TakeTime(std::string_view word) {
    if (const size_t zone = word.find_first_of("+-z"); zone != std::string_view::npos) {
      if (!Take(word.substr(zone))) return false;
      word = word.substr(0, zone);
    }
    for (const std::string_view half : {"am", "pm"}) {
      if (!word.ends_with(half)) continue;
      if (!Take(half)) return false;
      word.remove_suffix(2);
    }
    const auto parts = Split(word, ":");
    if (parts.size() < 2 || parts.size() > 3 || !Set(&hour_, Number(parts[0]))) {
      return false;
    }
    return SetMinute(parts[1]) && (parts.size() == 2 || SetSecond(parts[2]));
  }
  bool SetMinute(std::string_view text) {
    minute_ = Number(text).value_or(60);
    return minute_ < 60 && text.size() == 2;
  }
  bool SetSecond(std::string_view text) {
    const auto parts = Split(text, ".");
    const auto whole = Number(parts[0]);
    if (!whole || *whole > 59 || parts.size() > 2) return false;
    second_ns_ = *whole * kSecond;
    if (parts.size() == 1) return true;
    std::string decimals(parts[1].substr(0, 9));
    decimals.resize(9, '0');
    const auto fraction = Number(decimals);
    if (!fraction || parts[1].empty() || parts[1].size() > 9) return false;
    second_ns_ += *fraction;
    return true;
  }

  // "+02:00", "-0500", "+02".
  bool TakeZone(std::string_view word) {
    std::string digits;
    for (const char c : word.substr(1)) {
      if (c != ':') digits += c;
    }
    if (digits.size() == 2) digits += "00";
    const auto value = Number(digits);
    if (digits.size() != 4 || !value || *value % 100 > 59 || *value > 1400) return false;
    const int64_t seconds = *value / 100 * 3600 + *value % 100 * 60;
    return Set(&zone_, word[0] == '-' ? -seconds : seconds);
  }

  // "2011-09-14", "2011/9/14", "09/14/2011".
  bool TakeNumericDate(std::string_view word) {
    const auto parts = Split(word, "/-");
    if (parts.size() != 3) return false;
    const bool year_first = parts[0].size() == 4;
    return (year_first || word.find('/') != std::string_view::npos) &&
           parts[year_first ? 0 : 2].size() == 4 &&
           Set(&year_, Number(parts[year_first ? 0 : 2])) &&
           Set(&month_, Number(parts[year_first ? 1 : 0])) &&
           Set(&day_, Number(parts[year_first ? 2 : 1]));
  }

  // A year, a day, or "20110914[t014625]".
  bool TakeNumber(std::string_view word) {
    if (word.size() == 15 && word[8] == 't') {
      return TakeNumber(word.substr(0, 8)) && Set(&hour_, Number(word.substr(9, 2))) &&
             SetMinute(word.substr(11, 2)) && SetSecond(word.substr(13, 2));
    }
    if (word.size() == 8) {
      return Set(&year_, Number(word.substr(0, 4))) &&
             Set(&month_, Number(word.substr(4, 2))) &&
             Set(&day_, Number(word.substr(6, 2)));
    }
    if (word.size() == 4) return Set(&year_, Number(word));
    return word.size() <= 2 && Set(&day_, Number(word));
  }

  std::optional<int64_t> year_, month_, day_, hour_, zone_, half_;
  int64_t minute_ = 0, second_ns_ = 0;
};

// A time so many units away from `now`; months and years as the calendar has them.
std::optional<int64_t> Away(int64_t now, int64_t count, std::string_view unit) {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace): calendar
  if (count > 100'000'000 || count < -100'000'000) return std::nullopt;
  if (unit.ends_with('s')) unit.remove_suffix(1);
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"second", 1},  {"sec", 1},    {"minute", 60},    {"min", 60},
      {"hour", 3600}, {"day", kDay}, {"week", 7 * kDay}};
  for (const auto& [name, seconds] : kUnits) {
    int64_t out = 0;
    if (unit != name) continue;
    if (__builtin_mul_overflow(count * seconds, kSecond, &out) ||
        __builtin_add_overflow(now, out, &out)) {
      return std::nullopt;
    }
    return out;
  }
  if ((unit != "month" && unit != "year") || count > 2400 || count < -2400) {
    return std::nullopt;
  }
  const sys_time<nanoseconds> time{nanoseconds(now)};
  const auto today = floor<days>(time);
  year_month_day date(today);
  date += unit == "month" ? months(count) : months(12 * count);
  if (!date.ok()) date = date.year() / date.month() / last;
  return (sys_days(date) + (time - today)).time_since_epoch().count();
}

std::optional<int64_t> Relative(const std::vector<std::string_view>& words, int64_t now) {
  if (words.size() == 1) {
    if (words[0] == "now" || words[0] == "today") return now;
    if (words[0] == "yesterday") return Away(now, -1, "day");
    if (words[0] == "tomorrow") return Away(now, 1, "day");
    return std::nullopt;
  }
  if (words.size() == 3 && words[2] == "ago") {
    const auto count = Number(words[0]);
    return count ? Away(now, -*count, words[1]) : std::nullopt;
  }
  if (words.size() == 4 && words[0] == "now" && (words[1] == "-" || words[1] == "+")) {
    const auto count = Number(words[2]);
    return count ? Away(now, words[1] == "-" ? -*count : *count, words[3]) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> ParseDateText(std::string_view text, int64_t now) {
  if (text.size() > kMaxTextBytes) return std::nullopt;
  std::string lower(text);
  for (char& c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::vector<std::string_view> words;
  for (const std::string_view word : Split(lower, " ,")) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.empty()) return std::nullopt;
  if (const auto relative = Relative(words, now)) return relative;
  DateReader reader;
  for (const std::string_view word : words) {
    if (!reader.Take(word)) return std::nullopt;
  }
  return reader.unix_ns();
}

}  // namespace carryall::apps
