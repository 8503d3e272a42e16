#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/model/series_block.h"

namespace carryall::apps {

/// `text` without control characters, which a terminal might obey: line breaks and tabs
/// become blanks, others '?'.
std::string Printable(std::string_view text);

/// A field of a CSV line: quoted where it has to be.
std::string CsvField(std::string_view text);

/// "62_500_000".
std::string GroupedDigits(int64_t value);

/// How wide `text` is on a terminal, one column a character.
size_t DisplayWidth(std::string_view text);

/// Rows under a header, in columns as wide as their widest cell.
struct TableColumn {
  std::string name;
  bool right = false;  ///< numbers end at the same column
  size_t width = 0;    ///< at least
};
/// One line of a table: cells padded to the columns' widths, two blanks between.
std::string TableLine(const std::vector<TableColumn>& columns,
                      const std::vector<std::string>& cells);

/// Whether sample `i` is there.
bool IsPresent(const SampleView& view, int64_t i);
bool HasGaps(const SampleView& view);

/// Sample `i` as a number in text. kExact: as JSON has it, float16 and float32 with the
/// digits of their value as a double; NaN, Infinity. kShort: the fewest digits that give
/// the same value of its type; nan, inf.
enum class SampleText { kExact, kShort };
void AppendSample(const SampleView& view, int64_t i, SampleText form, std::string* out);

/// "[1, ..., 7]": `ends` samples at each end where there are more than `limit`; "--" for
/// one that is missing.
std::string AbbreviatedSamples(const SampleView& view, int64_t limit, int64_t ends);

}  // namespace carryall::apps
