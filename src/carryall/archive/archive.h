#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "carryall/archive/segment.h"

namespace carryall::archive {

struct OpenOptions {
  /// Of how many bytes of segments' schemas and footers the digests are checked at once,
  /// newest segments first. Sizes and magics of all segments are checked in any case.
  int64_t check_bytes = int64_t{64} << 20;
};

/// A run of samples of one channel: in one segment, or in none.
struct Extent {
  std::shared_ptr<const Segment> segment;  ///< null: nothing is stored
  int32_t column = -1;
  int64_t begin = 0;  ///< samples on the channel's grid; INT64_MIN: since ever
  int64_t end = 0;    ///< INT64_MAX: for ever
};

/// One state of an archive directory: what its index said when it was opened. Immutable,
/// thread safe; stays valid while imports add to the directory, because segments are
/// never changed or removed.
class Archive {
 public:
  /// Reads and checks the index, the channel tables and the segment files. Segments that
  /// `previous` has already checked are not checked again, and `previous` itself is the
  /// answer if the index still says the same. Errors name the file and what is wrong with
  /// it: kNotFound, kUnsupported, kCorrupt, kIo.
  static Result<std::shared_ptr<const Archive>> Open(
      const std::string& directory, const OpenOptions& options = {},
      const std::shared_ptr<const Archive>& previous = nullptr);
  /// An archive without anything, for a directory that is about to become one.
  static std::shared_ptr<const Archive> Empty(const std::string& directory);

  const std::string& directory() const { return directory_; }
  const Index& index() const { return index_; }
  /// All channels, in order of their names.
  const std::vector<Channel>& channels() const { return channels_; }
  const std::string& unit(size_t channel) const { return units_[channel]; }
  std::optional<size_t> Find(std::string_view name) const;

  /// The run of `channel` that `sample` lies in.
  Extent ExtentAt(size_t channel, int64_t sample) const;
  /// First and last sample (exclusive) that are stored; nothing if there are none.
  std::optional<std::pair<int64_t, int64_t>> Bounds(size_t channel) const;

  const std::vector<std::shared_ptr<const Segment>>& segments() const {
    return segments_;
  }
  const std::vector<std::shared_ptr<const ChannelTable>>& tables() const {
    return tables_;
  }

 private:
  /// Segments of one table, in order of time, without overlap.
  using Group = std::vector<std::shared_ptr<const Segment>>;
  struct Place {
    int32_t table;
    int32_t column;
  };

  explicit Archive(std::string directory) : directory_(std::move(directory)) {}
  std::span<const Place> PlacesOf(size_t channel) const {
    return std::span(places_).subspan(starts_[channel],
                                      starts_[channel + 1] - starts_[channel]);
  }
  Status ReadTables(const Archive* previous);
  Status ReadSegments(const Archive* previous);
  Status CheckSegments(const OpenOptions& options, const Archive* previous) const;
  Status SortSegments();
  Status MergeChannels();
  Status CheckTables(const std::vector<int32_t>& tables,
                     const std::string& channel) const;

  const std::string directory_;
  Index index_;
  std::vector<std::shared_ptr<const ChannelTable>> tables_;
  std::unordered_map<uint64_t, int32_t> table_of_digest_;
  std::vector<std::shared_ptr<const Segment>> segments_;  // as in the index
  std::vector<Group> groups_;                             // for each table
  std::vector<Channel> channels_;
  std::vector<std::string> units_;
  // Of all channels, one after the other; those of channel i are [starts_[i], starts_[i +
  // 1]).
  std::vector<Place> places_;
  std::vector<size_t> starts_{0};
};

}  // namespace carryall::archive
