#include <arrow/array/data.h>
#include <arrow/record_batch.h>

#include <algorithm>

#include "carryall/codec/block_writer.h"
#include "carryall/codec/bytes.h"
#include "carryall/codec/copy_counter.h"
#include "carryall/codec/encoder.h"
#include "carryall/codec/row_message_writer.h"
#include "carryall/kernels/bitmap.h"

namespace carryall::codec {
namespace {

/// Makes the columns of a one-row batch. What has to be written goes into one buffer that
/// starts with zeros enough for the longest channel, if one has no samples at all.
class ColumnBatchMaker {
 public:
  explicit ColumnBatchMaker(const SeriesBlock& block) : block_(block) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Make() {
    RETURN_NOT_OK(Allocate());
    arrow::FieldVector fields = {arrow::field("time", arrow::int64())};
    Store(Take(8), block_.time().ns());
    arrow::ArrayDataVector columns = {
        arrow::ArrayData::Make(arrow::int64(), 1, {nullptr, Slice(8)}, 0)};
    for (size_t i = 0; i < block_.size(); ++i) {
      const DataType type = block_.view(i).data_type;
      auto& list_type = list_types_[static_cast<size_t>(type)];
      if (list_type == nullptr) list_type = arrow::list(ToArrow(type));
      fields.push_back(arrow::field((*block_.channels())[i].name, list_type));
      columns.push_back(arrow::ArrayData::Make(
          list_type, 1, {nullptr, Offsets(block_.view(i).length)}, {Samples(i)}, 0));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), 1,
                                    std::move(columns));
  }

 private:
  Status Allocate() {
    int64_t bytes = 64;
    for (size_t i = 0; i < block_.size(); ++i) {
      const SampleView view = block_.view(i);
      if (view.length > std::numeric_limits<int32_t>::max()) {
        return Error(ErrorKind::kInvalidArgument,
                     "block is too long for one batch: {} samples of channel {}",
                     view.length, (*block_.channels())[i].name);
      }
      const int64_t size = view.length * ByteWidth(view.data_type);
      missing_.push_back(CountMissing(view));
      bytes += 64;
      if (missing_.back() == view.length) {
        zeros_ = std::max(zeros_, RoundUp64(size));
      } else if (missing_.back() > 0) {
        bytes += RoundUp64(size) + RoundUp64(BitmapBytes(view.length));
      }
    }
    ARROW_ASSIGN_OR_RAISE(memory_, arrow::AllocateBuffer(bytes + zeros_));
    std::memset(memory_->mutable_data(), 0, static_cast<size_t>(zeros_));
    used_ = zeros_;
    owners_ = std::make_shared<const std::vector<MemoryOwner>>(block_.owners());
    return Status::OK();
  }

  uint8_t* Take(int64_t bytes) {
    taken_ = used_;
    used_ += RoundUp64(bytes);
    return memory_->mutable_data() + taken_;
  }
  /// What was last taken.
  std::shared_ptr<arrow::Buffer> Slice(int64_t bytes) const {
    return arrow::SliceBuffer(memory_, taken_, bytes);
  }

  std::shared_ptr<arrow::Buffer> Offsets(int64_t length) {
    if (offsets_ == nullptr || length != offsets_length_) {
      uint8_t* at = Take(8);
      Store<int32_t>(at, 0);
      Store(at + 4, static_cast<int32_t>(length));
      offsets_ = Slice(8);
      offsets_length_ = length;
    }
    return offsets_;
  }

  std::shared_ptr<arrow::ArrayData> Samples(size_t i) {
    const SampleView view = block_.view(i);
    const auto& type = ToArrow(view.data_type);
    const int64_t bytes = view.length * ByteWidth(view.data_type);
    std::shared_ptr<arrow::Buffer> validity, values;
    if (missing_[i] == view.length) {
      validity = arrow::SliceBuffer(memory_, 0, BitmapBytes(view.length));
      values = arrow::SliceBuffer(memory_, 0, bytes);
    } else if (missing_[i] == 0) {
      values = ReferTo(view.values, bytes, owners_);
    } else {
      kernels::CopyPresent(view.values, ByteWidth(view.data_type), view.validity,
                           view.validity_offset, view.length, Take(bytes));
      CountCopy(bytes);
      values = Slice(bytes);
      uint8_t* bits = Take(BitmapBytes(view.length));
      bits[BitmapBytes(view.length) - 1] = 0;
      kernels::CopyBits(view.validity, view.validity_offset, view.length, bits, 0);
      validity = Slice(BitmapBytes(view.length));
    }
    return arrow::ArrayData::Make(type, view.length,
                                  {std::move(validity), std::move(values)}, missing_[i]);
  }

  const SeriesBlock& block_;
  std::vector<int64_t> missing_;
  std::shared_ptr<arrow::DataType> list_types_[kDataTypeCount];
  std::shared_ptr<arrow::Buffer> memory_;
  BlockOwners owners_;
  int64_t zeros_ = 0, used_ = 0, taken_ = 0;
  std::shared_ptr<arrow::Buffer> offsets_;
  int64_t offsets_length_ = -1;
};

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> ToColumnBatch(const SeriesBlock& block) {
  RETURN_NOT_OK(block.Validate());
  return ColumnBatchMaker(block).Make();
}

Result<std::shared_ptr<arrow::Buffer>> ToRowMessage(const SeriesBlock& block,
                                                    const std::vector<uint32_t>& ids) {
  RETURN_NOT_OK(block.Validate());
  if (ids.size() != block.size() || ids.empty()) {
    return Error(ErrorKind::kInvalidArgument, "message of {} channels with {} ids",
                 block.size(), ids.size());
  }
  const DataType type = block.view(0).data_type;
  const std::vector<SampleView> views = block.views();
  std::vector<MessageRow> rows;
  for (size_t i = 0; i < ids.size(); ++i) {
    rows.push_back({ids[i], views[i].length});
    if (views[i].data_type != type) {
      return Error(ErrorKind::kInvalidArgument,
                   "channels of one message have different types: {} is {}, expected {}",
                   (*block.channels())[i].name, Name(views[i].data_type), Name(type));
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto writer, RowMessageWriter::Make(type, std::move(rows)));
  ARROW_ASSIGN_OR_RAISE(auto message,
                        arrow::AllocateResizableBuffer(writer.size(/*gaps=*/true)));
  const int64_t size = writer.Write(block.time(), views, message->mutable_data());
  RETURN_NOT_OK(message->Resize(size, /*shrink_to_fit=*/false));
  return std::shared_ptr<arrow::Buffer>(std::move(message));
}

}  // namespace carryall::codec
