#include "carryall/files/hdf5_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "carryall/files/block_sequence.h"
#include "carryall/files/hdf5_attribute.h"
#include "carryall/files/output_file.h"
#include "carryall/kernels/bitmap.h"
#include "carryall/kernels/gather.h"
#include "carryall/model/sample_grid.h"

namespace carryall::files {
namespace {

constexpr int64_t kMinChunkBytes = 4096, kMaxChunkBytes = 1 << 20;
constexpr uint16_t kFloat16Nan = 0x7e00;

// What a missing sample holds: NaN where there is one, zero elsewhere.
std::vector<uint8_t> FillValue(DataType type) {
  std::vector<uint8_t> out(ByteWidth(type), 0);
  const double nan64 = std::numeric_limits<double>::quiet_NaN();
  const float nan32 = std::numeric_limits<float>::quiet_NaN();
  if (type == DataType::kFloat64) std::memcpy(out.data(), &nan64, 8);
  if (type == DataType::kFloat32) std::memcpy(out.data(), &nan32, 4);
  if (type == DataType::kFloat16) std::memcpy(out.data(), &kFloat16Nan, 2);
  return out;
}

// A growing one-dimensional data set.
Result<Hdf5Handle> CreateDataset(hid_t parent, const std::string& name, hid_t type,
                                 int64_t chunk, const void* fill, bool compress) {
  const hsize_t none = 0, unlimited = H5S_UNLIMITED, chunk_size = chunk;
  const Hdf5Handle space(H5Screate_simple(1, &none, &unlimited), H5Sclose);
  const Hdf5Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  H5Pset_char_encoding(links.get(), H5T_CSET_UTF8);
  H5Pset_chunk(plan.get(), 1, &chunk_size);
  H5Pset_fill_value(plan.get(), type, fill);
  if (compress) H5Pset_deflate(plan.get(), 1);
  Hdf5Handle set(H5Dcreate2(parent, name.c_str(), type, space.get(), links.get(),
                            plan.get(), H5P_DEFAULT),
                 H5Dclose);
  if (!set.valid()) {
    return Hdf5Error(ErrorKind::kIo, fmt::format("cannot create data set {}", name));
  }
  return set;
}

// Writes `count` values at `begin`, which may lie behind the end so far.
Status WriteRange(hid_t set, hid_t type, int64_t begin, int64_t count,
                  const void* values) {
  const hsize_t size = begin + count, start = begin, length = count;
  if (H5Dset_extent(set, &size) < 0) {
    return Hdf5Error(ErrorKind::kIo, "cannot extend the data set");
  }
  const Hdf5Handle to(H5Dget_space(set), H5Sclose);
  const Hdf5Handle from(H5Screate_simple(1, &length, nullptr), H5Sclose);
  if (H5Sselect_hyperslab(to.get(), H5S_SELECT_SET, &start, nullptr, &length, nullptr) <
          0 ||
      H5Dwrite(set, type, from.get(), to.get(), H5P_DEFAULT, values) < 0) {
    return Hdf5Error(ErrorKind::kIo, "cannot write samples");
  }
  return Status::OK();
}

// One channel: what has been written, and what waits in memory behind that.
struct Column {
  std::string name;
  DataType data_type;
  SampleRate rate;
  std::vector<uint8_t> fill;
  Hdf5Handle type, set, mask;
  int64_t first_sample = 0;
  int64_t written = 0;  // samples
  std::vector<uint8_t> values;
  std::vector<uint8_t> missing;  // empty: none of the waiting samples is

  int64_t waiting() const {
    return static_cast<int64_t>(values.size()) / ByteWidth(data_type);
  }
  int64_t end() const { return first_sample + written + waiting(); }
  int64_t Chunk() const {
    return std::clamp<int64_t>(rate.hz(), kMinChunkBytes / ByteWidth(data_type),
                               kMaxChunkBytes / ByteWidth(data_type));
  }

  void AppendMissing(int64_t count) {
    if (missing.empty()) missing.assign(waiting(), 0);
    missing.resize(missing.size() + count, 1);
    const size_t before = values.size(), width = fill.size();
    values.resize(before + count * width);
    kernels::Fill(values.data() + before, fill.data(), width, count);
  }

  void Append(const SampleView& view) {
    if (view.all_missing()) return AppendMissing(view.length);
    const int64_t width = ByteWidth(data_type), before = waiting();
    values.insert(values.end(), view.values, view.values + view.length * width);
    const bool gaps = view.validity != nullptr &&
                      kernels::CountSetBits(view.validity, view.validity_offset,
                                            view.length) < view.length;
    if (!gaps && missing.empty()) return;
    missing.resize(before, 0);
    missing.resize(before + view.length, 0);
    if (!gaps) return;
    kernels::MaskFromBitmap(view.validity, view.validity_offset, view.length,
                            missing.data() + before);
    for (int64_t i = 0; i < view.length; ++i) {
      if (missing[before + i])
        std::copy(fill.begin(), fill.end(), &values[(before + i) * width]);
    }
  }
};

class Hdf5Writer final : public BlockWriter {
 public:
  Hdf5Writer(std::string path, std::shared_ptr<const ChannelSet> channels,
             WriterOptions options)
      : path_(std::move(path)),
        partial_(PartialPath(path_)),
        sequence_(path_, std::move(channels)),
        options_(options) {}

  ~Hdf5Writer() override {
    Hdf5Session session;
    CloseFile();
    if (!done_) unlink(partial_.c_str());
  }

