#include "carryall/files/hdf5_layout.h"

#include <cmath>
#include <set>
#include <utility>

#include "carryall/files/hdf5_attribute.h"
#include "carryall/model/sample_grid.h"

namespace carryall::files {
namespace {

constexpr size_t kMaxObjects = 1'000'000;
constexpr size_t kMaxDepth = 32;
// The best ratio of zlib's deflate, about 1032:1, and room for tiny files.
constexpr int64_t kMaxExpansion = 1040;
constexpr int64_t kSmallFileBytes = int64_t{1} << 20;

#if H5_VERSION_GE(1, 12, 0)
using ObjectInfo = H5O_info1_t;
#else
using ObjectInfo = H5O_info_t;
#endif

// What a file of GWOSC says about all of its data sets.
struct Gwosc {
  std::string detector;
  std::string rate_word;  // as in GWOSC's own channel names: 4KHZ, 16KHZ
  Hdf5Number start;
  Hdf5Number duration;
};

struct Attributes {
  const char* start = nullptr;
  const char* spacing = nullptr;
  const char* unit = "unit";
};

bool Has(hid_t object, const char* attribute) { return H5Aexists(object, attribute) > 0; }

Attributes FindAttributes(hid_t set) {
  Attributes out;
  for (const char* name : {"x0", "Xstart"}) {
    if (Has(set, name) && out.start == nullptr) out.start = name;
  }
  for (const char* name : {"dx", "sample_rate", "Xspacing"}) {
    if (Has(set, name) && out.spacing == nullptr) out.spacing = name;
  }
  if (!Has(set, "unit") && Has(set, "Yunits")) out.unit = "Yunits";
  return out;
}

Result<SampleRate> RateOf(double hz, double tolerance, const std::string& what) {
  const double whole = std::round(hz);
  if (!std::isfinite(hz) || whole < 1 || whole > 1e9 ||
      std::abs(hz - whole) > whole * tolerance) {
    return Error(
        ErrorKind::kUnsupported,
        "{} means {} Hz, only whole numbers of Hz from 1 to 1000000000 can be read", what,
        hz);
  }
  return SampleRate::Make(static_cast<int64_t>(whole));
}

Result<SampleRate> ReadRate(hid_t set, const char* attribute) {
  ARROW_ASSIGN_OR_RAISE(const auto number, ReadNumber(set, attribute));
  const std::string what = fmt::format("attribute {} = {}", attribute, number->value);
  // A spacing was computed in double precision by whoever wrote it.
  if (std::string_view(attribute) == "sample_rate") return RateOf(number->value, 0, what);
  return RateOf(1 / number->value, 1e-9, what);
}

// A start in double precision is as exact as that is: 0.12 us around GPS 1e9. The sample
// within that distance is meant.
Result<int64_t> FirstSample(const Hdf5Number& start, SampleRate rate,
                            const char* attribute) {
  if (!(std::abs(start.value) < 9.2e9)) {
    return Error(ErrorKind::kInvalidArgument,
                 "attribute {} = {} is not a GPS time in seconds", attribute,
                 start.value);
  }
  if (start.integer) return *start.integer * rate.hz();
  const long double position = static_cast<long double>(start.value) * rate.hz();
  const long double sample = std::round(position);
  const double ulp =
      std::nextafter(std::abs(start.value), INFINITY) - std::abs(start.value);
  if (std::abs(position - sample) > static_cast<long double>(ulp + 1e-9) * rate.hz()) {
    return Error(
        ErrorKind::kInvalidArgument,
        "attribute {} = {:.9f} lies between two samples at {} Hz (counted from GPS 0)",
        attribute, start.value, rate.hz());
  }
  return static_cast<int64_t>(sample);
}

Result<std::string> ChannelNameOf(hid_t set, const std::string& path) {
  for (const char* attribute : {"channel", "name"}) {
    ARROW_ASSIGN_OR_RAISE(const auto text, ReadText(set, attribute));
    if (text && ParseChannelName(*text).ok()) return *text;
  }
  const std::string leaf = path.substr(path.rfind('/') + 1);
  if (ParseChannelName(leaf).ok()) return leaf;
  return Error(
      ErrorKind::kInvalidArgument,
      "neither attribute channel, nor attribute name, nor the data set's own name is "
      "a channel name '<domain>:<subsystem>...'");
}

const char* GwoscSuffix(const std::string& path) {
  if (path == "/strain/Strain") return "STRAIN";
  if (path == "/quality/simple/DQmask") return "DQMASK";
  if (path == "/quality/injections/Injmask") return "INJMASK";
  return nullptr;
}

// A file can hold only so much: whatever claims more is a trap for our memory.
Status CheckStorage(hid_t set, int64_t samples, int64_t width, int64_t file_bytes) {
  const int64_t most = file_bytes > (INT64_MAX - kSmallFileBytes) / kMaxExpansion
                           ? INT64_MAX
                           : file_bytes * kMaxExpansion + kSmallFileBytes;
  if (samples > most / width) {
    return Error(ErrorKind::kCorrupt,
                 "{} samples of {} bytes are more than the file can hold", samples,
                 width);
  }
  const Hdf5Handle plan(H5Dget_create_plist(set), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(plan.get());
  if (layout == H5D_VIRTUAL || H5Pget_external_count(plan.get()) != 0) {
    return Error(ErrorKind::kUnsupported, "the samples are stored in other files");
  }
  hsize_t chunk = 0;
  if (layout == H5D_CHUNKED && (H5Pget_chunk(plan.get(), 1, &chunk) != 1 ||
                                chunk > static_cast<hsize_t>(most / width))) {
    return Error(ErrorKind::kCorrupt,
                 "chunks of {} samples are more than the file can hold", chunk);
  }
  const int filters = H5Pget_nfilters(plan.get());
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, config = 0;
    size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t id = H5Pget_filter2(plan.get(), i, &flags, &values, nullptr,
                                           sizeof(name), name, &config);
    if (id < 0 || H5Zfilter_avail(id) <= 0) {
      return Error(ErrorKind::kUnsupported, "filter {} ({}) is not available", int{id},
                   name);
    }
  }
  return Status::OK();
}

// Reads group by group, each once, so that neither depth nor cycles cost stack.
class Discovery {
 public:
  Discovery(hid_t file, int64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  Result<Hdf5Layout> Run() {
    ARROW_RETURN_NOT_OK(ReadGwosc());
    groups_.push_back({"/", 0});
    while (!groups_.empty()) {
      const auto [path, depth] = std::move(groups_.back());
      groups_.pop_back();
      ARROW_RETURN_NOT_OK(VisitGroup(path, depth));
    }
    return std::move(out_);
  }

 private:
  struct Group {
    std::string path;
    size_t depth;
  };
  struct Child {
    std::string name;
    bool hard;
  };
  using Children = std::vector<Child>;

  static herr_t Collect(hid_t, const char* name, const H5L_info_t* info, void* data) {
    auto& children = *static_cast<Children*>(data);
    if (children.size() >= kMaxObjects) return 1;
    children.push_back({name, info->type == H5L_TYPE_HARD});
    return 0;
  }

  Status ReadGwosc() {
    Gwosc gwosc;
    ARROW_ASSIGN_OR_RAISE(auto detector, ReadTextDataset(file_, "/meta/Detector"));
    ARROW_ASSIGN_OR_RAISE(auto start, ReadNumberDataset(file_, "/meta/GPSstart"));
    ARROW_ASSIGN_OR_RAISE(auto duration, ReadNumberDataset(file_, "/meta/Duration"));
    if (!detector || !start || !duration) return Status::OK();
    gwosc.detector = *detector;
    gwosc.start = *start;
    gwosc.duration = *duration;
    gwosc_ = std::move(gwosc);
    return Status::OK();
  }

  Status VisitGroup(const std::string& path, size_t depth) {
    const Hdf5Handle group(H5Gopen2(file_, path.c_str(), H5P_DEFAULT), H5Gclose);
    if (!group.valid()) {
      return Hdf5Error(ErrorKind::kCorrupt,
                       fmt::format("group {} cannot be opened", path));
    }
    if (!FirstVisit(group.get())) return Status::OK();
    Children children;
    const herr_t listed =
        H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, Collect, &children);
    if (listed < 0) {
      return Hdf5Error(ErrorKind::kCorrupt,
                       fmt::format("group {} cannot be listed", path));
    }
    visited_links_ += children.size();
    if (visited_links_ >= kMaxObjects) {
      return Error(ErrorKind::kResourceExhausted, "more than {} objects", kMaxObjects);
    }
    // Last in, first out: sub-groups are pushed in reverse to be visited in order of
    // name.
    std::vector<Group> below;
    for (const Child& child : children) {
      const std::string at = (path == "/" ? "/" : path + "/") + child.name;
      if (!child.hard) {
        out_.skipped.push_back(at + ": a soft or external link");
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const bool is_group, VisitObject(at));
      if (!is_group) continue;
      if (depth + 1 >= kMaxDepth) {
        return Error(ErrorKind::kResourceExhausted,
                     "groups are nested deeper than {}: {}", kMaxDepth,
                     at.substr(0, 128));
      }
      below.push_back({at, depth + 1});
    }
    groups_.insert(groups_.end(), below.rbegin(), below.rend());
    return Status::OK();
  }

