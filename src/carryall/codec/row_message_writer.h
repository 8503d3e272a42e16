#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "carryall/kernels/gather.h"
#include "carryall/model/series_block.h"

namespace carryall::codec {

/// One row of a message: the id that readers know a channel by, and how many samples a
/// row of it has.
struct MessageRow {
  uint32_t id;
  int64_t samples;
};

/// Writes what a Kafka message holds (protocol 3.4): a whole IPC stream of schema, one
/// batch of time, id and data, and end marker, the very bytes that Arrow's writer makes
/// of that batch. All but times, samples and gaps is prepared once, so that a message is
/// one copy of what was prepared and one of each row's samples, and no allocation. Not
/// thread safe.
class RowMessageWriter {
 public:
  /// `rows` in the order they are to be written, all of one type. kInvalidArgument if
  /// there are none or together they have more samples than a list can hold.
  static Result<RowMessageWriter> Make(DataType type, std::vector<MessageRow> rows);

  const std::vector<MessageRow>& rows() const { return rows_; }
  /// How many bytes Write needs: without gaps, or with some.
  int64_t size(bool gaps) const { return gaps ? gappy_.size : plain_.size; }

  /// Writes the message to `out`, which has size(true) bytes, and gives its size. View i
  /// belongs to row i, and has its type and number of samples: the caller's duty. Bytes
  /// behind a gap become zero.
  int64_t Write(GpsTime time, std::span<const SampleView> views, uint8_t* out);

 private:
  /// A message of which everything up to the validity bits is there.
  struct Layout {
    std::vector<uint8_t> head;
    int64_t null_count_at = 0;
    int64_t times_at = 0;
    int64_t validity_at = 0;
    int64_t values_at = 0;
    int64_t size = 0;
  };

  explicit RowMessageWriter(DataType type, std::vector<MessageRow> rows)
      : type_(type), rows_(std::move(rows)) {}
  Result<Layout> Prepare(bool gaps) const;
  void PutValidity(std::span<const SampleView> views, uint8_t* bits) const;
  void PutValues(std::span<const SampleView> views, uint8_t* values);

  DataType type_;
  std::vector<MessageRow> rows_;
  int64_t samples_ = 0;
  Layout plain_, gappy_;
  /// Of one message; kept for their memory.
  std::vector<int64_t> missing_;
  std::vector<kernels::Run> runs_;
};

}  // namespace carryall::codec
