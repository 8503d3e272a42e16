#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "carryall/codec/row_message_reader.h"
#include "carryall/model/channel.h"

namespace carryall::relay {

/// Which rows of a topic's messages one subscriber wants and where their samples go. Made
/// anew only when the layout of the messages changes. Not thread safe.
class RowPlan {
 public:
  /// `positions` in `channels` of those that the topic carries; each has a partition
  /// index, which is the id of its rows.
  RowPlan(std::shared_ptr<const ChannelSet> channels, std::vector<int32_t> positions,
          Duration stride);

  /// A row that is wanted and right.
  struct Row {
    int32_t channel = 0;
    int64_t begin = 0;  ///< its first sample in the message's list
    int64_t length = 0;
  };

  /// Bytes of a message that belong behind each other in a stride.
  struct Run {
    int64_t from = 0;  ///< after the first sample of the list
    int64_t to = 0;    ///< after the first byte of the stride
    int64_t bytes = 0;
  };

  /// Makes the plan for these rows. False: it was made for them already.
  bool Prepare(const codec::MessageRows& rows);

  /// How long the message lasts; 0: it has nothing that is wanted.
  Duration duration() const { return duration_; }
  const std::vector<Row>& rows() const { return rows_; }
  /// Wanted channels that have no row, an empty one, or one that cannot be right.
  const std::vector<int32_t>& absent() const { return absent_; }
  /// Why rows were left out, though their channels are wanted; empty: none was.
  const std::string& complaint() const { return complaint_; }
  const std::vector<int32_t>& positions() const { return positions_; }
  /// All rows of a message that is exactly one stride long; whoever knows the places in a
  /// stride fills them in after each Prepare.
  std::vector<Run> runs;

 private:
  void FindDuration(const codec::MessageRows& rows);

  const std::shared_ptr<const ChannelSet> channels_;
  const std::vector<int32_t> positions_;
  const Duration stride_;
  std::unordered_map<uint32_t, int32_t> channel_of_id_;
  int64_t generation_ = -1;
  Duration duration_;
  std::vector<Row> rows_;
  std::vector<int32_t> absent_;
  std::string complaint_;
};

}  // namespace carryall::relay
