#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "carryall/archive/segment_writer.h"
#include "carryall/model/series_block.h"

namespace carryall::archive {

/// Contiguous samples of one channel: both ends are present samples, missing ones inside
/// are zero and marked.
struct Run {
  int64_t first_sample = 0;
  int64_t samples = 0;
  std::shared_ptr<arrow::Buffer> values;    ///< and 64 bytes of zeros
  std::shared_ptr<arrow::Buffer> validity;  ///< null: no gaps

  SampleView View(DataType type, int64_t first, int64_t count) const;
  /// A part of the run as a column; samples are copied only if the part ends before the
  /// run.
  Result<ColumnData> Column(DataType type, int64_t first, int64_t count) const;
};

/// Collects the samples of one channel until they are written. Not thread safe.
class RunBuilder {
 public:
  explicit RunBuilder(DataType type) : type_(type) {}

  bool empty() const { return samples_ == 0; }
  int64_t end() const { return first_sample_ + samples_; }
  int64_t bytes() const { return samples_ * ByteWidth(type_); }
  /// Samples at the end that AppendMissing gave.
  int64_t trailing_missing() const { return trailing_missing_; }

  /// Where the next Append begins; only while empty.
  void Begin(int64_t first_sample) { first_sample_ = first_sample; }
  Status Append(const SampleView& view);
  Status AppendMissing(int64_t count);
  /// What was collected, without missing samples at its ends; the builder is empty again.
  /// A run without samples if all were missing.
  Result<Run> Take();

 private:
  Status Grow(int64_t count);
  void EnsureValidity();

  DataType type_;
  int64_t first_sample_ = 0;
  int64_t samples_ = 0;
  int64_t trailing_missing_ = 0;
  std::shared_ptr<arrow::ResizableBuffer> values_;
  bool gaps_ = false;
  std::vector<uint8_t> validity_;  // a bit a sample if there are gaps
};

/// Whether sample i of a view is there.
bool IsPresent(const SampleView& view, int64_t i);

/// The first sample in which two views of one length differ, in value or in being there;
/// nothing if they are equal. Bytes of missing samples are zero in both.
std::optional<int64_t> FirstDifference(const SampleView& a, const SampleView& b);

}  // namespace carryall::archive
