#include "carryall/archive/run_builder.h"

#include <algorithm>
#include <cstring>

#include "carryall/kernels/bitmap.h"

namespace carryall::archive {
namespace {

int64_t BytesOfBits(int64_t bits) { return (bits + 7) / 8; }

// A copy with zeros up to a multiple of 64 bytes; all zeros without `data`.
Result<std::shared_ptr<arrow::Buffer>> PaddedCopy(const uint8_t* data, int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> out,
                        arrow::AllocateBuffer(PaddedTo64(bytes)));
  std::memset(out->mutable_data(), 0, out->size());
  if (data != nullptr) std::memcpy(out->mutable_data(), data, bytes);
  return out;
}

bool HasGaps(const SampleView& view) {
  return view.validity != nullptr &&
         kernels::CountSetBits(view.validity, view.validity_offset, view.length) <
             view.length;
}

}  // namespace

bool IsPresent(const SampleView& view, int64_t i) {
  return view.validity == nullptr ||
         kernels::GetBit(view.validity, view.validity_offset + i);
}

SampleView Run::View(DataType type, int64_t first, int64_t count) const {
  const SampleView whole{values->data(), validity ? validity->data() : nullptr, 0,
                         samples, type};
  return whole.Slice(first - first_sample, count);
}

Result<ColumnData> Run::Column(DataType type, int64_t first, int64_t count) const {
  const int64_t skip = first - first_sample, width = ByteWidth(type);
  ColumnData out;
  out.samples = count;
  if (skip + count == samples) {
    out.values = arrow::SliceBuffer(values, skip * width, PaddedTo64(count * width));
  } else {
    ARROW_ASSIGN_OR_RAISE(out.values,
                          PaddedCopy(values->data() + skip * width, count * width));
  }
  if (validity == nullptr) return out;
  out.missing = count - kernels::CountSetBits(validity->data(), skip, count);
  if (out.missing == 0) return out;
  ARROW_ASSIGN_OR_RAISE(out.validity, PaddedCopy(nullptr, BytesOfBits(count)));
  kernels::CopyBits(validity->data(), skip, count, out.validity->mutable_data(), 0);
  return out;
}

Status RunBuilder::Grow(int64_t count) {
  // With room for zeros up to a multiple of 64 bytes behind the last sample.
  const int64_t bytes = (samples_ + count) * ByteWidth(type_) + 64;
  if (values_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(values_, arrow::AllocateResizableBuffer(0));
  }
  if (bytes > values_->capacity()) {
    ARROW_RETURN_NOT_OK(values_->Reserve(std::max(bytes, 2 * values_->capacity())));
  }
  return values_->Resize(bytes, /*shrink_to_fit=*/false);
}

void RunBuilder::EnsureValidity() {
  if (gaps_) return;
  gaps_ = true;
  validity_.assign(BytesOfBits(samples_), 0);
  kernels::SetBits(validity_.data(), 0, samples_, true);
}

Status RunBuilder::AppendMissing(int64_t count) {
  ARROW_RETURN_NOT_OK(Grow(count));
  const int64_t width = ByteWidth(type_);
  std::memset(values_->mutable_data() + samples_ * width, 0, count * width);
  EnsureValidity();
  samples_ += count;
  trailing_missing_ += count;
  validity_.resize(BytesOfBits(samples_), 0);
  return Status::OK();
}

Status RunBuilder::Append(const SampleView& view) {
  if (view.length == 0) return Status::OK();
  if (view.all_missing()) return AppendMissing(view.length);
  ARROW_RETURN_NOT_OK(Grow(view.length));
  const int64_t width = ByteWidth(type_);
  uint8_t* to = values_->mutable_data() + samples_ * width;
  const bool gaps = HasGaps(view);
  if (gaps) {
    kernels::CopyPresent(view.values, width, view.validity, view.validity_offset,
                         view.length, to);
    EnsureValidity();
  } else {
    std::memcpy(to, view.values, view.length * width);
  }
  if (gaps_) {
    validity_.resize(BytesOfBits(samples_ + view.length), 0);
    if (gaps) {
      kernels::CopyBits(view.validity, view.validity_offset, view.length,
                        validity_.data(), samples_);
    } else {
      kernels::SetBits(validity_.data(), samples_, view.length, true);
    }
  }
  samples_ += view.length;
  trailing_missing_ = 0;
  return Status::OK();
}

Result<Run> RunBuilder::Take() {
  int64_t begin = 0, end = samples_;
  while (gaps_ && begin < end && !kernels::GetBit(validity_.data(), begin)) ++begin;
  while (gaps_ && end > begin && !kernels::GetBit(validity_.data(), end - 1)) --end;
  Run run;
  run.first_sample = first_sample_ + begin;
  run.samples = end - begin;
  if (run.samples > 0) {
    const int64_t width = ByteWidth(type_);
    std::memset(values_->mutable_data() + end * width, 0, 64);
    run.values =
        arrow::SliceBuffer(std::move(values_), begin * width, run.samples * width + 64);
  }
  if (gaps_) {
    ARROW_ASSIGN_OR_RAISE(run.validity, PaddedCopy(nullptr, BytesOfBits(run.samples)));
    kernels::CopyBits(validity_.data(), begin, run.samples, run.validity->mutable_data(),
                      0);
  }
  *this = RunBuilder(type_);
  return run;
}

std::optional<int64_t> FirstDifference(const SampleView& a, const SampleView& b) {
  const int64_t width = ByteWidth(a.data_type);
  const bool bits = HasGaps(a) || HasGaps(b);
  if (!bits && std::memcmp(a.values, b.values, a.length * width) == 0)
    return std::nullopt;
  for (int64_t i = 0; i < a.length; ++i) {
    if (std::memcmp(a.values + i * width, b.values + i * width, width) != 0 ||
        (bits && IsPresent(a, i) != IsPresent(b, i))) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace carryall::archive
