#include "bindings/arrow_export.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/util/key_value_metadata.h>

#include <cstring>

#include "carryall/kernels/bitmap.h"

namespace carryall::python {
namespace {

using Owners = std::shared_ptr<const std::vector<MemoryOwner>>;

/// A buffer over memory that its owners keep.
class Reference final : public arrow::Buffer {
 public:
  Reference(const uint8_t* data, int64_t bytes, Owners owners)
      : Buffer(data, bytes), owners_(std::move(owners)) {}

 private:
  Owners owners_;
};

std::shared_ptr<arrow::Buffer> Refer(const uint8_t* data, int64_t bytes,
                                     const Owners& owners) {
  return std::make_shared<Reference>(data, bytes, owners);
}

Result<std::shared_ptr<arrow::Buffer>> Zeros(int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(bytes));
  std::memset(buffer->mutable_data(), 0, static_cast<size_t>(bytes));
  return buffer;
}

Result<std::shared_ptr<arrow::ArrayData>> Samples(const SampleView& view,
                                                  const Owners& owners) {
  const auto& type = ToArrow(view.data_type);
  const int64_t bytes = view.length * ByteWidth(view.data_type);
  const int64_t bitmap = (view.length + 7) / 8;
  std::shared_ptr<arrow::Buffer> values, validity;
  if (view.all_missing()) {
    ARROW_ASSIGN_OR_RAISE(values, Zeros(std::max(bytes, bitmap)));
    validity = arrow::SliceBuffer(values, 0, bitmap);
    return arrow::ArrayData::Make(type, view.length, {validity, values}, view.length);
  }
  if (reinterpret_cast<uintptr_t>(view.values) % ByteWidth(view.data_type) == 0) {
    values = Refer(view.values, bytes, owners);
  } else {
    ARROW_ASSIGN_OR_RAISE(values, arrow::AllocateBuffer(bytes));
    std::memcpy(values->mutable_data(), view.values, static_cast<size_t>(bytes));
  }
  if (view.validity == nullptr) {
    return arrow::ArrayData::Make(type, view.length, {nullptr, values}, 0);
  }
  if (view.validity_offset % 8 == 0) {
    validity = Refer(view.validity + view.validity_offset / 8, bitmap, owners);
  } else {
    ARROW_ASSIGN_OR_RAISE(validity, Zeros(bitmap));
    kernels::CopyBits(view.validity, view.validity_offset, view.length,
                      validity->mutable_data(), 0);
  }
  const int64_t missing =
      view.length -
      kernels::CountSetBits(view.validity, view.validity_offset, view.length);
  return arrow::ArrayData::Make(type, view.length, {validity, values}, missing);
}

}  // namespace

Result<std::shared_ptr<arrow::Array>> SamplesAsArrow(const SampleView& view,
                                                     std::vector<MemoryOwner> owners) {
  const auto kept = std::make_shared<const std::vector<MemoryOwner>>(std::move(owners));
  ARROW_ASSIGN_OR_RAISE(auto data, Samples(view, kept));
  return arrow::MakeArray(std::move(data));
}