  Status Init() {
    Hdf5Session session;
    file_ = Hdf5Handle(
        H5Fcreate(partial_.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    if (!file_.valid()) return Hdf5Error(ErrorKind::kIo, "cannot create " + path_);
    for (const Channel& channel : sequence_.channels().channels()) {
      Column column;
      column.name = channel.name;
      column.data_type = channel.data_type;
      column.rate = channel.sample_rate;
      column.fill = FillValue(channel.data_type);
      column.type = Hdf5TypeOf(channel.data_type);
      columns_.push_back(std::move(column));
    }
    return Status::OK();
  }

  Status Write(const SeriesBlock& block) override {
    ARROW_RETURN_NOT_OK(sequence_.Accept(block));
    if (!started_) ARROW_RETURN_NOT_OK(Start(block.time()));
    for (size_t i = 0; i < columns_.size(); ++i) {
      ARROW_RETURN_NOT_OK(Append(columns_[i], block.time(), block.view(i)));
    }
    return buffered_ >= options_.buffered_bytes ? Flush() : Status::OK();
  }

  Status Close() override {
    if (!started_) ARROW_RETURN_NOT_OK(Start(GpsTime()));
    ARROW_RETURN_NOT_OK(Flush());
    {
      Hdf5Session session;
      if (H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) < 0) {
        return Hdf5Error(ErrorKind::kIo, "cannot write to " + path_);
      }
      if (!CloseFile()) return Hdf5Error(ErrorKind::kIo, "cannot close " + path_);
    }
    ARROW_RETURN_NOT_OK(RenameFile(partial_, path_));
    done_ = true;
    return Status::OK();
  }

  int64_t bytes_written() const override { return sequence_.bytes(); }

 private:
  bool CloseFile() {
    bool good = true;
    for (Column& column : columns_) {
      for (Hdf5Handle* handle : {&column.set, &column.mask, &column.type}) {
        good = handle->Close() && good;
      }
    }
    return file_.Close() && good;
  }

  Status Start(GpsTime time) {
    Hdf5Session session;
    for (Column& column : columns_) {
      column.first_sample = FirstSampleAt(column.rate, time);
      auto set = CreateDataset(file_.get(), column.name, column.type.get(),
                               column.Chunk(), column.fill.data(), false);
      ARROW_RETURN_NOT_OK(WithContext(set.status(), path_));
      column.set = std::move(*set);
      const GpsTime first = TimeOfSample(column.rate, column.first_sample);
      Status status = WriteText(column.set.get(), "name", column.name);
      status &= WriteText(column.set.get(), "channel", column.name);
      status &= WriteText(column.set.get(), "unit", "");
      status &= WriteText(column.set.get(), "xunit", "s");
      status &= WriteNumber(column.set.get(), "x0", first.seconds());
      status &= WriteNumber(column.set.get(), "dx", 1.0 / column.rate.hz());
      ARROW_RETURN_NOT_OK(WithContext(status, path_));
    }
    started_ = true;
    return Status::OK();
  }

  Status Append(Column& column, GpsTime time, const SampleView& view) {
    int64_t hole = FirstSampleAt(column.rate, time) - column.end();
    const int64_t most =
        std::max<int64_t>(1, options_.buffered_bytes / column.fill.size());
    while (hole > 0) {
      const int64_t part = std::min(hole, most);
      column.AppendMissing(part);
      buffered_ += part * column.fill.size();
      hole -= part;
      if (buffered_ >= options_.buffered_bytes) ARROW_RETURN_NOT_OK(Flush());
    }
    column.Append(view);
    buffered_ += view.length * ByteWidth(column.data_type);
    return Status::OK();
  }

  Status Flush() {
    Hdf5Session session;
    for (Column& column : columns_) {
      ARROW_RETURN_NOT_OK(
          WithContext(FlushColumn(column), fmt::format("{}: {}", path_, column.name)));
    }
    buffered_ = 0;
    return Status::OK();
  }

  Status FlushColumn(Column& column) {
    const int64_t count = column.waiting();
    if (count == 0) return Status::OK();
    ARROW_RETURN_NOT_OK(WriteRange(column.set.get(), column.type.get(), column.written,
                                   count, column.values.data()));
    if (!column.missing.empty()) {
      if (!column.mask.valid()) {
        const uint8_t present = 0;
        ARROW_ASSIGN_OR_RAISE(
            column.mask, CreateDataset(file_.get(), "mask/" + column.name,
                                       H5T_NATIVE_UINT8, column.Chunk(), &present, true));
      }
      ARROW_RETURN_NOT_OK(WriteRange(column.mask.get(), H5T_NATIVE_UINT8, column.written,
                                     count, column.missing.data()));
    }
    column.written += count;
    column.values.clear();
    column.missing.clear();
    if (!column.mask.valid()) return Status::OK();
    const hsize_t size = column.written;
    if (H5Dset_extent(column.mask.get(), &size) < 0) {
      return Hdf5Error(ErrorKind::kIo, "cannot extend the mask");
    }
    return Status::OK();
  }

  const std::string path_, partial_;
  BlockSequence sequence_;
  const WriterOptions options_;
  Hdf5Handle file_;
  std::vector<Column> columns_;
  int64_t buffered_ = 0;  // bytes
  bool started_ = false;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<BlockWriter>> OpenHdf5Writer(
    const std::string& path, std::shared_ptr<const ChannelSet> channels,
    const WriterOptions& options) {
  auto writer = std::make_unique<Hdf5Writer>(path, std::move(channels), options);
  ARROW_RETURN_NOT_OK(writer->Init());
  return writer;
}

}  // namespace carryall::files