  bool FirstVisit(hid_t group) {
    ObjectInfo info;
    return H5Oget_info2(group, &info, H5O_INFO_BASIC) >= 0 &&
           visited_.insert(info.addr).second;
  }

  Result<bool> VisitObject(const std::string& path) {
    const Hdf5Handle object(H5Oopen(file_, path.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object.valid()) {
      return Hdf5Error(ErrorKind::kCorrupt,
                       fmt::format("object {} cannot be opened", path));
    }
    const H5I_type_t kind = H5Iget_type(object.get());
    if (kind == H5I_GROUP) return true;
    if (kind != H5I_DATASET) return false;
    ARROW_RETURN_NOT_OK(
        WithContext(VisitDataset(object.get(), path), fmt::format("data set {}", path)));
    return false;
  }

  void Skip(const std::string& path, std::string reason) {
    out_.skipped.push_back(path + ": " + std::move(reason));
  }

  Status VisitDataset(hid_t set, const std::string& path) {
    const Hdf5Handle type(H5Dget_type(set), H5Tclose);
    const Hdf5Handle space(H5Dget_space(set), H5Sclose);
    const Attributes names = FindAttributes(set);
    const char* suffix = gwosc_ ? GwoscSuffix(path) : nullptr;
    const auto data_type = DataTypeOfHdf5(type.get());
    const int dimensions = H5Sget_simple_extent_ndims(space.get());
    const bool named = ParseChannelName(path.substr(path.rfind('/') + 1)).ok();
    const bool bare = names.start == nullptr && names.spacing == nullptr;
    if (bare && path.rfind("/mask/", 0) == 0) return Status::OK();
    if (bare && suffix == nullptr && !(named && dimensions == 1 && data_type.ok())) {
      Skip(path, "has no attributes x0 and dx");
      return Status::OK();
    }
    if (dimensions != 1) {
      Skip(path, fmt::format("has {} dimensions, a series has one", dimensions));
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto x_unit, ReadText(set, "xunit"));
    if (x_unit && *x_unit != "s" && *x_unit != "second") {
      Skip(path,
           fmt::format("is not a series in time: attribute xunit is '{}'", *x_unit));
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(data_type.status());
    Hdf5Series series;
    series.path = path;
    series.samples = H5Sget_simple_extent_npoints(space.get());
    series.series.channel.data_type = *data_type;
    series.series.where = fmt::format("data set {}", path);
    if (series.samples <= 0) {
      Skip(path, "has no samples");
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(
        CheckStorage(set, series.samples, ByteWidth(*data_type), file_bytes_));
    ARROW_RETURN_NOT_OK(Locate(set, names, suffix, &series));
    ARROW_RETURN_NOT_OK(Describe(set, names, suffix, &series));
    out_.series.push_back(std::move(series));
    return Status::OK();
  }

  // Start and rate.
  Status Locate(hid_t set, const Attributes& names, const char* suffix,
                Hdf5Series* series) {
    const bool gwosc = suffix != nullptr;
    if (names.spacing != nullptr) {
      ARROW_ASSIGN_OR_RAISE(series->series.channel.sample_rate,
                            ReadRate(set, names.spacing));
    } else if (gwosc) {
      ARROW_ASSIGN_OR_RAISE(
          series->series.channel.sample_rate,
          RateOf(static_cast<double>(series->samples) / gwosc_->duration.value, 1e-9,
                 fmt::format("meta/Duration = {} for {} samples", gwosc_->duration.value,
                             series->samples)));
    } else {
      return Error(ErrorKind::kInvalidArgument,
                   "attribute dx (or sample_rate) is missing");
    }
    const SampleRate rate = series->series.channel.sample_rate;
    if (names.start != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const auto start, ReadNumber(set, names.start));
      ARROW_ASSIGN_OR_RAISE(series->first_sample, FirstSample(*start, rate, names.start));
    } else if (gwosc) {
      ARROW_ASSIGN_OR_RAISE(series->first_sample,
                            FirstSample(gwosc_->start, rate, "meta/GPSstart"));
    } else {
      return Error(ErrorKind::kInvalidArgument, "attribute x0 is missing");
    }
    return Status::OK();
  }

  // Name, unit and gaps.
  Status Describe(hid_t set, const Attributes& names, const char* suffix,
                  Hdf5Series* series) {
    Channel& channel = series->series.channel;
    if (suffix != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const std::string word, GwoscRateWord());
      channel.name = fmt::format("{}:GWOSC-{}_{}", gwosc_->detector, word, suffix);
      ARROW_RETURN_NOT_OK(ParseChannelName(channel.name).status());
      series->nan_is_gap = channel.data_type >= DataType::kFloat16;
    } else {
      ARROW_ASSIGN_OR_RAISE(channel.name, ChannelNameOf(set, series->path));
    }
    ARROW_ASSIGN_OR_RAISE(const auto unit, ReadText(set, names.unit));
    series->series.unit = unit.value_or("");
    return FindMask(series);
  }

  // The gaps that our own writer put beside a series.
  Status FindMask(Hdf5Series* series) {
    const std::string path = "/mask" + series->path;
    if (!HardPathExists(file_, path)) return Status::OK();
    const Hdf5Handle set(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), H5Dclose);
    if (!set.valid()) {
      return Hdf5Error(ErrorKind::kCorrupt,
                       fmt::format("mask {} cannot be opened", path));
    }
    const Hdf5Handle type(H5Dget_type(set.get()), H5Tclose);
    const Hdf5Handle space(H5Dget_space(set.get()), H5Sclose);
    const auto data_type = DataTypeOfHdf5(type.get());
    if (!data_type.ok() || *data_type != DataType::kUint8 ||
        H5Sget_simple_extent_ndims(space.get()) != 1 ||
        H5Sget_simple_extent_npoints(space.get()) != series->samples) {
      return Error(ErrorKind::kInvalidArgument, "mask {} is not {} values of type uint8",
                   path, series->samples);
    }
    series->mask_path = path;
    return WithContext(CheckStorage(set.get(), series->samples, 1, file_bytes_), path);
  }

