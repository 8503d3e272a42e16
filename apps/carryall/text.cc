#include "text.h"

#include <arrow/util/bit_util.h>
#include <arrow/util/float16.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

namespace carryall::apps {
namespace {

template <typename T>
T Load(const SampleView& view, int64_t i) {
  T out;
  std::memcpy(&out, view.values + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return out;
}

// Digits of a finite number, with a point or exponent to tell it from an integer.
template <typename T>
void AppendFloat(T value, SampleText form, std::string* out) {
  if (std::isnan(value)) {
    out->append(form == SampleText::kExact ? "NaN" : "nan");
  } else if (std::isinf(value)) {
    if (value < 0) out->push_back('-');
    out->append(form == SampleText::kExact ? "Infinity" : "inf");
  } else {
    const size_t begin = out->size();
    fmt::format_to(std::back_inserter(*out), "{}", value);
    if (out->find_first_of(".e", begin) == std::string::npos) out->append(".0");
  }
}

void AppendHalf(uint16_t bits, SampleText form, std::string* out) {
  using arrow::util::Float16;
  const double value = Float16::FromBits(bits).ToDouble();
  if (form == SampleText::kShort && std::isfinite(value)) {
    for (int digits = 1; digits < 5; ++digits) {
      const double rounded = std::stod(fmt::format("{:.{}g}", value, digits));
      if (Float16::FromDouble(rounded).bits() == bits) {
        return AppendFloat(rounded, form, out);
      }
    }
  }
  AppendFloat(value, form, out);
}

template <typename T>
void AppendInteger(const SampleView& view, int64_t i, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}", Load<T>(view, i));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '\n' || c == '\r' || c == '\t') {
      c = ' ';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      c = '?';
    }
  }
  return out;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string GroupedDigits(int64_t value) {
  std::string out = std::to_string(value);
  for (auto i = static_cast<ptrdiff_t>(out.size()) - 3; i > (value < 0 ? 1 : 0); i -= 3) {
    out.insert(static_cast<size_t>(i), 1, '_');
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string TableLine(const std::vector<TableColumn>& columns,
                      const std::vector<std::string>& cells) {
  std::string out;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out.append(2, ' ');
    const size_t width = DisplayWidth(cells[i]);
    const size_t padding = columns[i].width - std::min(width, columns[i].width);
    if (columns[i].right) out.append(padding, ' ');
    out.append(cells[i]);
    if (!columns[i].right) out.append(padding, ' ');
  }
  return out;
}

bool IsPresent(const SampleView& view, int64_t i) {
  if (view.values == nullptr) return false;
  return view.validity == nullptr ||
         arrow::bit_util::GetBit(view.validity, view.validity_offset + i);
}

bool HasGaps(const SampleView& view) {
  if (view.all_missing()) return true;
  for (int64_t i = 0; view.validity != nullptr && i < view.length; ++i) {
    if (!IsPresent(view, i)) return true;
  }
  return false;
}

void AppendSample(const SampleView& view, int64_t i, SampleText form, std::string* out) {
  switch (view.data_type) {
    case DataType::kInt8:
      return AppendInteger<int8_t>(view, i, out);
    case DataType::kInt16:
      return AppendInteger<int16_t>(view, i, out);
    case DataType::kInt32:
      return AppendInteger<int32_t>(view, i, out);
    case DataType::kInt64:
      return AppendInteger<int64_t>(view, i, out);
    case DataType::kUint8:
      return AppendInteger<uint8_t>(view, i, out);
    case DataType::kUint16:
      return AppendInteger<uint16_t>(view, i, out);
    case DataType::kUint32:
      return AppendInteger<uint32_t>(view, i, out);
    case DataType::kUint64:
      return AppendInteger<uint64_t>(view, i, out);
    case DataType::kFloat16:
      return AppendHalf(Load<uint16_t>(view, i), form, out);
    case DataType::kFloat32: {
      const float value = Load<float>(view, i);
      if (form == SampleText::kShort) return AppendFloat(value, form, out);
      return AppendFloat(static_cast<double>(value), form, out);
    }
    case DataType::kFloat64:
      return AppendFloat(Load<double>(view, i), form, out);
  }
}

std::string AbbreviatedSamples(const SampleView& view, int64_t limit, int64_t ends) {
  std::string out = "[";
  for (int64_t i = 0; i < view.length; ++i) {
    if (i > 0) out += ", ";
    if (view.length > limit && i == ends) {
      out += "..., ";
      i = view.length - ends;
    }
    if (IsPresent(view, i)) {
      AppendSample(view, i, SampleText::kShort, &out);
    } else {
      out += "--";
    }
  }
  return out + "]";
}

}  // namespace carryall::apps
