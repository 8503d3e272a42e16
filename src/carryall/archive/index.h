#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "carryall/archive/arrow_table_file.h"
#include "carryall/base/time.h"
#include "carryall/files/output_file.h"

namespace carryall::archive {

/// One segment as the index knows it: a file that holds, for every channel of its table,
/// the samples of one span.
struct SegmentInfo {
  std::string file;    ///< its name under segments/
  int64_t bytes = 0;   ///< of the whole file
  uint64_t table = 0;  ///< digest of its ChannelTable
  GpsTime start,
      end;  ///< half open; sample n of a channel is in it if start <= n / rate < end
  int64_t body_offset = 0;       ///< where the samples' record batch body begins
  uint64_t metadata_digest = 0;  ///< of everything in the file but that body
  /// Which columns have a validity bitmap: those in [gappy[0], gappy[1]), [gappy[2],
  /// gappy[3]), ...; strictly ascending.
  std::vector<int32_t> gappy;

  bool operator==(const SegmentInfo&) const = default;
};

/// What is in an archive. The file of this is the only truth: whatever it does not name
/// is not part of the archive.
struct Index {
  int64_t generation = 0;  ///< counts imports
  std::vector<SegmentInfo> segments;

  bool operator==(const Index&) const = default;
};

/// Times of an archive lie within this distance of GPS 0 (146 years), so that counting
/// samples cannot overflow.
inline constexpr int64_t kMaxTimeNs = 4'600'000'000'000'000'000;

inline constexpr char kIndexFile[] = "index.arrow";
inline constexpr char kLockFile[] = "lock";
inline constexpr char kSegmentDirectory[] = "segments";
inline constexpr char kTableDirectory[] = "tables";

std::string SegmentPath(const std::string& archive, const std::string& file);
std::string TablePath(const std::string& archive, uint64_t digest);
/// Name of segment `number` of an import: "00000012-0003.arrow".
std::string SegmentFileName(int64_t generation, int64_t number);

/// Reads DIR/index.arrow and checks every value in it (not the files it names). Errors
/// name the directory or the file: kNotFound where there is no directory or no index,
/// kUnsupported for another version of the format, kCorrupt.
Result<Index> ReadIndex(const std::string& archive);

/// Replaces DIR/index.arrow in one step: whoever reads it, also after a crash, sees the
/// old one or the new one.
Status WriteIndex(const std::string& archive, const Index& index,
                  const files::StepHook& hook = nullptr);

}  // namespace carryall::archive
