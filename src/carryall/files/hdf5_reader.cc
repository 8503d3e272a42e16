#include "carryall/files/hdf5_reader.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cmath>

#include "carryall/files/hdf5_layout.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/model/sample_grid.h"

namespace carryall::files {
namespace {

// Reads samples [begin, begin + count) of a one-dimensional data set.
Status ReadRange(hid_t set, hid_t type, int64_t begin, int64_t count, void* out) {
  const hsize_t start = begin, length = count;
  const Hdf5Handle from(H5Dget_space(set), H5Sclose);
  const Hdf5Handle to(H5Screate_simple(1, &length, nullptr), H5Sclose);
  if (H5Sselect_hyperslab(from.get(), H5S_SELECT_SET, &start, nullptr, &length, nullptr) <
          0 ||
      H5Dread(set, type, to.get(), from.get(), H5P_DEFAULT, out) < 0) {
    return Hdf5Error(ErrorKind::kCorrupt, fmt::format("samples {} to {} cannot be read",
                                                      begin, begin + count));
  }
  return Status::OK();
}

// mask[i] = sample i is not a number.
void MarkNans(const uint8_t* values, DataType type, int64_t count, uint8_t* mask) {
  if (type == DataType::kFloat64) {
    const auto* at = reinterpret_cast<const double*>(values);
    for (int64_t i = 0; i < count; ++i) mask[i] = std::isnan(at[i]);
  } else if (type == DataType::kFloat32) {
    const auto* at = reinterpret_cast<const float*>(values);
    for (int64_t i = 0; i < count; ++i) mask[i] = std::isnan(at[i]);
  } else {
    const auto* at = reinterpret_cast<const uint16_t*>(values);
    for (int64_t i = 0; i < count; ++i) mask[i] = (at[i] & 0x7fff) > 0x7c00;
  }
}

class Hdf5Reader final : public BlockReader {
 public:
  Hdf5Reader(std::string path, ReaderOptions options)
      : path_(std::move(path)), options_(options) {}
  ~Hdf5Reader() override {
    Hdf5Session session;
    set_ = {};
    mask_ = {};
    type_ = {};
    file_ = {};
  }