Result<std::shared_ptr<arrow::RecordBatch>> BlockAsArrow(const SeriesBlock& block) {
  const auto owners = std::make_shared<const std::vector<MemoryOwner>>(block.owners());
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> time, arrow::AllocateBuffer(8));
  const int64_t ns = block.time().ns();
  std::memcpy(time->mutable_data(), &ns, 8);
  arrow::FieldVector fields = {arrow::field("time", arrow::int64(), /*nullable=*/false)};
  arrow::ArrayDataVector columns = {
      arrow::ArrayData::Make(arrow::int64(), 1, {nullptr, std::move(time)}, 0)};
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView view = block.view(i);
    const Channel& channel = (*block.channels())[i];
    if (view.length > std::numeric_limits<int32_t>::max()) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel {} has {} samples, more than a list can hold", channel.name,
                   view.length);
    }
    ARROW_ASSIGN_OR_RAISE(auto samples, Samples(view, owners));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> offsets,
                          arrow::AllocateBuffer(8));
    const int32_t ends[2] = {0, static_cast<int32_t>(view.length)};
    std::memcpy(offsets->mutable_data(), ends, 8);
    const auto type = arrow::list(ToArrow(view.data_type));
    fields.push_back(arrow::field(
        channel.name, type, /*nullable=*/true,
        arrow::key_value_metadata({"rate"}, {std::to_string(channel.sample_rate.hz())})));
    columns.push_back(arrow::ArrayData::Make(type, 1, {nullptr, std::move(offsets)},
                                             {std::move(samples)}, 0));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), 1,
                                  std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> RowsAsArrow(
    const SeriesBlock& block, const std::vector<uint32_t>& ids) {
  const auto rows = static_cast<int64_t>(block.size());
  if (ids.size() != block.size() || ids.empty()) {
    return Error(ErrorKind::kInvalidArgument, "{} channels with {} ids", rows,
                 ids.size());
  }
  const DataType type = block.view(0).data_type;
  int64_t samples = 0;
  bool gaps = false;
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView view = block.view(i);
    if (view.data_type != type) {
      return Error(ErrorKind::kInvalidArgument,
                   "channels of one message have different types: {} is {}, expected {}",
                   (*block.channels())[i].name, Name(view.data_type), Name(type));
    }
    samples += view.length;
    gaps = gaps || view.may_have_gaps();
  }
  if (samples > std::numeric_limits<int32_t>::max()) {
    return Error(ErrorKind::kInvalidArgument, "{} samples, more than lists can hold",
                 samples);
  }
  const int64_t width = ByteWidth(type);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                        arrow::AllocateBuffer(samples * width));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> times,
                        arrow::AllocateBuffer(rows * 8));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> id_values,
                        arrow::AllocateBuffer(rows * 4));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> offsets,
                        arrow::AllocateBuffer((rows + 1) * 4));
  std::shared_ptr<arrow::Buffer> validity;
  if (gaps) {
    ARROW_ASSIGN_OR_RAISE(validity, Zeros((samples + 7) / 8));
    kernels::SetBits(validity->mutable_data(), 0, samples, true);
  }
  std::memcpy(id_values->mutable_data(), ids.data(), ids.size() * 4);
  auto* ends = reinterpret_cast<int32_t*>(offsets->mutable_data());
  int64_t at = 0, missing = 0;
  ends[0] = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView view = block.view(i);
    uint8_t* to = values->mutable_data() + at * width;
    const auto bytes = static_cast<size_t>(view.length * width);
    if (view.all_missing()) {
      std::memset(to, 0, bytes);
      kernels::SetBits(validity->mutable_data(), at, view.length, false);
      missing += view.length;
    } else if (view.validity == nullptr) {
      if (bytes > 0) std::memcpy(to, view.values, bytes);
    } else {
      kernels::CopyPresent(view.values, static_cast<int>(width), view.validity,
                           view.validity_offset, view.length, to);
      kernels::CopyBits(view.validity, view.validity_offset, view.length,
                        validity->mutable_data(), at);
      missing += view.length -
                 kernels::CountSetBits(view.validity, view.validity_offset, view.length);
    }
    at += view.length;
    ends[i + 1] = static_cast<int32_t>(at);
    const int64_t ns = block.time().ns();
    std::memcpy(times->mutable_data() + i * 8, &ns, 8);
  }
  if (missing == 0) validity = nullptr;
  const auto list = arrow::list(ToArrow(type));
  auto data = arrow::ArrayData::Make(ToArrow(type), samples, {validity, values}, missing);
  static const auto kTime = arrow::field("time", arrow::int64());
  static const auto kId = arrow::field("id", arrow::uint32());
  return arrow::RecordBatch::Make(
      arrow::schema({kTime, kId, arrow::field("data", list)}), rows,
      {arrow::ArrayData::Make(arrow::int64(), rows, {nullptr, times}, 0),
       arrow::ArrayData::Make(arrow::uint32(), rows, {nullptr, id_values}, 0),
       arrow::ArrayData::Make(list, rows, {nullptr, offsets}, {std::move(data)}, 0)});
}

}  // namespace carryall::python