  Result<std::string> GwoscRateWord() {
    if (!gwosc_->rate_word.empty()) return gwosc_->rate_word;
    const Hdf5Handle set(H5Dopen2(file_, "/strain/Strain", H5P_DEFAULT), H5Dclose);
    if (!set.valid()) {
      return Error(ErrorKind::kInvalidArgument,
                   "the file has no data set /strain/Strain");
    }
    Hdf5Series strain;
    const Hdf5Handle space(H5Dget_space(set.get()), H5Sclose);
    strain.samples = H5Sget_simple_extent_npoints(space.get());
    ARROW_RETURN_NOT_OK(Locate(set.get(), FindAttributes(set.get()), "STRAIN", &strain));
    const int32_t hz = strain.series.channel.sample_rate.hz();
    gwosc_->rate_word =
        hz % 1024 == 0 ? fmt::format("{}KHZ", hz / 1024) : fmt::format("{}HZ", hz);
    return gwosc_->rate_word;
  }

  hid_t file_;
  int64_t file_bytes_;
  std::optional<Gwosc> gwosc_;
  std::vector<Group> groups_;
  std::set<haddr_t> visited_;
  size_t visited_links_ = 0;
  Hdf5Layout out_;
};

}  // namespace

Result<Hdf5Layout> DiscoverHdf5(hid_t file, int64_t file_bytes) {
  return Discovery(file, file_bytes).Run();
}

}  // namespace carryall::files