  Status Init(int64_t file_bytes) {
    Hdf5Session session;
    file_ = Hdf5Handle(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (!file_.valid()) {
      return Hdf5Error(ErrorKind::kCorrupt, "cannot open HDF5 file " + path_);
    }
    auto layout = DiscoverHdf5(file_.get(), file_bytes);
    ARROW_RETURN_NOT_OK(WithContext(layout.status(), path_));
    layout_ = std::move(*layout);
    if (layout_.series.empty()) {
      return Error(
          ErrorKind::kInvalidArgument,
          "HDF5 file holds no series (data sets with attributes x0 and dx): {}{}", path_,
          layout_.skipped.empty() ? "" : "; " + layout_.skipped.front());
    }
    for (const Hdf5Series& series : layout_.series) series_.push_back(series.series);
    return Status::OK();
  }

  const std::vector<FileSeries>& series() const override { return series_; }
  const std::vector<std::string>& skipped() const override { return layout_.skipped; }

  Result<std::optional<SeriesBlock>> Next() override {
    Hdf5Session session;
    if (current_ == layout_.series.size()) return std::nullopt;
    const size_t number = current_;
    auto block = ReadPiece(layout_.series[number]);
    if (!block.ok()) {
      return WithContext(block.status(),
                         fmt::format("{}: {}", path_, series_[number].where));
    }
    return std::move(*block);
  }

 private:
  Status OpenSeries(const Hdf5Series& series) {
    set_ = Hdf5Handle(H5Dopen2(file_.get(), series.path.c_str(), H5P_DEFAULT), H5Dclose);
    mask_ = {};
    if (!series.mask_path.empty()) {
      mask_ = Hdf5Handle(H5Dopen2(file_.get(), series.mask_path.c_str(), H5P_DEFAULT),
                         H5Dclose);
    }
    if (!set_.valid() || (!series.mask_path.empty() && !mask_.valid())) {
      return Hdf5Error(ErrorKind::kCorrupt, "cannot be opened");
    }
    type_ = Hdf5TypeOf(series.series.channel.data_type);
    ARROW_ASSIGN_OR_RAISE(channels_, ChannelSet::Make({series.series.channel}));
    return Status::OK();
  }

  // The piece from `done_` on: whole seconds of GPS time, about as many bytes as asked
  // for.
  int64_t PieceLength(const Hdf5Series& series) const {
    const SampleRate rate = series.series.channel.sample_rate;
    const int64_t width = ByteWidth(series.series.channel.data_type);
    const int64_t want = std::max<int64_t>(1, options_.block_bytes / width);
    const int64_t left = series.samples - done_;
    if (want >= left) return left;
    const int64_t at = series.first_sample + done_;
    const int64_t second = (at + want) / rate.hz() * rate.hz();
    return second > at ? second - at : std::min<int64_t>(left, rate.hz());
  }

  Result<SeriesBlock> ReadPiece(const Hdf5Series& series) {
    if (done_ == 0) ARROW_RETURN_NOT_OK(OpenSeries(series));
    const Channel& channel = series.series.channel;
    const int64_t count = PieceLength(series);
    const int64_t bytes = count * ByteWidth(channel.data_type);
    if (bytes > options_.max_batch_bytes) {
      return Error(ErrorKind::kResourceExhausted, "one second of samples takes {} bytes",
                   bytes);
    }
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                          arrow::AllocateBuffer(bytes, options_.pool));
    ARROW_RETURN_NOT_OK(
        ReadRange(set_.get(), type_.get(), done_, count, values->mutable_data()));
    ARROW_ASSIGN_OR_RAISE(auto validity, ReadValidity(series, *values, count));
    SampleView view{values->data(), validity ? validity->data() : nullptr, 0, count,
                    channel.data_type};
    const GpsTime time = TimeOfSample(channel.sample_rate, series.first_sample + done_);
    done_ += count;
    if (done_ == series.samples) {
      ++current_;
      done_ = 0;
    }
    std::vector<MemoryOwner> owners{values};
    if (validity) owners.push_back(validity);
    return SeriesBlock(time, SpanOfSamples(channel.sample_rate, count), channels_, {view},
                       std::move(owners));
  }

  // Null where every sample is present.
  Result<std::shared_ptr<arrow::Buffer>> ReadValidity(const Hdf5Series& series,
                                                      const arrow::Buffer& values,
                                                      int64_t count) {
    std::shared_ptr<arrow::Buffer> mask;
    if (mask_.valid()) {
      ARROW_ASSIGN_OR_RAISE(mask, arrow::AllocateBuffer(count, options_.pool));
      ARROW_RETURN_NOT_OK(
          ReadRange(mask_.get(), H5T_NATIVE_UINT8, done_, count, mask->mutable_data()));
    } else if (!series.nan_is_gap) {
      return nullptr;
    }
    if (mask == nullptr) {
      ARROW_ASSIGN_OR_RAISE(mask, arrow::AllocateBuffer(count, options_.pool));
      MarkNans(values.data(), series.series.channel.data_type, count,
               mask->mutable_data());
    }
    if (std::all_of(mask->data(), mask->data() + count,
                    [](uint8_t m) { return m == 0; })) {
      return nullptr;
    }
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> validity,
                          arrow::AllocateEmptyBitmap(count, options_.pool));
    kernels::BitmapFromMask(mask->data(), count, validity->mutable_data(), 0);
    return validity;
  }

  const std::string path_;
  const ReaderOptions options_;
  Hdf5Handle file_, set_, mask_, type_;
  Hdf5Layout layout_;
  std::vector<FileSeries> series_;
  std::shared_ptr<const ChannelSet> channels_;
  size_t current_ = 0;
  int64_t done_ = 0;
};

}  // namespace

Result<std::unique_ptr<BlockReader>> OpenHdf5(const std::string& path, int64_t file_bytes,
                                              const ReaderOptions& options) {
  auto reader = std::make_unique<Hdf5Reader>(path, options);
  ARROW_RETURN_NOT_OK(reader->Init(file_bytes));
  return reader;
}

}  // namespace carryall::files
